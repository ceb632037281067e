/**
 * Servers of two protocols check bodies with zod. This reads a JSON Schema the way zod 3 reads its own: issues in
 * zod's words, unknown members dropped unless the schema names what they may be, defaults written in.
 */
import type { SchemaObject, SpecSchemas } from "./schemas.js";

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

/** Reads `value` by a schema; `schemas` are those that it refers to. */
export function zodParse(schemas: SpecSchemas, schema: SchemaObject, value: unknown): ZodResult {
  const reader = new Reader(schemas);
  return { value: reader.read(schema, value, []), issues: reader.issues };
}

/** The issues as the gateway lists them for a tool's params: `path: message`. */
export function issueTexts(issues: readonly ZodIssue[]): string[] {
  return issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

class Reader {
  readonly issues: ZodIssue[] = [];
  readonly #schemas: SpecSchemas;

  constructor(schemas: SpecSchemas) {
    this.#schemas = schemas;
  }

  read(given: Schema, value: unknown, path: Path): unknown {
    const schema = this.#resolve(given);
    if (schema.enum) return this.#enum(schema.enum, value, path);
    const [expected, received] = [schema.type === "integer" ? "number" : schema.type, kindOf(value)];
    if (expected !== undefined && received !== expected) {
      this.issues.push(wrongType(expected, received, path));
      return value;
    }
    if (expected === "string") this.#string(schema, value as string, path);
    else if (expected === "number") {
      this.#range(schema, value as number, "number", ["minimum", "maximum"], path);
    } else if (expected === "array") return this.#array(schema, value as unknown[], path);
    else if (expected === "object") return this.#object(schema, value as Record<string, unknown>, path);
    return value;
  }

  #resolve(schema: Schema): Schema {
    return schema.$ref === undefined ? schema : (this.#schemas.at(schema.$ref) as Schema);
  }

  #object(schema: Schema, value: Readonly<Record<string, unknown>>, path: Path): object {
    const { properties = {}, additionalProperties: rest } = schema;
    if (schema.properties === undefined && rest === undefined) return value;
    const out: [string, unknown][] = [];
    for (const [name, given] of Object.entries(properties)) {
      const member = this.#resolve(given);
      const present = Object.hasOwn(value, name) ? value[name] : undefined;
      if (present !== undefined || schema.required?.includes(name)) {
        out.push([name, this.read(member, present, [...path, name])]);
      } else if (member.default !== undefined) out.push([name, member.default]);
    }
    for (const [name, member] of Object.entries(value)) {
      if (!rest || Object.hasOwn(properties, name)) continue;
      out.push([name, typeof rest === "object" ? this.read(rest, member, [...path, name]) : member]);
    }
    return Object.fromEntries(out);
  }

  #array(schema: Schema, value: readonly unknown[], path: Path): unknown[] {
    this.#range(schema, value.length, "array", ["minItems", "maxItems"], path);
    const { items } = schema;
    return items ? value.map((item, index) => this.read(items, item, [...path, index])) : [...value];
  }

  #string(schema: Schema, value: string, path: Path): void {
    this.#range(schema, value.length, "string", ["minLength", "maxLength"], path);
    if (schema.format === "email" && !emailLike.test(value)) this.issues.push(invalidString("email", path));
    if (schema.format === "uri" && !URL.canParse(value)) this.issues.push(invalidString("url", path));
  }

  #range(
    schema: Schema,
    size: number,
    type: string,
    [least, most]: readonly [string, string],
    path: Path,
  ): void {
    const [atLeast, atMost, unit] = wordings[type]!;
    const [minimum, maximum] = [schema[least] as number | undefined, schema[most] as number | undefined];
    const more = { type, inclusive: true, exact: false, path };
    if (minimum !== undefined && size < minimum) {
      this.issues.push({ code: "too_small", minimum, message: `${atLeast} ${minimum}${unit}`, ...more });
    }
    if (maximum !== undefined && size > maximum) {
      this.issues.push({ code: "too_big", maximum, message: `${atMost} ${maximum}${unit}`, ...more });
    }
  }

  #enum(options: readonly string[], value: unknown, path: Path): unknown {
    const names = options.map((option) => `'${option}'`).join(" | ");
    if (typeof value !== "string") this.issues.push(wrongType(names, kindOf(value), path));
    else if (!options.includes(value)) {
      const message = `Invalid enum value. Expected ${names}, received '${value}'`;
      this.issues.push({ received: value, code: "invalid_enum_value", options, path, message });
    }
    return value;
  }
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

function wrongType(expected: string, received: string, path: Path): ZodIssue {
  const message = received === "undefined" ? "Required" : `Expected ${expected}, received ${received}`;
  return { code: "invalid_type", expected, received, path, message };
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
