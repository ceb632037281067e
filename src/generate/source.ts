import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { type Finding, SpecError } from "./finding.js";

/** Where a value stands in a YAML document: its keys and indexes from the root. */
export type YamlPath = readonly (string | number)[];

/** A YAML file with its data and the way back from a path to a line. */
export interface Source {
  /** Path below the project root, as messages show it. */
  readonly file: string;
  /** Absolute path. */
  readonly path: string;
  readonly text: string;
  readonly data: unknown;
  /** A finding at the value under `path`, or at its nearest ancestor that exists. */
  finding(path: YamlPath, message: string): Finding;
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

/** Reads a YAML file below `root`. @throws SpecError when it is missing or is not YAML. */
export function readSource(root: string, file: string): Source {
  const path = join(root, file);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new SpecError([{ file, line: 1, column: 1, message: "cannot be read" }]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number, message: string): Finding => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), message };
  };
  // The first one is the cause; the parser stumbles over what follows because of it.
  const [broken] = document.errors;
  if (broken !== undefined) throw new SpecError([at(broken.pos[0], broken.message)]);
  return {
    file,
    path,
    text,
    data: document.toJS(),
    finding: (where, message) => at(offsetOf(document, where), message),
  };
}
