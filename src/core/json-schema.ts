/** JSON Schema as a type, and which revision of it a schema is written in. */
import { isObject } from "./json.js";

/** A JSON Schema: an object of keywords, `true` or `false`. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

declare const described: unique symbol;

/** A JSON Schema with the TypeScript type of the values it describes. */
export type TypedJsonSchema<T> = JsonSchema & { readonly [described]?: T };

/** Says which type a JSON Schema describes. `jsonSchema<{n: number}>({…})`; nothing happens at run time. */
export function jsonSchema<T>(schema: JsonSchema): TypedJsonSchema<T> {
  return schema as TypedJsonSchema<T>;
}

/**
 * The values that a JSON Schema literal lets through, as far as `type`, `const`, `enum`, `properties`, `required` and
 * `items` say; `unknown` where they say nothing. Other keywords can only refuse more values.
 */
export type FromJsonSchema<S> = S extends { readonly const: infer Value }
  ? Value
  : S extends { readonly enum: readonly (infer Value)[] }
    ? Value
    : S extends { readonly type: infer Type }
      ? OfType<S, Type extends readonly (infer Each)[] ? Each : Type>
      : unknown;

type OfType<S, Type> = Type extends "object"
  ? OfObject<S>
  : Type extends "array"
    ? OfItems<S>[]
    : Type extends keyof Scalars
      ? Scalars[Type]
      : unknown;

interface Scalars {
  readonly string: string;
  readonly number: number;
  readonly integer: number;
  readonly boolean: boolean;
  readonly null: null;
}

type OfItems<S> = S extends { readonly prefixItems: unknown }
  ? unknown
  : S extends { readonly items: infer Items }
    ? FromJsonSchema<Items>
    : unknown;

type OfObject<S> = S extends { readonly properties: infer Properties }
  ? { -readonly [K in keyof Properties & Required<S>]: FromJsonSchema<Properties[K]> } & {
      -readonly [K in Exclude<keyof Properties, Required<S>>]?: FromJsonSchema<Properties[K]>;
    }
  : Record<string, unknown>;

type Required<S> = S extends { readonly required: readonly (infer Name)[] } ? Name : never;

/** The revisions of JSON Schema that are distinguished. */
export type Dialect = "draft-04" | "draft-06" | "draft-07" | "2019-09" | "2020-12";

/** The name of each revision's meta-schema, without the empty fragment that some write after it. */
export const metaSchemaIds: Readonly<Record<Dialect, string>> = {
  "draft-04": "http://json-schema.org/draft-04/schema",
  "draft-06": "http://json-schema.org/draft-06/schema",
  "draft-07": "http://json-schema.org/draft-07/schema",
  "2019-09": "https://json-schema.org/draft/2019-09/schema",
  "2020-12": "https://json-schema.org/draft/2020-12/schema",
};

const dialects = new Map(Object.entries(metaSchemaIds).map(([dialect, id]) => [id, dialect as Dialect]));

/** The revision that `$schema` names; 2020-12 when it names none or one that is not known. */
export function dialectOf(schema: unknown): Dialect {
  if (typeof schema !== "object" || schema === null || !Object.hasOwn(schema, "$schema")) return "2020-12";
  const { $schema } = schema as { $schema: unknown };
  return (typeof $schema === "string" && dialects.get($schema.replace(/#$/, ""))) || "2020-12";
}

/** True for what may be a JSON Schema: an object that is not a list, or a boolean. */
export function isJsonSchema(value: unknown): value is JsonSchema {
  return typeof value === "boolean" || isObject(value);
}

/** One reason why a value was refused. */
export interface Issue {
  /** Where, as a JSON Pointer; empty for the value itself. */
  readonly path: string;
  /** What is wrong there. */
  readonly message: string;
}

/** The verdict on a value. */
export type ValidationResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/** A JSON Schema made ready for use. */
export interface CompiledSchema {
  /**
   * Judges a value; never changes it. Throws a `ValidationError` when the schema itself turns out to be
   * unusable for this value (codes `UNRESOLVABLE_REF`, `SCHEMA_TOO_COMPLEX`).
   */
  validate(value: unknown): ValidationResult<unknown>;
}

/** Whoever can judge by JSON Schema. Inject your own where code generation is forbidden. */
export interface SchemaValidator {
  /**
   * Makes a schema ready. Rejects with a `ValidationError`: code `INVALID_SCHEMA` for one that breaks the
   * rules of its revision, `UNRESOLVABLE_REF` for a `$ref` that leads nowhere, `SCHEMA_TOO_LARGE`.
   */
  compile(schema: JsonSchema): Promise<CompiledSchema>;
}
