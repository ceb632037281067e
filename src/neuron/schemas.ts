/** Which schema judges a lease, and its verdict. */
import type { Lease } from "../../gen/neuron/index.js";
import { errorText, ValidationError } from "../core/errors.js";
import { isObject } from "../core/json.js";
import { isJsonSchema, type SchemaValidator } from "../core/json-schema.js";
import type { Logger } from "../core/logger.js";
import { type Checker, checkerFor, outputCheckerFor } from "../core/validate.js";
import type { Served } from "./capability.js";

/** See {@link SchemaSource}. */
export const SCHEMA_SOURCES = ["registered-first", "lease-first", "registered-only"] as const;

/**
 * Which schema is asked where a capability has one and the lease brings another: the registered one
 * (`registered-first`, as the TypeScript reference), the lease's (`lease-first`, as holokai-neuron-sdk 0.2.0),
 * or never the lease's (`registered-only`).
 */
export type SchemaSource = (typeof SCHEMA_SOURCES)[number];

/** One side of a handler. */
export type Side = "input" | "output";

/** A verdict: the value to go on with, or what is wrong with it. */
export type Verdict =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly errors: readonly string[]; readonly notSerializable?: boolean };

const makeChecker = { input: checkerFor<unknown>, output: outputCheckerFor };

/** The validator over ajv, loaded with the first JSON Schema: a neuron without one has no use for it. */
function lateAjv(untrusted: boolean): SchemaValidator {
  let loading: Promise<SchemaValidator> | undefined;
  return {
    async compile(schema) {
      loading ??= import("../core/ajv-validator.js")
        .then(({ ajvValidator }) => ajvValidator({ unresolvedRefs: "when-reached", untrusted }))
        .catch((error: unknown) => {
          loading = undefined;
          throw error;
        });
      return (await loading).compile(schema);
    },
  };
}

/** A validator that was injected cannot count steps, but what it is given is bounded. */
function bounded(validator: SchemaValidator): SchemaValidator {
  return {
    async compile(schema) {
      const { checkSchemaBounds } = await import("../core/schema-bounds.js");
      checkSchemaBounds(schema);
      return validator.compile(schema);
    },
  };
}

/** The schemas of one neuron. Registered ones are compiled once and kept, those of leases in a bounded cache. */
export class SchemaBook {
  readonly #validator: SchemaValidator;
  readonly #leaseValidator: SchemaValidator;
  readonly #source: SchemaSource;
  readonly #logger: Logger | undefined;
  readonly #registered = new WeakMap<Served, Partial<Record<Side, Checker<unknown>>>>();

  constructor(options: {
    readonly validator?: SchemaValidator | undefined;
    readonly source: SchemaSource;
    readonly logger?: Logger | undefined;
  }) {
    const { validator } = options;
    this.#validator = validator ?? lateAjv(false);
    this.#leaseValidator = validator === undefined ? lateAjv(true) : bounded(validator);
    this.#source = options.source;
    this.#logger = options.logger;
  }

  /**
   * Makes the registered schemas of a capability ready.
   *
   * @throws ValidationError `INVALID_SCHEMA` or `SCHEMA_TOO_LARGE`, UnsupportedError where code generation is
   * forbidden; the message names the capability.
   */
  async prepare(served: Served): Promise<void> {
    const ready: Partial<Record<Side, Checker<unknown>>> = {};
    for (const side of ["input", "output"] as const) {
      const schema = side === "input" ? served.inputSchema : served.outputSchema;
      if (schema === undefined) continue;
      try {
        ready[side] = await makeChecker[side](schema, this.#validator);
      } catch (error) {
        if (!(error instanceof ValidationError)) throw error;
        const { code, details } = error;
        const message = `${served.capability.type}: ${side} schema: ${error.message}`;
        throw new ValidationError(message, { code, details, cause: error });
      }
    }
    this.#registered.set(served, ready);
  }

  /** True when no schema can have a say on this side, so that nothing need be awaited. */
  isOpen(served: Served, lease: Lease, side: Side): boolean {
    return this.#registered.get(served)?.[side] === undefined && this.#leaseSchema(lease, side) === undefined;
  }

  /** Judges a value. A schema that cannot be used counts against the value. Never rejects. */
  async judge(served: Served, lease: Lease, side: Side, value: unknown): Promise<Verdict> {
    try {
      const checker = await this.#checker(served, lease, side);
      if (checker === undefined) return { ok: true, value };
      const result = await checker.check(value);
      if (result.ok) return result;
      return { ok: false, errors: result.issues.map(({ path, message }) => `${path} ${message}`.trim()) };
    } catch (error) {
      const notSerializable = error instanceof ValidationError && error.code === "NOT_SERIALIZABLE";
      if (!notSerializable) {
        const { leaseId, task } = lease;
        const code = error instanceof ValidationError ? error.code : undefined;
        const fields = { leaseId, capability: task.capability, side, code, reason: errorText(error) };
        this.#logger?.warn("a schema cannot be used; the lease is answered as a mismatch", fields);
      }
      return { ok: false, errors: [describe(error)], notSerializable };
    }
  }

  async #checker(served: Served, lease: Lease, side: Side): Promise<Checker<unknown> | undefined> {
    const registered = this.#registered.get(served)?.[side];
    const brought = this.#leaseSchema(lease, side);
    if (registered !== undefined && (brought === undefined || this.#source !== "lease-first"))
      return registered;
    if (brought === undefined) return undefined;
    if (!isJsonSchema(brought)) throw new ValidationError("it must be an object", { code: "INVALID_SCHEMA" });
    return makeChecker[side](brought, this.#leaseValidator);
  }

  /** The lease's schema; absent, null, `{}` and booleans count as none, as in the peers. */
  #leaseSchema(lease: Lease, side: Side): unknown {
    if (this.#source === "registered-only") return undefined;
    const schema = side === "input" ? lease.inputSchema : lease.outputSchema;
    if (schema === undefined || schema === null || typeof schema === "boolean") return undefined;
    const empty = isObject(schema) && Object.keys(schema).length === 0;
    return empty ? undefined : schema;
  }
}

function describe(error: unknown): string {
  const text = errorText(error);
  return error instanceof ValidationError && error.code === "INVALID_SCHEMA"
    ? `invalid schema: ${text}`
    : text;
}
