import type { ToolsSpec } from "./config.js";
import { printDoc, printKey, printValue } from "./emit.js";
import { type Finding, throwFindings } from "./finding.js";
import { asRecord, type OpenApi, type Operation, type ToolAction } from "./openapi/openapi.js";
import { stripSchema } from "./openapi/schemas.js";
import { typeText, wireStyle } from "./openapi/type-text.js";
import { walkSchema } from "./openapi/walk.js";
import type { Generated } from "./output.js";
import { readSource, type Source, type YamlPath } from "./source.js";

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

/**
 * Reads a file of tools as a document with one operation, whose actions they are.
 *
 * @throws SpecError naming file, line and column of what is wrong in the file
 */
export function readTools(root: string, file: string): OpenApi {
  const source = readSource(root, file);
  throwFindings(check(source));
  const actions = Object.entries(asRecord(asRecord(source.data).tools)).flatMap(([tool, entries]) =>
    Object.entries(asRecord(entries)).map(([action, value]): ToolAction => {
      const { idempotent, retry, description, params, result } = asRecord(value);
      const path = ["tools", tool, action];
      return {
        tool,
        action,
        idempotent: idempotent === true,
        ...(retry === "never" && { retry }),
        ...(typeof description === "string" && { description }),
        params: { schema: asRecord(params), path: [...path, "params"] },
        result: { schema: asRecord(result), path: [...path, "result"] },
      };
    }),
  );
  const operation: Operation = {
    id: "tools",
    method: "post",
    url: "/",
    path: ["tools"],
    parameters: [],
    contents: {},
    responses: {},
    isPublic: false,
    actions,
    raw: {},
  };
  return { source, original: source, warnings: [], title: file, schemas: {}, operations: [operation] };
}

/** `index.ts`: the types of the calls, and the table that `GatewayClient` takes as `tools`. */
function emit(api: OpenApi): string {
  const style = wireStyle((name) => name);
  const types = new Map<string, string>();
  const table: Record<string, Record<string, object>> = Object.create(null);
  for (const { tool, action, idempotent, retry, description, params, result } of api.operations[0]!.actions) {
    const row = `${printDoc(description, 4)}    ${printKey(action)}: {
      params: ${typeText(api, params.schema, style, 6)};
      result: ${typeText(api, result.schema, style, 6)};
    };
`;
    types.set(tool, (types.get(tool) ?? "") + row);
    table[tool] ??= Object.create(null) as Record<string, object>;
    // The result keeps its examples: `mock://` answers with the first.
    table[tool][action] = { idempotent, retry, params: stripSchema(params.schema), result: result.schema };
  }
  const members = [...types].map(([tool, rows]) => `  ${printKey(tool)}: {\n${rows}  };\n`);
  return `import type { ToolTable } from "agentwire/4runr";

/** What each action of each tool takes and gives. */
export interface ToolActions {
${members.join("")}}

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
export function generateTools(root: string, { tools }: ToolsSpec): Generated {
  const files = new Map([["index.ts", emit(readTools(root, tools))]]);
  return { from: tools, inputs: [tools], files, warnings: [] };
}
