/** Places where the compiler is asked to look away: `as never`, `as unknown as`, `any`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { typescriptFiles } from "./code.ts";

/** Casts that may stay in a file, and why. */
export type AllowedCasts = Readonly<Record<string, { readonly casts: number; readonly reason: string }>>;

/** Folders between which and the generated clients nothing may be cast. */
const CLIENT_FOLDERS = ["src/aureus", "src/4runr", "src/neuron", "src/http"];

/** Lines, from 1, of the casts in a text; a line with two casts is there twice. */
export function castLines(text: string): number[] {
  const file = ts.createSourceFile("casts.ts", text, ts.ScriptTarget.Latest, false);
  const found: number[] = [];
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.AnyKeyword || isBlindCast(node))
      found.push(file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** `as never`, and `as unknown as`. */
function isBlindCast(node: ts.Node): boolean {
  if (!ts.isAssertionExpression(node)) return false;
  if (node.type.kind === ts.SyntaxKind.NeverKeyword) return true;
  let inner = node.expression;
  while (ts.isParenthesizedExpression(inner)) inner = inner.expression;
  return ts.isAssertionExpression(inner) && inner.type.kind === ts.SyntaxKind.UnknownKeyword;
}

/**
 * Casts per folder of `src`, and under `runtime to client` those of the HTTP runtimes and the generated clients.
 * Allowed casts are not counted; one that is allowed and no longer there is a finding.
 */
export function countCasts(root: string, allowed: AllowedCasts) {
  const byFolder: Record<string, number> = { "runtime to client": 0 };
  const stale = new Map(Object.entries(allowed).map(([file, { casts }]) => [file, casts]));
  const clients = typescriptFiles(root, "gen").filter((name) => name.endsWith("/client.ts"));
  for (const name of [...typescriptFiles(root, "src"), ...clients]) {
    const casts = castLines(readFileSync(join(root, name), "utf8")).length;
    const permitted = Math.min(casts, allowed[name]?.casts ?? 0);
    stale.set(name, (stale.get(name) ?? 0) - permitted);
    const folder = name.split("/").slice(0, 2).join("/");
    if (name.startsWith("src/")) byFolder[folder] = (byFolder[folder] ?? 0) + casts - permitted;
    if (CLIENT_FOLDERS.includes(folder) || name.startsWith("gen/"))
      byFolder["runtime to client"]! += casts - permitted;
  }
  const findings = [...stale]
    .filter(([, left]) => left > 0)
    .map(([name, left]) => `allowedCasts: ${name} has ${left} fewer than allowed; lower or remove its entry`);
  return { byFolder, findings };
}
