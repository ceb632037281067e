/**
 * `pnpm types:cost`: what the generated clients cost whoever compiles against them. For each document, a file that
 * calls every method once is compiled alone; the number of instantiations does not depend on the machine. Fails
 * above the ceiling of a document. The largest one is also generated with `style: "functions"`, and both styles are
 * bundled for a browser with one call.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import ts from "typescript";
import config from "../agentwire.config.ts";
import { generate } from "../src/generate/run.ts";
import { bundleForBrowser } from "./imports/bundle.ts";

const root = join(import.meta.dirname, "..");
const folder = join(root, "node_modules/.cache/types-cost");

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
  const [made, ...functions] = file.statements.filter(ts.isFunctionDeclaration);
  const called = owner?.members.filter(ts.isMethodDeclaration) ?? functions;
  const calls = called.flatMap((method) => {
    if (method.name === undefined || !ts.isIdentifier(method.name)) return [];
    const { text } = method.name;
    const given = method.parameters.slice(owner ? 0 : 1).map(({ type }) => type!.getText());
    const parameters = given.map((type, index) => `, _${index}: ${type}`).join("");
    const values = given.map((_, index) => `_${index}`);
    const call = owner ? `client.${text}(${values})` : `api.${text}(${["client", ...values]})`;
    const use = method.type!.getText().startsWith("AsyncIterable")
      ? `for await (const event of ${call}) return event;\n  return undefined;`
      : `return await ${call};`;
    return [`export async function ${text}(client: Client${parameters}) {\n  ${use}\n}\n`];
  });
  const type = owner ? `api.${owner.name!.text}` : `ReturnType<typeof api.${made!.name!.text}>`;
  const head = `import ${owner ? "type " : ""}* as api from "${place("./client.js")}";\n\ntype Client = ${type};`;
  return `${imports.join("\n")}\n${head}\n\n${calls.join("")}`;
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

/** Compiles the caller of the client in `output`, and prints what that costs. */
function measure(name: string, output: string, ceiling = 0): void {
  const file = join(folder, `${name.replaceAll("/", "-")}.ts`);
  writeFileSync(file, caller(join(root, output, "client.ts"), folder));
  const { instantiations, types, errors } = compile(file);
  const numbers = `${instantiations.toLocaleString("en")} instantiations, ${types.toLocaleString("en")} types`;
  console.log(`${name.padEnd(16)} ${numbers}, ceiling ${ceiling.toLocaleString("en")}`);
  for (const { messageText } of errors) console.error(ts.flattenDiagnosticMessageText(messageText, "\n"));
  if (errors.length > 0) failed = true;
  if (instantiations > ceiling) {
    console.error(`${name}: more instantiations than the ceiling of scripts/check-cost.ts allows`);
    failed = true;
  }
}

for (const [name, spec] of Object.entries(config.specs))
  if ("openapi" in spec) measure(name, spec.out, CEILINGS[name]);

const out = "node_modules/.cache/types-cost/functions";
const functions = {
  ...config.specs["aureus/console"],
  out,
  style: "functions",
  client: "ConsoleApi",
} as const;
await generate({ root, config: { specs: { functions } } });
measure("functions", out, CEILINGS["aureus/console"]);
const oneCall = {
  class: `import { AureusConsoleApi } from "${root}/gen/aureus/console/client.ts";
export default () => new AureusConsoleApi({ baseUrl: "https://a.example" }).listWorkflows();`,
  functions: `import { consoleApi, listWorkflows } from "${root}/${out}/client.ts";
export default () => listWorkflows(consoleApi({ baseUrl: "https://a.example" }));`,
  runtime: `import { HttpClient } from "${root}/src/http/index.ts";
export default () => HttpClient.of({ baseUrl: "https://a.example" }, { server: "a" });`,
};
for (const [name, text] of Object.entries(oneCall)) {
  const entry = join(folder, `one-${name}.ts`);
  writeFileSync(entry, text);
  const { minified, gzipped } = await bundleForBrowser(entry);
  console.log(
    `one call, ${name.padEnd(10)} ${minified.toLocaleString("en")} bytes min, ${gzipped.toLocaleString("en")} min+gzip`,
  );
}
process.exitCode = failed ? 1 : 0;
