/** Parameters of tools: what the gateway checks and what the tool behind it reads are brought together here. */
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

/** What of a JSON Schema is checked before a call is sent. */
interface ParamSchema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly pattern?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, ParamSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | ParamSchema;
  readonly items?: ParamSchema;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/**
 * What the gateway would refuse in the parameters of an action, in its own words (`query: Required`); an empty list
 * when it would take them. Keywords of JSON Schema that {@link ParamSchema} does not have are left to the gateway.
 */
export function checkParams(action: Pick<KnownAction, "params">, params: unknown): readonly string[] {
  const issues: string[] = [];
  check(action.params, params, "", (at, text) => issues.push(`${at}: ${text}`));
  return issues;
}

type Fail = (at: string, text: string) => void;

function check(schema: ParamSchema, value: unknown, at: string, fail: Fail): void {
  const allowed = schema.const === undefined ? schema.enum : [schema.const];
  if (allowed !== undefined) return checkEnum(allowed, value, at, fail);
  const found = typeName(value);
  const types = schema.type === undefined ? [found] : [schema.type].flat();
  const isWhole = Number.isInteger(value);
  if (!types.some((type) => type === found || (type === "integer" && isWhole))) {
    const shown = types.includes("integer") && found === "number" ? "float" : found;
    return fail(at, value === undefined ? "Required" : `Expected ${types.join(" | ")}, received ${shown}`);
  }
  if (typeof value === "string") checkText(schema, value, at, fail);
  else if (typeof value === "number") checkNumber(schema, value, at, fail);
  else if (Array.isArray(value)) checkList(schema, value, at, fail);
  else if (found === "object") checkMembers(schema, value as Params, at, fail);
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isNaN(value) ? "nan" : typeof value;
}

function checkEnum(allowed: readonly unknown[], value: unknown, at: string, fail: Fail): void {
  if (value === undefined) return fail(at, "Required");
  if (allowed.includes(value)) return;
  const names = allowed.map((item) => `'${String(item)}'`).join(" | ");
  const isText = typeof value === "string";
  fail(
    at,
    isText
      ? `Invalid enum value. Expected ${names}, received '${value}'`
      : `Expected ${names}, received ${typeName(value)}`,
  );
}

function checkText(schema: ParamSchema, value: string, at: string, fail: Fail): void {
  const { minLength = 0, maxLength = Infinity, format } = schema;
  if (value.length < minLength) fail(at, `String must contain at least ${minLength} character(s)`);
  if (value.length > maxLength) fail(at, `String must contain at most ${maxLength} character(s)`);
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, "u").test(value)) fail(at, "Invalid");
  if (format === "uri" && !URL.canParse(value)) fail(at, "Invalid url");
  if (
    format === "email" &&
    !/^(?!\.)(?!.*\.\.)[\w'+.-]*[\w+-]@(?:[A-Z\d][A-Z\d-]*\.)+[A-Z]{2,}$/i.test(value)
  ) {
    fail(at, "Invalid email");
  }
}

function checkNumber(schema: ParamSchema, value: number, at: string, fail: Fail): void {
  const { minimum = -Infinity, maximum = Infinity } = schema;
  if (value < minimum) fail(at, `Number must be greater than or equal to ${minimum}`);
  if (value > maximum) fail(at, `Number must be less than or equal to ${maximum}`);
}

function checkList(schema: ParamSchema, value: readonly unknown[], at: string, fail: Fail): void {
  const { minItems = 0, maxItems = Infinity, items } = schema;
  if (value.length < minItems) fail(at, `Array must contain at least ${minItems} element(s)`);
  if (value.length > maxItems) fail(at, `Array must contain at most ${maxItems} element(s)`);
  if (items === undefined) return;
  for (const [index, item] of value.entries()) check(items, item, join(at, index), fail);
}

function checkMembers(schema: ParamSchema, value: Params, at: string, fail: Fail): void {
  const { properties = {}, required = [], additionalProperties } = schema;
  for (const [name, member] of Object.entries(properties)) {
    const item = Object.hasOwn(value, name) ? value[name] : undefined;
    if (item !== undefined || required.includes(name)) check(member, item, join(at, name), fail);
  }
  if (additionalProperties === false) {
    const extra = Object.keys(value).filter((name) => !Object.hasOwn(properties, name));
    if (extra.length > 0)
      fail(at, `Unrecognized key(s) in object: ${extra.map((name) => `'${name}'`).join(", ")}`);
  }
  if (typeof additionalProperties !== "object") return;
  for (const [name, item] of Object.entries(value)) {
    if (!Object.hasOwn(properties, name)) check(additionalProperties, item, join(at, name), fail);
  }
}

function join(at: string, step: string | number): string {
  return at === "" ? String(step) : `${at}.${step}`;
}
