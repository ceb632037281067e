/** One way to check a value against a schema of any kind. */
import { ValidationError } from "./errors.js";
import { isJsonSchema, type JsonSchema, type TypedJsonSchema } from "./json-schema.js";
import { isStandardSchema, issuePointer, type StandardSchemaV1 } from "./standard-schema.js";

/** What can describe a handler's input or output: any Standard Schema, or a JSON Schema. */
export type Schema<T = unknown> =
  | StandardSchemaV1<never, T>
  | StandardSchemaV1<unknown, T>
  | TypedJsonSchema<T>;

/** The type of the values that a schema lets through, transformed where the schema does that. */
export type InferOutput<S> =
  S extends StandardSchemaV1<infer _Input, infer Output>
    ? Output
    : S extends TypedJsonSchema<infer T>
      ? T
      : unknown;

/** The type of the values that a schema takes. */
export type InferInput<S> =
  S extends StandardSchemaV1<infer Input, infer _Output>
    ? Input
    : S extends TypedJsonSchema<infer T>
      ? T
      : unknown;

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
   * unusable for this value (code `UNRESOLVABLE_REF`).
   */
  validate(value: unknown): ValidationResult<unknown>;
}

/** Whoever can judge by JSON Schema. Inject your own where code generation is forbidden. */
export interface SchemaValidator {
  /**
   * Makes a schema ready. Rejects with a `ValidationError`: code `INVALID_SCHEMA` for one that breaks the
   * rules of its revision, `unresolvable_ref` for a `$ref` that leads nowhere, `schema_too_large`.
   */
  compile(schema: JsonSchema): Promise<CompiledSchema>;
}

/** A schema of either kind, ready for use. */
export interface Checker<T> {
  /** Judges a value, and gives it as the schema hands it on. Rejects as {@link CompiledSchema} throws. */
  check(value: unknown): Promise<ValidationResult<T>>;
}

/**
 * Makes any schema ready. A Standard Schema judges by itself, a JSON Schema through `validator`.
 * Rejects with a `ValidationError` (code `INVALID_SCHEMA`) for what is neither.
 */
export async function checkerFor<T>(schema: Schema<T>, validator: SchemaValidator): Promise<Checker<T>> {
  if (isStandardSchema(schema)) {
    const standard = schema["~standard"];
    return {
      async check(value) {
        const result = await standard.validate(value);
        if (result.issues === undefined) return { ok: true, value: result.value as T };
        const issues = result.issues.map(({ path, message }) => ({ path: issuePointer(path), message }));
        return { ok: false, issues };
      },
    };
  }
  if (!isJsonSchema(schema)) {
    throw new ValidationError("a schema must be a Standard Schema or a JSON Schema", {
      code: "INVALID_SCHEMA",
    });
  }
  const compiled = await validator.compile(schema);
  return { check: async (value) => compiled.validate(value) as ValidationResult<T> };
}

/** At most so many issues are named in a message; all of them are in `details`. */
const namedIssues = 3;

/** The error for a value that was refused; `what` names the value, `details.issues` holds all reasons. */
export function refusal(what: string, issues: readonly Issue[]): ValidationError {
  const named = issues
    .slice(0, namedIssues)
    .map(({ path, message }) => (path ? `${path} ${message}` : message));
  const more = issues.length > namedIssues ? `; and ${issues.length - namedIssues} more` : "";
  return new ValidationError(`${what} does not fit its schema: ${named.join("; ")}${more}`, {
    details: { issues },
  });
}
