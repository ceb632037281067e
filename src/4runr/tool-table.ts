/** What is known of the actions of tools: those of the gateway, and those that a caller brings along. */
import { toolActions, toolParams } from "../../gen/4runr/tools.js";
import type { RetryRule } from "../core/retry-policy.js";

/** One action of a tool of your own. */
export interface ToolEntry extends RetryRule {
  /** JSON Schema of the parameters: calls that do not match are refused before they are sent. */
  readonly params: object;
  /** JSON Schema of the result; `mock://` answers with a value that matches it. */
  readonly result: object;
}

/** Tools of your own with the types of their actions, as `agentwire gen` writes them from a file of tools. */
export interface ToolTable<Actions extends object = object> {
  readonly tools: Readonly<Record<string, Readonly<Record<string, ToolEntry>>>>;
  /** Carries the types only; never set. */
  readonly types?: Actions;
}

/** A known action. */
export interface KnownAction {
  readonly rule: RetryRule;
  /** JSON Schema of the parameters. */
  readonly params: object;
  /** JSON Schema of the result, of an action of your own. */
  readonly result?: object;
}

const shipped: Readonly<Record<string, Readonly<Record<string, RetryRule>>>> = toolActions;

function entryOf<T>(
  table: Readonly<Record<string, Readonly<Record<string, T>>>>,
  tool: string,
  action: string,
) {
  const actions = Object.hasOwn(table, tool) ? table[tool]! : {};
  return Object.hasOwn(actions, action) ? actions[action] : undefined;
}

/** An action of `own`, else of the gateway's tools; undefined for one that neither has. */
export function findAction(
  own: ToolTable | undefined,
  tool: string,
  action: string,
): KnownAction | undefined {
  const entry = own && entryOf(own.tools, tool, action);
  if (entry !== undefined) return { rule: entry, params: entry.params, result: entry.result };
  const rule = entryOf(shipped, tool, action);
  return rule && { rule, params: toolParams[`${tool}.${action}`]! };
}
