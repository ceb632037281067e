import type { ToolsSpec } from "./config.js";
import { printDoc, printKey, printValue } from "./emit.js";
import { type Finding, throwFindings } from "./finding.js";
import { asRecord, type OpenApi, type Schema } from "./openapi/openapi.js";
import { stripSchema } from "./openapi/schemas.js";
import { typeText, wireStyle } from "./openapi/type-text.js";
import { walkSchema } from "./openapi/walk.js";
import type { Generated } from "./output.js";
import { readSource, type Source, type YamlPath } from "./source.js";

interface Action {
  readonly idempotent: boolean;
  readonly retry?: "never";
  readonly description?: string;
  readonly params: Schema;
  readonly result: Schema;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkAction(source: Source, value: unknown, path: YamlPath): Finding[] {
  const what = path.slice(1).join(".");
  const { idempotent, retry, description, params, result, ...rest } = asRecord(value);
  const rules: [boolean, string, string][] = [
    [typeof idempotent === "boolean", "idempotent", "idempotent must be true or false"],
    [retry === undefined || retry === "never", "retry", "retry must be `never`"],
    [description === undefined || typeof description === "string", "description", "description must be text"],
    [asRecord(params).type === "object", "params", "params must be a schema with type: object"],
    [isObject(result), "result", "result must be a schema"],
    ...Object.keys(rest).map((key): [boolean, string, string] => [false, key, `unknown member ${key}`]),
  ];
  const findings = rules
    .filter(([ok]) => !ok)
    .map(([, key, text]) => source.finding([...path, key], `${what}: ${text}`));
  const schemas = Object.entries({ params, result }).filter(([, schema]) => isObject(schema));
  for (const { schema, path: at } of schemas.flatMap(([part, schema]) =>
    walkSchema({ schema: asRecord(schema), path: [...path, part] }),
  )) {
    if (schema.$ref === undefined) continue;
    findings.push(
      source.finding([...at, "$ref"], `${what}: $ref is not supported here: write the schema in place`),
    );
  }
  return findings;
}

function check(source: Source): Finding[] {
  const { tools, ...rest } = asRecord(source.data);
  const entries = Object.entries(asRecord(tools));
  if (entries.length === 0) return [source.finding(["tools"], "expected `tools: { tool: { action: … } }`")];
  return [
    ...Object.keys(rest).map((key) => source.finding([key], `unknown member ${key}; known: tools`)),
    ...entries.flatMap(([tool, actions]) =>
      Object.keys(asRecord(actions)).length === 0
        ? [source.finding(["tools", tool], `${tool} has no actions`)]
        : Object.entries(asRecord(actions)).flatMap(([action, value]) =>
            checkAction(source, value, ["tools", tool, action]),
          ),
    ),
  ];
}

/** `index.ts`: the types of the calls, and the table that `GatewayClient` takes as `tools`. */
function emit(source: Source, tools: Readonly<Record<string, Readonly<Record<string, Action>>>>): string {
  const api: OpenApi = { source, original: source, warnings: [], title: "", schemas: {}, operations: [] };
  const style = wireStyle((name) => name);
  const types = Object.entries(tools).map(([tool, actions]) => {
    const rows = Object.entries(actions).map(
      ([action, { description, params, result }]) => `${printDoc(description, 4)}    ${printKey(action)}: {
      params: ${typeText(api, params, style, 6)};
      result: ${typeText(api, result, style, 6)};
    };
`,
    );
    return `  ${printKey(tool)}: {\n${rows.join("")}  };\n`;
  });
  const table = Object.fromEntries(
    Object.entries(tools).map(([tool, actions]) => [
      tool,
      Object.fromEntries(
        Object.entries(actions).map(([action, { idempotent, retry, params, result }]) => [
          action,
          { idempotent, retry, params: stripSchema(params), result: stripSchema(result) },
        ]),
      ),
    ]),
  );
  return `import type { ToolTable } from "agentwire/4runr";

/** What each action of each tool takes and gives. */
export interface ToolActions {
${types.join("")}}

/** The tools, for \`new GatewayClient({ tools })\`. */
export const tools: ToolTable<ToolActions> = {
  tools: ${printValue(table, 2, 7)},
};
`;
}

/**
 * Generates the table of a file of tools.
 *
 * @throws SpecError naming file, line and column of what is wrong in the file
 */
export function generateTools(root: string, { tools: file }: ToolsSpec): Generated {
  const source = readSource(root, file);
  throwFindings(check(source));
  const tools = asRecord(source.data).tools as Parameters<typeof emit>[1];
  return { from: file, inputs: [file], files: new Map([["index.ts", emit(source, tools)]]), warnings: [] };
}
