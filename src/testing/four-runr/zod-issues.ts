/**
 * The gateway checks params and policies with zod. This reads a JSON Schema the way zod 3 reads its own:
 * issues in zod's words, unknown members dropped where the schema does not allow them, defaults written in.
 */
import { schemaDocument } from "../../../gen/4runr/index.js";

/** One reason, in zod's form. */
export interface ZodIssue {
  readonly code: string;
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly [detail: string]: unknown;
}

/** The value as zod hands it on, and what is wrong with it. */
export interface ZodResult {
  readonly value: unknown;
  readonly issues: readonly ZodIssue[];
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly format?: string;
  readonly default?: unknown;
  readonly [limit: string]: unknown;
}

type Path = readonly (string | number)[];

/** Reads `value` by a schema of `schemaDocument`. */
export function zodParse(schema: object, value: unknown): ZodResult {
  const issues: ZodIssue[] = [];
  return { value: read(schema as Schema, value, [], issues), issues };
}

/** The issues as the gateway lists them for a tool's params: `path: message`. */
export function issueTexts(issues: readonly ZodIssue[]): string[] {
  return issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

function read(given: Schema, value: unknown, path: Path, issues: ZodIssue[]): unknown {
  const schema = resolve(given);
  if (schema.enum) return readEnum(schema.enum, value, path, issues);
  const [expected, received] = [schema.type === "integer" ? "number" : schema.type, kindOf(value)];
  if (expected !== undefined && received !== expected) {
    issues.push(wrongType(expected, received, path));
    return value;
  }
  if (expected === "string") checkString(schema, value as string, path, issues);
  else if (expected === "number") {
    checkRange(schema, value as number, "number", ["minimum", "maximum"], path, issues);
  } else if (expected === "array") return readArray(schema, value as unknown[], path, issues);
  else if (expected === "object") return readObject(schema, value as Record<string, unknown>, path, issues);
  return value;
}

function resolve(schema: Schema): Schema {
  const name = /^#\/components\/schemas\/(\w+)$/.exec(schema.$ref ?? "")?.[1];
  if (name === undefined) return schema;
  return (schemaDocument.components.schemas as Readonly<Record<string, Schema>>)[name]!;
}

function readObject(
  schema: Schema,
  value: Readonly<Record<string, unknown>>,
  path: Path,
  issues: ZodIssue[],
): object {
  const known = Object.keys(schema.properties ?? {});
  const out: [string, unknown][] = [];
  for (const name of known) {
    const member = resolve(schema.properties![name]!);
    const present = Object.hasOwn(value, name) ? value[name] : undefined;
    if (present !== undefined || schema.required?.includes(name)) {
      out.push([name, read(member, present, [...path, name], issues)]);
    } else if (member.default !== undefined) out.push([name, member.default]);
  }
  const rest = schema.additionalProperties;
  for (const [name, member] of Object.entries(value)) {
    if (!rest || known.includes(name)) continue;
    out.push([name, typeof rest === "object" ? read(rest, member, [...path, name], issues) : member]);
  }
  return Object.fromEntries(out);
}

function readArray(schema: Schema, value: readonly unknown[], path: Path, issues: ZodIssue[]): unknown[] {
  checkRange(schema, value.length, "array", ["minItems", "maxItems"], path, issues);
  const { items } = schema;
  return items ? value.map((item, index) => read(items, item, [...path, index], issues)) : [...value];
}

function checkString(schema: Schema, value: string, path: Path, issues: ZodIssue[]): void {
  checkRange(schema, value.length, "string", ["minLength", "maxLength"], path, issues);
  if (schema.format === "email" && !emailLike.test(value)) issues.push(invalidString("email", path));
  if (schema.format === "uri" && !URL.canParse(value)) issues.push(invalidString("url", path));
}

const emailLike = /^(?!\.)(?!.*\.\.)[\w'+\-.]*[\w+-]@(?:[a-z0-9][a-z0-9-]*\.)+[a-z]{2,}$/i;

function invalidString(validation: string, path: Path): ZodIssue {
  return { validation, code: "invalid_string", message: `Invalid ${validation}`, path };
}

const wordings: Readonly<Record<string, readonly [least: string, most: string, unit: string]>> = {
  string: ["String must contain at least", "String must contain at most", " character(s)"],
  array: ["Array must contain at least", "Array must contain at most", " element(s)"],
  number: ["Number must be greater than or equal to", "Number must be less than or equal to", ""],
};

function checkRange(
  schema: Schema,
  size: number,
  type: string,
  [least, most]: readonly [string, string],
  path: Path,
  issues: ZodIssue[],
): void {
  const [atLeast, atMost, unit] = wordings[type]!;
  const [minimum, maximum] = [schema[least] as number | undefined, schema[most] as number | undefined];
  const more = { type, inclusive: true, exact: false, path };
  if (minimum !== undefined && size < minimum) {
    issues.push({ code: "too_small", minimum, message: `${atLeast} ${minimum}${unit}`, ...more });
  }
  if (maximum !== undefined && size > maximum) {
    issues.push({ code: "too_big", maximum, message: `${atMost} ${maximum}${unit}`, ...more });
  }
}

function readEnum(options: readonly string[], value: unknown, path: Path, issues: ZodIssue[]): unknown {
  const names = options.map((option) => `'${option}'`).join(" | ");
  if (typeof value !== "string") issues.push(wrongType(names, kindOf(value), path));
  else if (!options.includes(value)) {
    const message = `Invalid enum value. Expected ${names}, received '${value}'`;
    issues.push({ received: value, code: "invalid_enum_value", options, path, message });
  }
  return value;
}

function wrongType(expected: string, received: string, path: Path): ZodIssue {
  const message = received === "undefined" ? "Required" : `Expected ${expected}, received ${received}`;
  return { code: "invalid_type", expected, received, path, message };
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
