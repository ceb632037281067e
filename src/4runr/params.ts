/** Parameters of tools: what the gateway checks and what the tool behind it reads are brought together here. */
import { type Fault, faultsOf, type PlainSchema, typeName } from "../core/plain-schema.js";
import type { KnownAction } from "./tool-table.js";

type Params = Readonly<Record<string, unknown>>;

/** Choices of {@link bridgeParams}. */
export interface BridgeOptions {
  /** Given to `openai` when a call names no model. */
  readonly defaultModel?: string | undefined;
  /** Adds `input` to `openai:chat`, which a gateway in mock mode reads and the real API refuses. Default: false. */
  readonly mockInput?: boolean | undefined;
}

/**
 * A copy of `params` in which both names are there where the gateway checks one and the tool reads another:
 * `q` and `query`, `body` and `text`; and a model.
 * Members that are there are never changed.
 */
export function bridgeParams(
  tool: string,
  action: string,
  params: Params,
  options: BridgeOptions = {},
): Params {
  switch (`${tool}:${action}`) {
    case "serpapi:search":
      return both(params, "q", "query");
    case "gmail_send:send":
      return both(params, "body", "text");
    case "openai:chat":
      return { ...withModel(options), ...(options.mockInput === true && inputOf(params)), ...params };
    case "openai:complete":
      return { ...withModel(options), ...params };
    default:
      return params;
  }
}

function both(params: Params, one: string, other: string): Params {
  if (params[one] === undefined && params[other] !== undefined) return { ...params, [one]: params[other] };
  if (params[other] === undefined && params[one] !== undefined) return { ...params, [other]: params[one] };
  return params;
}

function withModel({ defaultModel }: BridgeOptions): Params {
  return defaultModel === undefined ? {} : { model: defaultModel };
}

/** True for what a tool of a gateway in mock mode says when the member is missing that it alone reads. */
export function lacksMockInput(tool: string, action: string, said: unknown): boolean {
  return `${tool}:${action}` === "openai:chat" && /^Cannot read properties of undefined/.test(String(said));
}

/** The last words of the user. */
function inputOf({ messages }: Params): Params {
  if (!Array.isArray(messages)) return {};
  const said = messages.filter((item: unknown) => (item as { role?: unknown } | null)?.role === "user");
  const content: unknown = (said.at(-1) as { content?: unknown } | undefined)?.content;
  return typeof content === "string" ? { input: content } : {};
}

/**
 * What the gateway would refuse in the parameters of an action, in its own words (`query: Required`); an empty list
 * if it would take them. Keywords that {@link PlainSchema} does not have are left to the gateway.
 */
export function checkParams(action: Pick<KnownAction, "params">, params: unknown): readonly string[] {
  return faultsOf(action.params, params).map((fault) => `${fault.at.join(".")}: ${wordsOf(fault)}`);
}

function wordsOf(fault: Fault): string {
  const { value } = fault;
  const found = typeName(value);
  switch (fault.keyword) {
    case "required":
      return "Required";
    case "type":
      return `Expected ${fault.expected.join(" | ")}, received ${fault.expected.includes("integer") && found === "number" ? "float" : found}`;
    case "enum": {
      const names = fault.expected.map((item) => `'${String(item)}'`).join(" | ");
      return typeof value === "string"
        ? `Invalid enum value. Expected ${names}, received '${value}'`
        : `Expected ${names}, received ${found}`;
    }
    case "format":
      return fault.expected === "uri" ? "Invalid url" : "Invalid email";
    case "minLength":
      return `String must contain at least ${fault.expected} character(s)`;
    case "maxLength":
      return `String must contain at most ${fault.expected} character(s)`;
    case "minItems":
      return `Array must contain at least ${fault.expected} element(s)`;
    case "maxItems":
      return `Array must contain at most ${fault.expected} element(s)`;
    case "minimum":
      return `Number must be greater than or equal to ${fault.expected}`;
    case "maximum":
      return `Number must be less than or equal to ${fault.expected}`;
    case "exclusiveMinimum":
      return `Number must be greater than ${fault.expected}`;
    case "finite":
      return "Number must be finite";
    case "additionalProperties":
      return `Unrecognized key(s) in object: ${fault.expected.map((name) => `'${String(name)}'`).join(", ")}`;
    default:
      return "Invalid";
  }
}
