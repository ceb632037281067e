/** Whether what documents point to is there: files, anchors, files named in passing, and scripts of the package. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { allDocuments, type Document } from "./documents.ts";
import { parseMarkdown } from "./markdown.ts";

/** What was looked at, and what is wrong. */
export interface LinkReport {
  readonly links: number;
  readonly anchors: number;
  readonly external: number;
  readonly mentions: number;
  readonly scripts: number;
  /** `file:line: what is wrong`. */
  readonly broken: readonly string[];
}

/** A path of this repository, written out: no placeholders. */
const MENTION =
  /^(?:\.?\/)?((?:src|gen|test|docs|specs|scripts|examples|bench|\.ci|\.github)\/[\w./-]*[\w/]|[\w.-]+\.(?:md|ya?ml|json|ts))$/;
/** Files at the top that a bare name may mean. A name of a file elsewhere proves nothing. */
const TOP_LEVEL = /^[A-Z]+\.md$|^(?:package\.json|openapi\.config\.ts)$/;
const OWN_COMMANDS = new Set(["install", "add", "exec", "pack"]);

/** Checks documents of the repository at `root`. External links are judged by their form alone. */
export function checkLinks(root: string, documents: readonly Document[] = allDocuments(root)): LinkReport {
  const report = { links: 0, anchors: 0, external: 0, mentions: 0, scripts: 0 };
  const broken: string[] = [];
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  for (const document of documents) {
    const tell = (line: number, what: string) => broken.push(`${document.path}:${line}: ${what}`);
    for (const { text, line } of document.links) {
      if (/^[a-z][a-z+.-]*:/i.test(text)) {
        report.external++;
        const problem = externalProblem(text);
        if (problem !== undefined) tell(line, problem);
        continue;
      }
      const [path, anchor] = splitAnchor(text);
      const target = path === "" ? document.path : normalize(join(dirname(document.path), path));
      report.links++;
      if (target.startsWith("..") || !existsSync(join(root, target))) tell(line, `${text} leads to no file`);
      else if (anchor !== undefined) {
        report.anchors++;
        if (!anchorsOf(root, target, document).has(anchor)) tell(line, `${text} leads to no heading`);
      }
    }
    for (const { text, line } of document.spans) {
      const path = MENTION.exec(text)?.[1];
      if (path === undefined || (!path.includes("/") && !TOP_LEVEL.test(path))) continue;
      report.mentions++;
      if (!existsSync(join(root, path))) tell(line, `\`${text}\` is no file`);
    }
    for (const { text, line } of shellLines(document)) {
      for (const [, name] of text.matchAll(/(?:^|\s)pnpm(?:@[\w.]+)? (?:run )?([a-z][\w:-]*)/g)) {
        report.scripts++;
        if (scripts[name!] === undefined && !OWN_COMMANDS.has(name!))
          tell(line, `there is no script "${name}"`);
      }
    }
  }
  return { ...report, broken };
}

function externalProblem(text: string): string | undefined {
  try {
    const { protocol, hostname } = new URL(text);
    if (protocol === "mailto:") return undefined;
    if (protocol !== "https:") return `${text} is not https`;
    return hostname.includes(".") ? undefined : `${text} names no public host`;
  } catch {
    return `${text} is not a URL`;
  }
}

function splitAnchor(link: string): readonly [string, string | undefined] {
  const at = link.indexOf("#");
  return at < 0 ? [link, undefined] : [link.slice(0, at), link.slice(at + 1)];
}

function anchorsOf(root: string, path: string, from: Document): ReadonlySet<string> {
  if (path === from.path) return from.anchors;
  return path.endsWith(".md") ? parseMarkdown(readFileSync(join(root, path), "utf8")).anchors : new Set();
}

/** Commands: code spans, and blocks for a shell. */
function shellLines(document: Document) {
  const blocks = document.blocks.filter(({ language }) => language === "sh" || language === "bash");
  return [...document.spans, ...blocks.map(({ code, line }) => ({ text: code, line }))];
}
