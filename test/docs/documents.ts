/** The documents of the repository. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Markdown, parseMarkdown } from "./markdown.ts";

/** A document, read and parsed. */
export interface Document extends Markdown {
  /** Path from the root of the repository. */
  readonly path: string;
  readonly text: string;
}

/** Everything that is checked: the files at the top, and `docs/`. */
export function allDocuments(root: string): Document[] {
  const guides = readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => `docs/${name}`);
  return ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...guides].map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    return { path, text, ...parseMarkdown(text) };
  });
}
