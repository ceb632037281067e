/** The tables of docs/errors.md, made from the sources: every error class, and every code they are thrown with. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import { packageEntries } from "../sizes/entries.ts";

/** An exported error class. */
export interface ErrorClass {
  readonly name: string;
  /** Entry that exports it. */
  readonly from: string;
  readonly code: string;
  readonly retryable: boolean;
  /** Classes that `instanceof` also knows it as, nearest first, without `AgentwireError`. */
  readonly also: readonly string[];
  readonly means: string;
}

/** A code other than the one of its class. */
export interface ErrorCode {
  readonly code: string;
  readonly classes: readonly string[];
  /** Folders of `src` that use it. */
  readonly areas: readonly string[];
}

type Constructor = (new (
  ...args: never[]
) => unknown) & {
  readonly brands?: readonly string[];
  readonly defaultCode: string;
  readonly defaultRetryable: boolean;
};

/** All error classes that the package exports, entry by entry. */
export async function errorClasses(root: string): Promise<ErrorClass[]> {
  const comments = firstSentences(root);
  const found = new Map<string, ErrorClass>();
  let base: Constructor | undefined;
  for (const { name: from, source } of packageEntries(root)) {
    if (from.startsWith("agentwire/gen/")) continue;
    const module = (await import(pathToFileURL(join(root, source)).href)) as Record<string, unknown>;
    base ??= module.AgentwireError as Constructor;
    const names = Object.keys(module).sort(); // loaders differ in their order
    for (const value of names.map((name) => module[name])) {
      if (typeof value !== "function" || typeof value.prototype !== "object") continue;
      const type = value as Constructor;
      if (type !== base && !Object.prototype.isPrototypeOf.call(base.prototype, value.prototype)) continue;
      if (found.has(type.name)) continue;
      const { code, retryable } = sample(type);
      const also = ancestorBrands(type).filter((brand) => brand !== type.name && brand !== "AgentwireError");
      found.set(type.name, {
        name: type.name,
        from,
        code,
        retryable,
        also,
        means: comments.get(type.name) ?? "",
      });
    }
  }
  return [...found.values()];
}

/** All codes that are written out where an error is made. */
export function errorCodes(root: string): ErrorCode[] {
  const found = new Map<string, { classes: Set<string>; areas: Set<string> }>();
  for (const [path, file] of sources(root)) {
    const visit = (node: ts.Node): void => {
      const code = literalCode(node);
      const type = code === undefined ? undefined : madeClass(node);
      if (code !== undefined && type !== undefined) {
        const entry = found.get(code) ?? { classes: new Set(), areas: new Set() };
        entry.classes.add(type);
        entry.areas.add(path.split("/").slice(0, -1).slice(0, 2).join("/"));
        found.set(code, entry);
      }
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return [...found]
    .map(([code, { classes, areas }]) => ({ code, classes: [...classes].sort(), areas: [...areas].sort() }))
    .sort((a, b) => (a.code < b.code ? -1 : 1));
}

/** The two tables, by the name of their block. */
export async function errorTables(root: string): Promise<Readonly<Record<string, string>>> {
  const classes = (await errorClasses(root)).map(
    ({ name, from, code, retryable, also, means }) =>
      `| \`${name}\` | \`${from}\` | \`${code}\` | ${retryable ? "yes" : "no"} | ${also.map((each) => `\`${each}\``).join(", ")} | ${means} |`,
  );
  const codes = errorCodes(root).map(
    ({ code, classes, areas }) =>
      `| \`${code}\` | ${classes.map((each) => `\`${each}\``).join(", ")} | ${areas.join(", ")} |`,
  );
  return {
    "error-classes": [
      "| class | exported by | code | retryable | also | means |",
      "| --- | --- | --- | --- | --- | --- |",
      ...classes,
    ].join("\n"),
    "error-codes": ["| code | class | thrown in |", "| --- | --- | --- |", ...codes].join("\n"),
  };
}

/** What an instance says of itself; where it cannot be made of a text alone, what its class does. */
function sample(type: Constructor): { readonly code: string; readonly retryable: boolean } {
  try {
    const { code, retryable } = new (
      type as unknown as new (
        text: string,
        info: object,
      ) => {
        readonly code: string;
        readonly retryable: boolean;
      }
    )("x", {});
    if (typeof code === "string" && code !== "x") return { code, retryable };
  } catch {
    // falls through
  }
  return { code: type.defaultCode, retryable: type.defaultRetryable };
}

function ancestorBrands(type: Constructor): string[] {
  const brands: string[] = [];
  for (
    let at: unknown = type;
    typeof at === "function" && at !== Function.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    if (Object.hasOwn(at, "brands")) brands.push(...(at as Constructor).brands!);
  }
  return [...new Set(brands)];
}

function* sources(root: string): Generator<readonly [string, ts.SourceFile]> {
  const generated = readFileSync(join(root, "gen/cap/errors.ts"), "utf8");
  yield ["cap/errors.ts", ts.createSourceFile("errors.ts", generated, ts.ScriptTarget.ES2022, true)];
  for (const name of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).sort()) {
    const path = name.replaceAll("\\", "/");
    if (!path.endsWith(".ts") || path.startsWith("testing/") || path.startsWith("cli/")) continue;
    const text = readFileSync(join(root, "src", name), "utf8");
    yield [path, ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true)];
  }
}

function firstSentences(root: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, file] of sources(root)) {
    for (const node of file.statements) {
      if (!ts.isClassDeclaration(node) || node.name === undefined) continue;
      const [comment] = ts.getJSDocCommentsAndTags(node);
      const text = ts.getTextOfJSDocComment(comment?.comment as string | undefined) ?? "";
      const [sentence = ""] = text.replace(/\s+/g, " ").split(/(?<=\.)\s/);
      found.set(node.name.text, sentence.replace(/\{@link ([^}]+)\}/g, "`$1`").replaceAll("|", "\\|"));
    }
  }
  return found;
}

/** `x` of a property `code: "x"`. */
function literalCode(node: ts.Node): string | undefined {
  if (!ts.isPropertyAssignment(node) || node.name.getText() !== "code") return undefined;
  return ts.isStringLiteral(node.initializer) && node.initializer.text !== ""
    ? node.initializer.text
    : undefined;
}

/** The class of the error that an options object is for. */
function madeClass(node: ts.Node): string | undefined {
  const object = node.parent;
  for (let at: ts.Node = object; at.parent !== undefined && !ts.isStatement(at); at = at.parent) {
    if (ts.isNewExpression(at.parent) && at.parent.arguments?.some((each) => each === at)) {
      const name = at.parent.expression.getText();
      return /(?:Error|Failure)$/.test(name) ? name : undefined;
    }
  }
  return undefined;
}
