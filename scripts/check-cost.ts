/**
 * `pnpm types:cost`: what the generated clients cost whoever compiles against them. For each document, a file that
 * calls every method once is compiled alone; the number of instantiations does not depend on the machine. Fails
 * above the ceiling of a document.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import ts from "typescript";
import config from "../agentwire.config.ts";

const root = join(import.meta.dirname, "..");
const folder = join(root, ".cache", "types-cost");

/** Instantiations. Generic calls inside the methods would cost some 2,000 per operation. */
const CEILINGS: Readonly<Record<string, number>> = {
  neuron: 20_000,
  "aureus/v1": 20_000,
  "aureus/console": 30_000,
  "4runr": 20_000,
};

/** A file that calls every method of the class in `client` once, with arguments of the types it asks for. */
function caller(client: string, from: string): string {
  const file = ts.createSourceFile(client, readFileSync(client, "utf8"), ts.ScriptTarget.ES2022, true);
  const place = (specifier: string): string => {
    if (!specifier.startsWith(".")) return specifier;
    const path = relative(from, join(dirname(client), specifier)).replaceAll("\\", "/");
    return path.startsWith(".") ? path : `./${path}`;
  };
  const imports = file.statements.filter(ts.isImportDeclaration).map((statement) => {
    const { text } = statement.moduleSpecifier as ts.StringLiteral;
    return statement.getText().replace(`"${text}"`, `"${place(text)}"`);
  });
  const [owner] = file.statements.filter(ts.isClassDeclaration);
  const name = owner!.name!.text;
  const calls = owner!.members.filter(ts.isMethodDeclaration).flatMap((method) => {
    if (!ts.isIdentifier(method.name)) return [];
    const given = method.parameters.map((parameter) => parameter.type!.getText());
    const parameters = given.map((type, index) => `, _${index}: ${type}`).join("");
    const call = `client.${method.name.text}(${given.map((_, index) => `_${index}`).join(", ")})`;
    const use = method.type!.getText().startsWith("AsyncIterable")
      ? `for await (const event of ${call}) return event;\n  return undefined;`
      : `return await ${call};`;
    return [`export async function ${method.name.text}(client: ${name}${parameters}) {\n  ${use}\n}\n`];
  });
  return `${imports.join("\n")}\nimport type { ${name} } from "${place("./client.js")}";\n\n${calls.join("")}`;
}

/** Instantiations, types and errors of compiling one file with all that it imports. */
function compile(file: string): { instantiations: number; types: number; errors: readonly ts.Diagnostic[] } {
  const read = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(read.config.compilerOptions, root);
  const program = ts.createProgram([file], options);
  const errors = program.getSemanticDiagnostics().filter((error) => error.file?.fileName === file);
  return { instantiations: program.getInstantiationCount(), types: program.getTypeCount(), errors };
}

mkdirSync(folder, { recursive: true });
let failed = false;
for (const [name, spec] of Object.entries(config.specs)) {
  if (!("openapi" in spec)) continue;
  const output = spec.out;
  const file = join(folder, `${name.replaceAll("/", "-")}.ts`);
  writeFileSync(file, caller(join(root, output, "client.ts"), folder));
  const { instantiations, types, errors } = compile(file);
  const ceiling = CEILINGS[name] ?? 0;
  const numbers = `${instantiations.toLocaleString("en")} instantiations, ${types.toLocaleString("en")} types`;
  console.log(`${name.padEnd(16)} ${numbers}, ceiling ${ceiling.toLocaleString("en")}`);
  for (const { messageText } of errors) console.error(ts.flattenDiagnosticMessageText(messageText, "\n"));
  if (errors.length > 0) failed = true;
  if (instantiations > ceiling) {
    console.error(`${name}: more instantiations than the ceiling of scripts/check-cost.ts allows`);
    failed = true;
  }
}
process.exitCode = failed ? 1 : 0;
