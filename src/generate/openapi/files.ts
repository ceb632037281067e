import { join, relative } from "node:path";
import type { OpenApiSpec } from "../config.js";
import { pascalCase, type RuntimePath } from "../emit.js";
import { type Finding, throwFindings } from "../finding.js";
import type { Generated } from "../output.js";
import { RuleBook } from "../rules.js";
import { emitClient } from "./client.js";
import { emitEnums, enumExports } from "./enums.js";
import { checkExtensions } from "./extensions.js";
import { emitKeys, readKeys } from "./keys.js";
import { emitModels, readModels } from "./models.js";
import { type OpenApi, readOpenApi } from "./openapi.js";
import { emitOperations } from "./operations.js";
import { emitProof } from "./proof.js";
import { lintDocument, lintedOnFailure, STRUCTURE } from "./redocly.js";
import { emitSchemas, SchemaAddresses } from "./schemas.js";
import { emitTools } from "./tools.js";
import { emitTypes } from "./types.js";

/** A spec with everything that a config may leave out. */
export type FullSpec = OpenApiSpec & Required<Pick<OpenApiSpec, "client" | "schemaId">>;

/** Fills in what follows from the name of a spec. */
export function fullSpec(name: string, spec: OpenApiSpec): FullSpec {
  const client = pascalCase(name).replace(/^(?=\d)/, "_");
  return { client: `${client}Client`, schemaId: `agentwire:${name.replaceAll("/", ":")}`, ...spec };
}

/**
 * How generated files import the runtime: this package imports its own sources, projects import the package by its
 * name.
 */
export function runtimeOf(root: string, out: string): RuntimePath {
  const sources = join(import.meta.dirname, "..", "..");
  const isOwn = !relative(join(sources, ".."), root).startsWith("..");
  const entries: Readonly<Record<string, string>> = { "core/errors": "agentwire" };
  return (module) =>
    isOwn
      ? `${relative(join(root, out), sources).replaceAll("\\", "/")}/${module}.js`
      : (entries[module] ?? "agentwire/http");
}

/**
 * Generates everything that one OpenAPI document gives.
 *
 * @throws SpecError naming file, line and column of what is wrong in the document
 */
export async function generateOpenApi(root: string, name: string, given: OpenApiSpec): Promise<Generated> {
  const spec = fullSpec(name, given);
  return lintedOnFailure(root, spec.openapi, () =>
    generateSound(root, readOpenApi(root, spec.openapi, spec), spec),
  );
}

async function generateSound(root: string, api: OpenApi, spec: FullSpec): Promise<Generated> {
  const rules = new RuleBook(spec.rules);
  const findings = [...api.warnings, ...checkExtensions(api, rules)];
  const isError = ({ severity }: Finding) => severity !== "warning";
  throwFindings(findings.filter(isError));
  if (rules.of("structure") === "error") throwFindings(await lintDocument(root, api.original, STRUCTURE));

  const runtime = runtimeOf(root, spec.out);
  const addresses = new SchemaAddresses(spec.schemaId);
  const keys = spec.camelCase ? readKeys(api, rules, spec.allShapes) : undefined;
  const models = readModels(api, spec);
  const client = emitClient(api, spec, models, runtime);
  const tools = emitTools(api, addresses);
  const withSchemas = spec.schemas ?? tools !== undefined;
  const texts: Record<string, string | undefined> = {
    types: await emitTypes(root, api, findings),
    models: emitModels(models),
    operations: emitOperations(api, keys, runtime, spec.operationGroups),
    client: client.text,
    tools,
    enums: emitEnums(api, models),
    schemas: withSchemas ? emitSchemas(api, addresses) : undefined,
    keys: keys && emitKeys(api, keys, runtime),
    proof: keys && spec.proof ? emitProof(api, keys, models) : undefined,
  };
  throwFindings(clashingExports(api, texts));
  const barrel = Object.keys(texts)
    .filter((file) => texts[file] !== undefined && file !== "proof")
    .sort()
    .map((file) => {
      if (file === "enums") return enumExports(api, models);
      if (file === "models") return 'export type * from "./models.js";\n';
      if (file === "types") return 'export type * as wire from "./types.js";\n';
      return `export * from "./${file}.js";\n`;
    });
  texts.index = barrel.join("");
  const files = Object.entries(texts).flatMap(([file, text]) =>
    text === undefined ? [] : [[`${file}.ts`, text] as const],
  );
  const overlay = spec.overlay === undefined ? [] : [spec.overlay];
  return {
    from: spec.openapi,
    inputs: [spec.openapi, ...overlay],
    files: new Map(files),
    warnings: [...findings, ...client.warnings],
  };
}

/** The barrel exports what the files do, so no two may export the same name. `types.ts` has a name of its own, and `enums.ts` goes before the models of the same names. */
function clashingExports(
  api: OpenApi,
  { types: _, enums: __, proof: ___, ...files }: Readonly<Record<string, string | undefined>>,
): Finding[] {
  const owners = new Map<string, string>();
  const findings: Finding[] = [];
  for (const [file, text = ""] of Object.entries(files)) {
    for (const [, name] of text.matchAll(/^export (?:const|class|function|interface|type) ([\w$]+)/gm)) {
      const other = owners.get(name!);
      if (other !== undefined) {
        const message = `${name} would be exported by ${other}.ts and ${file}.ts: rename it in the config`;
        findings.push(api.source.finding([], message));
      }
      owners.set(name!, file);
    }
  }
  return findings;
}
