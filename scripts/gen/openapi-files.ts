import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emitClient } from "./client.ts";
import { type SpecConfig, schemaIdOf } from "./config.ts";
import { header } from "./emit.ts";
import { emitEnums, enumExports } from "./enums.ts";
import { checkExtensions } from "./extensions.ts";
import { throwFindings } from "./finding.ts";
import { emitKeys } from "./keys.ts";
import { emitModels } from "./models.ts";
import { readOpenApi } from "./openapi.ts";
import { emitOperations } from "./operations.ts";
import { lintStructure } from "./redocly.ts";
import { emitSchemas, SchemaAddresses } from "./schemas.ts";
import { emitTools } from "./tools.ts";
import { emitTypes } from "./types.ts";

/**
 * Generates everything that one OpenAPI document gives into its folder below `out`.
 * @throws SpecError naming file, line and column of what is wrong in the document
 */
export async function generateOpenApi(root: string, config: SpecConfig, out: string): Promise<void> {
  const api = readOpenApi(root, config.input);
  throwFindings(checkExtensions(api));
  throwFindings(await lintStructure(api.source));

  const addresses = new SchemaAddresses(schemaIdOf(config));
  const files: Record<string, string | undefined> = {
    types: await emitTypes(api),
    client: emitClient(api, config.clientName),
    operations: emitOperations(api, config.operationGroups),
    tools: emitTools(api, addresses),
    enums: emitEnums(api, config.camelCase ? "models" : "types"),
    schemas: emitSchemas(api, addresses),
    keys: config.camelCase ? emitKeys(api) : undefined,
    models: config.camelCase ? emitModels(api, config.openEnums ?? true) : undefined,
  };
  // Types and models of a snake_case wire have the same names; the models are what users want.
  const barrel = Object.keys(files)
    .filter((name) => files[name] !== undefined)
    .sort()
    .map((name) => {
      if (name === "enums") return enumExports(api);
      if (name === "models") return 'export type * from "./models.js";\n';
      if (name === "types") return `export type * ${config.camelCase ? "as wire " : ""}from "./types.js";\n`;
      return `export * from "./${name}.js";\n`;
    });
  files.index = `${header(config.input)}\n${barrel.join("")}`;

  const folder = join(out, config.output);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    if (text !== undefined) writeFileSync(join(folder, `${name}.ts`), text);
  }
}
