/** Where a workflow breaks its schema: missing members, wrong types, unknown enum values, numbers out of bounds. */
import { type SchemaName, schemaDocument } from "../../../gen/aureus/v1/schemas.js";
import { camelCase } from "../../core/keys.js";

/** The keywords that the V1 spec uses. */
interface Schema {
  readonly $ref?: string;
  readonly anyOf?: readonly Schema[];
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
}

/** Something that does not match its schema. */
export interface ValueProblem {
  readonly kind: "missing" | "value";
  /** The name of the member, and where it is, such as `tasks.0.type`. */
  readonly key: string;
  readonly path: string;
  readonly message: string;
}

const components: Readonly<Record<string, Schema>> = schemaDocument.components.schemas;

/** Checks `value` against a component of the V1 spec, with members in camelCase. Nulls in optional places are fine. */
export function valueProblems(name: SchemaName, value: unknown): ValueProblem[] {
  const problems: ValueProblem[] = [];
  check(components[name]!, value, "", "", problems);
  return problems;
}

function check(given: Schema, value: unknown, key: string, path: string, problems: ValueProblem[]): void {
  const schema = resolved(given, value);
  const types = typeof schema.type === "string" ? [schema.type] : (schema.type ?? []);
  const wrong = (message: string): void => void problems.push({ kind: "value", key, path, message });
  if (types.length > 0 && !types.some((type) => isOf(type, value))) {
    return wrong(`expected ${types.filter((type) => type !== "null").join(" or ")}, got ${typeName(value)}`);
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    const meant = schema.enum.find((item) => String(item).toLowerCase() === String(value).toLowerCase());
    const hint = meant === undefined ? `expected one of ${schema.enum.join(", ")}` : `write ${String(meant)}`;
    return wrong(`'${String(value)}' is not allowed; ${hint}`);
  }
  if (schema.minimum !== undefined && typeof value === "number" && value < schema.minimum) {
    return wrong(`must be at least ${schema.minimum}, not ${value}`);
  }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      if (schema.items) check(schema.items, item, key, join(path, index), problems);
    }
  } else if (typeof value === "object" && value !== null) {
    checkMembers(schema, value as Readonly<Record<string, unknown>>, path, problems);
  }
}

function checkMembers(
  schema: Schema,
  value: Readonly<Record<string, unknown>>,
  path: string,
  problems: ValueProblem[],
): void {
  for (const [wireKey, member] of Object.entries(schema.properties ?? {})) {
    const key = camelCase(wireKey);
    const at = join(path, key);
    const item = Object.hasOwn(value, key) ? value[key] : undefined;
    if (item !== undefined) check(member, item, key, at, problems);
    else if (schema.required?.includes(wireKey)) {
      problems.push({ kind: "missing", key, path: at, message: `'${key}' is required` });
    }
  }
  if (typeof schema.additionalProperties !== "object") return;
  for (const [key, item] of Object.entries(value)) {
    check(schema.additionalProperties, item, key, join(path, key), problems);
  }
}

/** Follows references; of `X or null`, the part that concerns the value. */
function resolved(schema: Schema, value: unknown): Schema {
  if (schema.$ref !== undefined) return components[schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1)]!;
  const part = schema.anyOf?.find((option) => (option.type === "null") === (value === null));
  return part === undefined ? schema : resolved(part, value);
}

function isOf(type: string, value: unknown): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  if (type === "integer") return Number.isInteger(value);
  return typeof value === type && !Number.isNaN(value);
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "number") return String(value);
  return Array.isArray(value) ? "array" : typeof value;
}

function join(path: string, key: string | number): string {
  return path === "" ? String(key) : `${path}.${key}`;
}
