/**
 * Who may import whom: core <- http, worker <- gen <- the four protocols <- testing, cli, examples. Protocols never
 * import each other; only the bridge may import several.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import ts from "typescript";

/** An import that breaks a rule. */
export interface ImportFinding {
  readonly file: string;
  readonly imports: string;
  readonly rule: string;
}

const PROTOCOLS = ["cap", "neuron", "aureus", "4runr"];

/** For each folder of `src`, the folders it may import from besides itself. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  http: ["core"],
  worker: ["core", "handler"],
  ...Object.fromEntries(
    PROTOCOLS.map((name) => [name, ["core", "http", "worker", "handler", `gen/${name}`]]),
  ),
  bridge: ["core", "http", "handler", ...PROTOCOLS, ...PROTOCOLS.map((name) => `gen/${name}`)],
  otel: ["core", "http", "worker", ...PROTOCOLS],
  testing: ["core", "http", "handler", "bridge", ...PROTOCOLS, ...PROTOCOLS.map((name) => `gen/${name}`)],
  cli: [
    "index",
    "core",
    "http",
    "handler",
    "bridge",
    "testing",
    "generate",
    ...PROTOCOLS,
    ...PROTOCOLS.map((name) => `gen/${name}`),
  ],
  index: ["core", "http"],
  handler: ["core"],
  generate: ["core"],
};

/** Folders of which only types may be imported: what the generator writes is described by its runtime. */
const TYPES: Readonly<Record<string, readonly string[]>> = { generate: ["http"] };

/** Folders and files that run on Node only. Nothing else may import `node:` modules as values. */
const NODE_ONLY = [
  /^cli\//,
  /^generate\//,
  /^cap\/(redis|file|nats|jetstream)\//,
  /^neuron\/auth\//,
  /^testing\/node\//,
  /^http\/transport-node\.ts$/,
  /^aureus\/telemetry-spool\.ts$/,
];

/** Checks every file under `src`. */
export function checkImports(src: string): ImportFinding[] {
  const findings: ImportFinding[] = [];
  for (const name of readdirSync(src, { recursive: true, encoding: "utf8" }).sort()) {
    if (!name.endsWith(".ts")) continue;
    const path = name.replaceAll("\\", "/");
    for (const found of importsOf(readFileSync(join(src, name), "utf8"))) {
      const rule = brokenRule(src, path, found);
      if (rule !== undefined) findings.push({ file: `src/${path}`, imports: found.specifier, rule });
    }
  }
  return findings;
}

interface FoundImport {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** All modules a file names: static, re-exported and dynamic imports, types included. */
export function importsOf(text: string): FoundImport[] {
  const file = ts.createSourceFile("file.ts", text, ts.ScriptTarget.ES2022, true);
  const found: FoundImport[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      if (node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
        const typeOnly = ts.isImportDeclaration(node)
          ? node.importClause?.isTypeOnly === true
          : node.isTypeOnly;
        found.push({ specifier: node.moduleSpecifier.text, typeOnly });
      }
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [target] = node.arguments;
      if (target !== undefined && ts.isStringLiteral(target))
        found.push({ specifier: target.text, typeOnly: false });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function brokenRule(src: string, path: string, { specifier, typeOnly }: FoundImport): string | undefined {
  if (specifier.startsWith("node:")) {
    if (typeOnly || NODE_ONLY.some((pattern) => pattern.test(path))) return undefined;
    return "a module that also runs in browsers must not import node: modules";
  }
  if (!specifier.startsWith(".")) return undefined;
  const from = folderOf(path);
  const to = folderOf(relative(src, join(src, dirname(path), specifier)).replaceAll("\\", "/"));
  if (from === to) return undefined;
  const allowed = ALLOWED[from];
  if (allowed === undefined) return `src/${from} has no rule in scripts/imports/rules.ts`;
  return allowed.includes(to) || (typeOnly && TYPES[from]?.includes(to))
    ? undefined
    : `${from} must not import ${to}`;
}

/** `cap` for cap/wire/x.ts, `gen/cap` for ../gen/cap/x.ts, `index` for index.ts. */
function folderOf(path: string): string {
  const parts = path.split("/");
  if (parts[0] === "..") return parts.slice(1, 3).join("/");
  return parts.length === 1 ? parts[0]!.replace(/\.[jt]s$/, "") : parts[0]!;
}
