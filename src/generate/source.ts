import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { YamlPath } from "./editable.js";
import { type Finding, SpecError } from "./finding.js";

export type { YamlPath } from "./editable.js";

/** A YAML or JSON file with its data and the way back from a path to a line. */
export interface Source {
  /** Path below the project root, as messages show it. */
  readonly file: string;
  /** Absolute path. */
  readonly path: string;
  readonly text: string;
  readonly data: unknown;
  /** A finding at the value under `path`, or at its nearest ancestor that exists. */
  finding(path: YamlPath, message: string, rule?: Pick<Finding, "rule" | "severity">): Finding;
}

/** Offset of the key (or item) that `path` leads to, as far as the document goes. */
function offsetOf(document: Document.Parsed, path: YamlPath): number {
  let node: Node | null = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document) ?? null;
    if (isMap<Node, Node | null>(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq<Node>(node)) {
      const item: Node | undefined = node.items[Number(step)];
      if (item === undefined) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else {
      break;
    }
  }
  return offset;
}

/** The value of a JSON text; undefined for anything else. Large documents are read many times faster so. */
function parseJson(text: string): unknown {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Reads a YAML or JSON file below `root`. @throws SpecError when it is missing or is neither. */
export function readSource(root: string, file: string): Source {
  const path = join(root, file);
  let text: string;
  try {
    text = readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch {
    throw new SpecError([{ file, line: 1, column: 1, message: "cannot be read" }]);
  }
  const lines = new LineCounter();
  let document: Document.Parsed | undefined;
  const parse = () => {
    document ??= parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
    return document;
  };
  const at = (offset: number, message: string): Finding => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), message };
  };
  let data = parseJson(text);
  if (data === undefined) {
    // The first one is the cause; the parser stumbles over what follows because of it.
    const [broken] = parse().errors;
    if (broken !== undefined) throw new SpecError([at(broken.pos[0], broken.message)]);
    try {
      data = parse().toJS({ maxAliasCount: 10_000 });
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error;
      throw new SpecError([at(0, `${error.message}: an alias has no anchor, or aliases multiply`)]);
    }
  }
  return {
    file,
    path,
    text,
    data,
    finding: (where, message, rule) => ({ ...at(offsetOf(parse(), where), message), ...rule }),
  };
}
