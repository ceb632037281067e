import type { ToolsSpec } from "./config.js";
import { printDoc, printKey, printValue } from "./emit.js";
import { throwFindings } from "./finding.js";
import { readForm } from "./forms.js";
import { asRecord, type OpenApi, type Operation, readActions } from "./openapi/openapi.js";
import { stripSchema } from "./openapi/schemas.js";
import { typeText, wireStyle } from "./openapi/type-text.js";
import { walkSchema } from "./openapi/walk.js";
import type { Generated } from "./output.js";

/**
 * Reads a file of tools as a document with one operation, whose actions they are.
 *
 * @throws SpecError naming file, line and column of what is wrong in the file
 */
export function readTools(root: string, file: string): OpenApi {
  const source = readForm(root, file, "tools");
  const actions = readActions(asRecord(source.data).tools, ["tools"]);
  const schemas = actions.flatMap(({ params, result }) => [params, result].flatMap(walkSchema));
  throwFindings(
    schemas
      .filter(({ schema }) => schema.$ref !== undefined)
      .map(({ path }) =>
        source.finding([...path, "$ref"], "$ref is not supported here: write the schema in place"),
      ),
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
