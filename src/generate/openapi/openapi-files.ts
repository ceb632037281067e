import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { type SpecConfig, schemaIdOf } from "../config.js";
import { header, type RuntimePath } from "../emit.js";
import { type Finding, SpecError, throwFindings } from "../finding.js";
import { emitClient } from "./client.js";
import { emitEnums, enumExports } from "./enums.js";
import { checkExtensions } from "./extensions.js";
import { emitKeys, readKeys } from "./keys.js";
import { emitModels, readModels } from "./models.js";
import { readOpenApi } from "./openapi.js";
import { emitOperations } from "./operations.js";
import { emitProof } from "./proof.js";
import { lintStructure } from "./redocly.js";
import { emitSchemas, SchemaAddresses } from "./schemas.js";
import { emitTools } from "./tools.js";
import { emitTypes } from "./types.js";

/** The runtime that generated clients stand on: that of this package. */
const RUNTIME = join(import.meta.dirname, "..", "..");

/**
 * Generates everything that one OpenAPI document gives into its folder below `out`, which is to replace the same
 * folder below `root`.
 *
 * @returns what is worth a look but not wrong
 * @throws SpecError naming file, line and column of what is wrong in the document
 */
export async function generateOpenApi(
  root: string,
  config: SpecConfig,
  out: string,
): Promise<readonly Finding[]> {
  const api = readOpenApi(root, config.input);
  throwFindings(checkExtensions(api));
  throwFindings(await lintStructure(api.source));

  const runtime: RuntimePath = (module) =>
    `${relative(join(root, config.output), RUNTIME).replaceAll("\\", "/")}/${module}.js`;
  const addresses = new SchemaAddresses(schemaIdOf(config));
  const keys = config.camelCase ? readKeys(api, config.allShapes) : undefined;
  const models = readModels(api, config);
  const client = emitClient(api, config, models, runtime);
  const files: Record<string, string | undefined> = {
    types: await emitTypes(api),
    models: emitModels(api, models),
    operations: emitOperations(api, keys, runtime, config.operationGroups),
    client: client.text,
    tools: emitTools(api, addresses),
    enums: emitEnums(api),
    schemas: emitSchemas(api, addresses),
    keys: keys && emitKeys(api, keys, runtime),
    proof: keys && emitProof(api, keys, models),
  };
  checkExports(config.input, files);
  const barrel = Object.keys(files)
    .filter((name) => files[name] !== undefined && name !== "proof")
    .sort()
    .map((name) => {
      if (name === "enums") return enumExports(api);
      if (name === "models") return 'export type * from "./models.js";\n';
      if (name === "types") return 'export type * as wire from "./types.js";\n';
      return `export * from "./${name}.js";\n`;
    });
  files.index = `${header(config.input)}\n${barrel.join("")}`;

  const folder = join(out, config.output);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    if (text !== undefined) writeFileSync(join(folder, `${name}.ts`), text);
  }
  return client.warnings;
}

/** The barrel exports what the files do, so no two may export the same name. `types.ts` has a name of its own, and `enums.ts` goes before the models of the same names. */
function checkExports(
  input: string,
  { types: _, enums: __, proof: ___, ...files }: Readonly<Record<string, string | undefined>>,
): void {
  const owners = new Map<string, string>();
  for (const [file, text = ""] of Object.entries(files)) {
    for (const [, name] of text.matchAll(/^export (?:const|class|function|interface|type) ([\w$]+)/gm)) {
      const other = owners.get(name!);
      if (other !== undefined)
        throw new SpecError(`${input}: ${name} would be exported by ${other}.ts and ${file}.ts`);
      owners.set(name!, file);
    }
  }
}
