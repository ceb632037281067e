/** One way to check a value against a schema of any kind. */
import { ValidationError } from "./errors.js";
import { type JsonForm, jsonForm, nonFinitePath } from "./json-form.js";
import {
  type FromJsonSchema,
  type Issue,
  isJsonSchema,
  type SchemaValidator,
  type TypedJsonSchema,
  type ValidationResult,
} from "./json-schema.js";
import { isStandardSchema, issuePointer, type StandardSchemaV1 } from "./standard-schema.js";

/** What can describe a handler's input or output: any Standard Schema, or a JSON Schema. */
export type Schema<T = unknown> =
  | StandardSchemaV1<never, T>
  | StandardSchemaV1<unknown, T>
  | TypedJsonSchema<T>;

type TypeOf<S> = S extends TypedJsonSchema<infer T> ? T : unknown;

/** The type of the values that a schema lets through, transformed where the schema does that. */
export type InferOutput<S> =
  S extends StandardSchemaV1<infer _Input, infer Output>
    ? Output
    : unknown extends TypeOf<S>
      ? FromJsonSchema<S>
      : TypeOf<S>;

/** The type of the values that a schema takes; unknown for a JSON Schema literal, which judges the JSON form of a value. */
export type InferInput<S> = S extends StandardSchemaV1<infer Input, infer _Output> ? Input : TypeOf<S>;

/** What a handler gets under a schema of its input; without a schema, nothing is known. */
export type InputOf<In extends Schema | undefined> = In extends Schema ? InferOutput<In> : unknown;

/** What a handler must return under a schema of its output; without a schema, anything. */
export type OutputOf<Out extends Schema | undefined> = Out extends Schema ? InferInput<Out> : unknown;

/** A schema of either kind, ready for use. */
export interface Checker<T> {
  /** Judges a value and returns it as the schema passes it on. Rejects as {@link CompiledSchema} throws. */
  check(value: unknown): Promise<ValidationResult<T>>;
}

/**
 * A schema for values that arrived as JSON. A Standard Schema judges by itself, a JSON Schema through `validator`
 * (default: ajv).
 * A number that is not finite is refused under any schema.
 *
 * Rejects with a `ValidationError` (code `INVALID_SCHEMA`) for a value that is not a schema.
 */
export async function checkerFor<T>(schema: Schema<T>, validator?: SchemaValidator): Promise<Checker<T>> {
  const judge = await judgeFor(schema, validator);
  return {
    async check(value) {
      const path = nonFinitePath(value);
      if (path !== undefined) return { ok: false, issues: [{ path, message: "must be a finite number" }] };
      return (await judge(value)) as ValidationResult<T>;
    },
  };
}

/** What a protocol sends for outputs that are not JSON. */
export interface OutputRules {
  /** What is sent for undefined. Default: nothing. */
  readonly absent?: null | undefined;
  /** Send a `Uint8Array` as it is if a Standard Schema returns one. Default: false. */
  readonly bytes?: boolean | undefined;
}

/**
 * A schema for values that are about to be sent: it judges the JSON that leaves, and the checker returns that JSON.
 * Values that lose content as JSON (`NaN`, `Map`) are refused. A Standard Schema sees the value itself first, since
 * its input need not be JSON (a `Date`); if it refuses the value, it judges the JSON of it.
 *
 * Rejects as {@link checkerFor}. `check` also rejects with `NOT_SERIALIZABLE` for a value without a JSON form.
 */
export async function outputCheckerFor(
  schema: Schema,
  validator?: SchemaValidator,
  { absent, bytes = false }: OutputRules = {},
): Promise<Checker<unknown>> {
  const judge = await judgeFor(schema, validator);
  const formOf = (value: unknown): JsonForm => jsonForm(value === undefined ? absent : value);
  const judgeJson = async ({ value, losses }: JsonForm): Promise<ValidationResult<unknown>> =>
    losses.length > 0 ? { ok: false, issues: losses } : judge(value);
  if (!isStandardSchema(schema)) return { check: async (value) => judgeJson(formOf(value)) };

  const send = async (value: unknown): Promise<ValidationResult<unknown>> => {
    const passed = await judge(value);
    if (!passed.ok || (bytes && passed.value instanceof Uint8Array)) return passed;
    const form = formOf(passed.value);
    if (form.losses.length > 0) return { ok: false, issues: form.losses };
    // An object that the schema left in place chose other JSON than the members that the schema saw.
    if (form.rewritten && jsonForm(value).rewritten) {
      const judged = await judge(form.value);
      if (!judged.ok) return judged;
    }
    return { ok: true, value: form.value };
  };
  return {
    async check(value) {
      const asGiven = await send(value);
      if (asGiven.ok) return asGiven;
      const form = formOf(value);
      if (form.losses.length > 0) return asGiven;
      const asJson = await send(form.value);
      return asJson.ok ? asJson : asGiven;
    },
  };
}

type Judge = (value: unknown) => Promise<ValidationResult<unknown>>;

let ajv: Promise<SchemaValidator> | undefined;

function defaultValidator(): Promise<SchemaValidator> {
  ajv ??= import("./ajv-validator.js").then(({ ajvValidator }) => ajvValidator());
  return ajv;
}

async function judgeFor(schema: Schema, validator?: SchemaValidator): Promise<Judge> {
  if (isStandardSchema(schema)) {
    const standard = schema["~standard"];
    return async (value) => {
      const result = await standard.validate(value);
      if (result.issues === undefined) return { ok: true, value: result.value };
      const issues = result.issues.map(({ path, message }) => ({ path: issuePointer(path), message }));
      return { ok: false, issues };
    };
  }
  if (!isJsonSchema(schema)) {
    throw new ValidationError("a schema must be a Standard Schema or a JSON Schema", {
      code: "INVALID_SCHEMA",
    });
  }
  const compiled = await (validator ?? (await defaultValidator())).compile(schema);
  return async (value) => compiled.validate(value);
}

/** At most so many issues are named in a message; all of them are in `details`. */
const namedIssues = 3;

/** The error for a value that was refused; `what` names the value, `details.issues` holds all reasons. */
export function refusal(what: string, issues: readonly Issue[]): ValidationError {
  const named = issues
    .slice(0, namedIssues)
    .map(({ path, message }) => (path ? `${path} ${message}` : message));
  const more = issues.length > namedIssues ? `; and ${issues.length - namedIssues} more` : "";
  return new ValidationError(`${what} does not match its schema: ${named.join("; ")}${more}`, {
    details: { issues },
  });
}
