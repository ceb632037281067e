/** `llms.txt`: an index for language models. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { entryExports } from "./exports.ts";

/** The index: what the package is, its guides, its entries. */
export function llmsText(root: string): string {
  const { description } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    description: string;
  };
  const guides = readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => {
      const text = readFileSync(join(root, "docs", name), "utf8");
      return `- [${/^# (.+)$/m.exec(text)?.[1] ?? name}](docs/${name}): ${lead(text)}`;
    });
  const entries = entryExports(root).map(({ entry, summary, exports }) => {
    const values = exports.filter(({ kind }) => kind !== "type").map(({ name }) => name);
    const shown = entry.startsWith("agentwire/gen/") ? "" : ` Exports ${values.join(", ")}.`;
    return `- \`${entry}\`: ${summary || "Generated: types, client, operation table and schemas."}${shown}`;
  });
  return [
    "# agentwire",
    `> ${description}`,
    "ESM, Node 20.19 or later, browsers, Bun, Deno and workerd. Import each protocol by its subpath; every name below is exported from the entry it stands under.",
    "## Guides",
    [
      "- [README](README.md): what it is, a quick start, guides, and what it was tested against",
      ...guides,
    ].join("\n"),
    "## Entries",
    entries.join("\n"),
    "## Optional",
    "- [Contributing](CONTRIBUTING.md): how specs become code, what a good change has\n- [Changelog](CHANGELOG.md)",
    "",
  ]
    .join("\n\n")
    .replace(/\n+$/, "\n");
}

/** The first sentence of prose; for a guide that starts with code, its headings. */
function lead(text: string): string {
  const [, afterTitle = ""] = text.split(/^# .+\n/m);
  const first = afterTitle.trim().split("\n\n")[0]!.replace(/\s+/g, " ");
  if (first !== "" && !/^(?:<!--|```|\||-)/.test(first))
    return first.split(/(?<=\.)\s/)[0]!.replace(/\.$/, "");
  return [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading!.toLowerCase()).join("; ");
}
