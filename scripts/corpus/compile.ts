import { existsSync, readdirSync } from "node:fs";
import { join, sep } from "node:path";
import ts from "typescript";

const root = join(import.meta.dirname, "..", "..");

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
}

/**
 * Compiles every folder below `out` in one program, under `strict` and with the libraries checked too.
 *
 * @returns the first error of each folder that has one, by its name
 */
export function compileErrors(out: string): Map<string, string> {
  const program = ts.createProgram(filesBelow(out), {
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2023.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    allowImportingTsExtensions: true,
    types: ["node"],
    typeRoots: [join(root, "node_modules", "@types")],
    paths: {
      "#transport": [join(root, "src/http/transport-node.ts")],
      "agentwire/*": [join(root, "src/*/index.ts")],
      "@bufbuild/protobuf/*": [join(root, "node_modules/@bufbuild/protobuf/dist/esm/*")],
    },
  });
  const found = new Map<string, string>();
  for (const { file, start = 0, messageText } of ts.getPreEmitDiagnostics(program)) {
    const path = file?.fileName.split("/").join(sep) ?? "";
    const isOurs = path.startsWith(`${out}${sep}`);
    const folder = isOurs ? path.slice(out.length + 1).split(sep)[0]! : "(elsewhere)";
    const { line } = file?.getLineAndCharacterOfPosition(start) ?? { line: 0 };
    const text = ts.flattenDiagnosticMessageText(messageText, " ");
    const place = isOurs ? path.slice(out.length + folder.length + 2) : path;
    if (!found.has(folder)) found.set(folder, `${place}:${line + 1}: ${text}`.slice(0, 300));
  }
  return found;
}
