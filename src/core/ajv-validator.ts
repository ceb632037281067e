/** The validator that is used unless another one is injected: ajv, bounded in size and number of schemas. */
import type { AnySchema, ErrorObject, ValidateFunction } from "ajv";
import type { AjvDialect } from "./ajv-dialects.js";
import { UnsupportedError, ValidationError } from "./errors.js";
import { stringifyJson } from "./json-form.js";
import {
  type CompiledSchema,
  dialectOf,
  type Issue,
  isJsonSchema,
  type JsonSchema,
  type SchemaValidator,
  type ValidationResult,
} from "./json-schema.js";
import { Lru } from "./lru.js";
import { checkSchemaBounds, maxSchemaSteps, tooComplex } from "./schema-bounds.js";
import { rewriteForAjv } from "./schema-rewrite.js";

/** Options of {@link ajvValidator}. */
export interface AjvValidatorOptions {
  /** Compiled schemas kept at a time; the least recently used one goes first. Default: 100. */
  readonly maxSchemas?: number | undefined;
  /** Size of one schema as JSON text, in bytes. A larger one is refused. Default: 262,144. */
  readonly maxSchemaBytes?: number | undefined;
  /** Name every issue of a value, not only the first. Costs more on large values. Default: false. */
  readonly allErrors?: boolean | undefined;
  /**
   * A `$ref` that leads nowhere makes `compile` fail (`refuse`), or `validate` once a value gets there
   * (`when-reached`), as validators do that resolve references late. Default: `refuse`.
   */
  readonly unresolvedRefs?: "refuse" | "when-reached" | undefined;
  /**
   * The schemas come from a peer: bound what they cost. A schema of more than 500 objects, lists and booleans, 64 levels or
   * 10,000 members is refused, as are patterns with a backreference or lookbehind; patterns take time in proportion
   * to the text; judging a value ends after 1,000,000 steps. Meta-schemas are not known by name. Both errors have the
   * code `SCHEMA_TOO_COMPLEX`. Default: false.
   */
  readonly untrusted?: boolean | undefined;
}

/** How full an {@link AjvValidator} is. */
export interface AjvValidatorStats {
  /** Schemas held now, each with an ajv instance of its own. */
  readonly held: number;
  /** Schemas compiled so far. */
  readonly compiled: number;
  /** Schemas found ready so far. */
  readonly reused: number;
  /** Schemas dropped so far to make room, with their instances. */
  readonly evicted: number;
}

/** A {@link SchemaValidator} that tells how full it is. */
export interface AjvValidator extends SchemaValidator {
  /** Counters, for tests and metrics. */
  stats(): AjvValidatorStats;
}

/**
 * A validator over ajv. Honours `$schema` (draft-04, -06, -07, 2019-09, 2020-12; unknown or none: 2020-12),
 * checks every schema against its meta-schema, asserts no `format`, coerces nothing, fills in no defaults,
 * counts only own properties, and never fetches anything. ajv is loaded with the first schema.
 *
 * `compile` rejects as {@link SchemaValidator} says, and with an `UnsupportedError` where the platform
 * forbids code generation. Unless a schema is `untrusted`, its patterns run as they are: one can be made to run
 * for very long. ajv's own limits stay: `$dynamicRef` across resources, relative `$id`s that refer to each other, and
 * `unevaluated…` beside `contains` or an `if` alone are not judged as the specification says.
 */
export function ajvValidator(options: AjvValidatorOptions = {}): AjvValidator {
  const { maxSchemas = 100, maxSchemaBytes = 262_144, allErrors = false, untrusted = false } = options;
  const lateRefs = options.unresolvedRefs === "when-reached";
  const cache = new Lru<string, CompiledSchema>(maxSchemas);
  let [compiled, reused, evicted] = [0, 0, 0];

  const find = (text: string): CompiledSchema | undefined => {
    const known = cache.get(text);
    if (known) reused++;
    return known;
  };
  return {
    async compile(given) {
      if (!isJsonSchema(given)) throw invalid("it must be an object or a boolean");
      const text = schemaText(given, maxSchemaBytes);
      const known = find(text);
      if (known) return known;
      // A copy: what the caller does to the schema later changes nothing here.
      const schema = JSON.parse(text) as JsonSchema;
      if (untrusted) checkSchemaBounds(schema);
      const dialect = await import("./ajv-dialects.js")
        .then(({ ajvDialect }) => ajvDialect(dialectOf(schema)))
        .catch((error: unknown) => {
          throw compileError(error);
        });
      // Another caller may have brought the same schema meanwhile.
      const meanwhile = find(text);
      if (meanwhile) return meanwhile;
      const fresh = build(schema, dialect, {
        allErrors,
        lateRefs,
        untrusted,
        withMetaSchemas: !untrusted && text.includes("json-schema.org/"),
      });
      compiled++;
      if (cache.set(text, fresh)) evicted++;
      return fresh;
    },
    stats: () => ({ held: cache.size, compiled, reused, evicted }),
  };
}

function schemaText(schema: JsonSchema, maxBytes: number): string {
  try {
    return stringifyJson(schema, { what: "the schema", maxBytes });
  } catch (error) {
    const { code, message } = error as ValidationError;
    throw new ValidationError(`the schema cannot be used: ${message}`, {
      code: code === "TOO_LARGE" ? "SCHEMA_TOO_LARGE" : "INVALID_SCHEMA",
      cause: error,
    });
  }
}

/** What a compiled schema throws where a `$ref` leads nowhere. */
class UnresolvedRef {
  constructor(readonly ref: string) {}
}

interface BuildOptions {
  readonly allErrors: boolean;
  readonly lateRefs: boolean;
  readonly untrusted: boolean;
  readonly withMetaSchemas: boolean;
}

function build(schema: JsonSchema, dialect: AjvDialect, options: BuildOptions): CompiledSchema {
  if (!dialect.checkSchema(schema)) {
    const issues = issuesOf(dialect.checkSchema.errors);
    throw invalid(issues.map(({ path, message }) => `${path} ${message}`.trim()).join("; "), { issues });
  }
  const unresolved: string[] = [];
  const onUnresolved = (ref: string): UnresolvedRef => {
    unresolved.push(ref);
    return new UnresolvedRef(ref);
  };
  let steps = 0;
  const spend = (more: number): void => {
    steps += more;
    if (steps > maxSchemaSteps) throw tooComplex(`it takes more than ${maxSchemaSteps} steps`);
  };
  let check: ValidateFunction;
  try {
    check = dialect
      .create({ ...options, onUnresolved, spend: options.untrusted ? spend : undefined })
      .compile(rewriteForAjv(schema, dialectOf(schema), options.untrusted) as AnySchema);
  } catch (error) {
    throw compileError(error);
  }
  if (!options.lateRefs && unresolved[0] !== undefined) throw unresolvable(unresolved[0]);
  return {
    validate(value) {
      steps = 0;
      return judge(check, value);
    },
  };
}

function judge(check: ValidateFunction, value: unknown): ValidationResult<unknown> {
  try {
    return check(value) ? { ok: true, value } : { ok: false, issues: issuesOf(check.errors) };
  } catch (error) {
    if (error instanceof UnresolvedRef) throw unresolvable(error.ref);
    if (error instanceof ValidationError) throw error;
    // Nesting without end in the value, or a value that is not JSON data.
    throw new ValidationError("the value cannot be validated: it is nested too deeply, or is not JSON data", {
      cause: error,
    });
  }
}

function issuesOf(errors: readonly ErrorObject[] | null | undefined): Issue[] {
  return (errors ?? []).map(({ instancePath, message = "is not valid", params }) => {
    const name: unknown = params.additionalProperty ?? params.unevaluatedProperty ?? params.propertyName;
    return {
      path: instancePath,
      message: name === undefined ? message : `${message}: ${JSON.stringify(name)}`,
    };
  });
}

function invalid(why: string, details?: object, cause?: unknown): ValidationError {
  return new ValidationError(`the schema is not valid: ${why}`, { code: "INVALID_SCHEMA", details, cause });
}

function unresolvable(ref: string): ValidationError {
  const message = `the schema refers to ${JSON.stringify(ref)}, which it does not hold; nothing is fetched`;
  return new ValidationError(message, { code: "UNRESOLVABLE_REF", details: { ref } });
}

function compileError(error: unknown): Error {
  if (error instanceof ValidationError) return error;
  if (error instanceof Error && error.name === "EvalError") {
    const message =
      "this platform forbids code generation, which ajv needs; pass a SchemaValidator of your own as `validator`";
    return new UnsupportedError(message, { cause: error });
  }
  return invalid(error instanceof Error ? error.message : String(error), undefined, error);
}
