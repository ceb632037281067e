import { printDoc, printKey, printValue } from "../emit.js";
import { throwFindings } from "../finding.js";
import type { OpenApi, ToolAction } from "./openapi.js";
import type { SchemaAddresses } from "./schemas.js";
import { typeText, wireStyle } from "./type-text.js";

/** The actions of all operations of a document, by tool. The same action may stand at two operations. */
function collect(api: OpenApi): Map<string, Map<string, ToolAction>> {
  const tools = new Map<string, Map<string, ToolAction>>();
  for (const entry of api.operations.flatMap((operation) => operation.actions)) {
    const { tool, action, params } = entry;
    const known = tools.get(tool) ?? new Map<string, ToolAction>();
    tools.set(tool, known);
    const other = known.get(action);
    if (other !== undefined && JSON.stringify(facts(other)) !== JSON.stringify(facts(entry))) {
      throwFindings([
        api.source.finding(params.path.slice(0, -1), `${tool}.${action} is described in two ways`),
      ]);
    }
    known.set(action, entry);
  }
  return tools;
}

/** An action without the slots where it is written. */
function facts({ params, result, ...rest }: ToolAction): unknown {
  return { ...rest, params: params.schema, result: result.schema };
}

/** The schemas under one name, by `tool.action`. */
function partOf({ inline }: SchemaAddresses, name: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(inline).flatMap(([owner, schemas]) => (name in schemas ? [[owner, schemas[name]]] : [])),
  );
}

/**
 * `tools.ts`: the types of tool calls and the table a retry layer reads next to `operationTable`. Undefined
 * when no operation carries `x-tool-actions`. Parameters and results are user data: they keep their casing.
 */
export function emitTools(api: OpenApi, addresses: SchemaAddresses): string | undefined {
  const tools = collect(api);
  if (tools.size === 0) return undefined;
  const style = wireStyle((name) => `Schemas[${JSON.stringify(name)}]`);
  const types: string[] = [];
  const table: Record<string, Record<string, unknown>> = {};
  for (const [tool, actions] of tools) {
    const row: Record<string, unknown> = {};
    types.push(`  ${printKey(tool)}: {\n`);
    for (const [action, { idempotent, retry, description, params, result }] of actions) {
      types.push(printDoc(description, 4), `    ${printKey(action)}: {\n`);
      types.push(`      params: ${typeText(api, params.schema, style, 6)};\n`);
      types.push(`      result: ${typeText(api, result.schema, style, 6)};\n    };\n`);
      const owner = `${tool}.${action}`;
      const [from, to] = [addresses.of(params, owner, "params"), addresses.of(result, owner, "result")];
      row[action] = { idempotent, retry, params: from, result: to };
    }
    types.push("  };\n");
    table[tool] = row;
  }
  const text = types.join("");
  const imports = text.includes("Schemas[")
    ? '\nimport type { components } from "./types.js";\n\ntype Schemas = components["schemas"];\n'
    : "";
  return `${imports}
/** What each action of each tool takes and gives. */
export interface ToolActions {
${text}}

/** What a retry layer has to know of an action, and where its schemas stand in \`schemaDocument\`. */
export interface ToolActionEntry {
  /** True when doing the same action again does no harm. */
  readonly idempotent: boolean;
  /** \`never\`: not even when the request provably never left. */
  readonly retry?: "never";
  readonly params: string;
  readonly result: string;
}

/** Every action of every tool. */
export const toolActions = ${printValue(table)} as const satisfies {
  readonly [Tool in keyof ToolActions]: { readonly [Action in keyof ToolActions[Tool]]: ToolActionEntry };
};

/** The schemas of parameters that stand at the actions themselves, by \`tool.action\`. */
export const toolParams: Readonly<Record<string, object>> = ${printValue(partOf(addresses, "params"))};

/** The same of results: apart, because a client checks parameters only. */
export const toolResults: Readonly<Record<string, object>> = ${printValue(partOf(addresses, "result"))};
`;
}
