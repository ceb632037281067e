/** What a neuron offers: capabilities, and the handlers that serve them. */
import type { Capability, CapabilityScope } from "../../gen/neuron/index.js";
import { ValidationError } from "../core/errors.js";
import { isJsonSchema, type JsonSchema } from "../core/json-schema.js";
import type { Logger } from "../core/logger.js";
import { toJsonSchema } from "../core/to-json-schema.js";
import type { InferInput, InferOutput, Schema } from "../core/validate.js";
import { type HandlerDefinition, isHandlerDefinition } from "../handler/index.js";
import { frameCheck } from "./frame-check.js";
import type { Handler } from "./handler-context.js";

/** A capability by its plain members, as `Neuron.handle` takes it. */
export interface CapabilityRegistration {
  /** `{owner}/{package}[/{name}][.{variant}]`: at least two segments of ASCII letters, digits, `_`, `.`, `-`. */
  readonly type: string;
  /** Whose tasks: `"any"`, or those of one user. */
  readonly scope: CapabilityScope;
  /** How many leases may run at a time; the gateway sends no more than this unanswered. At least 1. */
  readonly concurrency: number;
  /** How long a lease lives between two heartbeats, 1,000 to 3,600,000 ms. Default: the gateway decides. */
  readonly leaseTtlMs?: number | undefined;
  /** For people and planners. Advertised since protocol 1.1.0. */
  readonly description?: string | undefined;
  /** JSON Schema of the input: checked before the handler runs, and advertised since 1.1.0. */
  readonly inputSchema?: JsonSchema | undefined;
  /** JSON Schema of the output: checked before the ack, and advertised since 1.1.0. */
  readonly outputSchema?: JsonSchema | undefined;
}

/** What {@link defineCapability} takes. */
export interface CapabilityInit<In extends Schema, Out extends Schema> {
  /** See {@link CapabilityRegistration.type}. */
  readonly type: string;
  /** For people and planners. */
  readonly description?: string | undefined;
  /** Any Standard Schema (zod, valibot, arktype…) or a JSON Schema. The handler sees what it lets through. */
  readonly input: In;
  /** The same for the output; what it lets through is acked. */
  readonly output: Out;
  /** JSON Schemas to advertise where the schema's library exports none. */
  readonly jsonSchema?:
    | { readonly input?: JsonSchema | undefined; readonly output?: JsonSchema | undefined }
    | undefined;
  /** Default: `"any"`. */
  readonly scope?: CapabilityScope | undefined;
  /** Default: 1. */
  readonly concurrency?: number | undefined;
  /** Default: the gateway decides. */
  readonly leaseTtlMs?: number | undefined;
}

/** A capability with typed input and output. */
export interface CapabilityDefinition<Input = unknown, Output = unknown> {
  readonly type: string;
  readonly description: string | undefined;
  readonly input: Schema;
  readonly output: Schema;
  readonly jsonSchema: { readonly input?: JsonSchema | undefined; readonly output?: JsonSchema | undefined };
  readonly scope: CapabilityScope;
  readonly concurrency: number;
  readonly leaseTtlMs: number | undefined;
  /** For the compiler only. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
}

/** Defines a capability whose handler gets typed input and must return typed output. */
export function defineCapability<const In extends Schema, const Out extends Schema>(
  init: CapabilityInit<In, Out>,
): CapabilityDefinition<InferOutput<In>, InferInput<Out>> {
  const { description, jsonSchema = {}, scope = "any", concurrency = 1, leaseTtlMs } = init;
  const { type, input, output } = init;
  return Object.freeze({ type, description, input, output, jsonSchema, scope, concurrency, leaseTtlMs });
}

/** A capability with its handler, ready to serve. */
export interface Served {
  /** As it is registered. */
  readonly capability: Capability;
  readonly inputSchema: Schema | undefined;
  readonly outputSchema: Schema | undefined;
  readonly handler: Handler;
}

/** What may stand for a capability. */
export type CapabilityLike = CapabilityRegistration | CapabilityDefinition<never, never>;

function isDefinition(given: CapabilityLike): given is CapabilityDefinition<never, never> {
  return "input" in given && "output" in given;
}

/** A capability with some members replaced; those that are undefined replace nothing. */
export function override(given: CapabilityLike, overrides: object = {}): CapabilityLike {
  const defined = Object.entries(overrides).filter(([, value]) => value !== undefined);
  return { ...given, ...Object.fromEntries(defined) };
}

/**
 * Brings the forms of `Neuron.handle` together.
 *
 * @throws ValidationError for a capability that the protocol does not allow, a schema that is none, or a
 * handler that is no function.
 */
export function serve(
  given: CapabilityLike,
  handler: Handler | HandlerDefinition,
  logger?: Logger | false,
): Served {
  const shared = isHandlerDefinition(handler) ? handler : undefined;
  const run = shared === undefined ? handler : shared.run;
  if (typeof run !== "function") throw new ValidationError(`${given.type}: the handler must be a function`);
  const definition = isDefinition(given) ? given : shared;
  const plain = isDefinition(given) ? undefined : given;
  const inputSchema = plain?.inputSchema ?? definition?.input;
  const outputSchema = plain?.outputSchema ?? definition?.output;
  const advertise = (schema: Schema | undefined, side: "input" | "output"): JsonSchema | undefined => {
    if (schema === undefined) return undefined;
    const jsonSchema = definition?.jsonSchema[side];
    return toJsonSchema(schema, { jsonSchema, side, what: `the ${side} of ${given.type}`, logger });
  };
  const members: Record<keyof Capability, unknown> = {
    type: given.type,
    scope: given.scope,
    concurrency: given.concurrency,
    leaseTtlMs: given.leaseTtlMs,
    description: plain?.description ?? definition?.description,
    inputSchema: advertise(inputSchema, "input"),
    outputSchema: advertise(outputSchema, "output"),
  };
  const capability = Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as unknown as Capability;
  const problem = frameCheck("Capability")(capability, "capability") ?? schemaProblem(plain);
  if (problem !== undefined) throw new ValidationError(`${String(given.type)}: ${problem}`);
  return { capability, inputSchema, outputSchema, handler: run as Handler };
}

function schemaProblem(plain: CapabilityRegistration | undefined): string | undefined {
  for (const name of ["inputSchema", "outputSchema"] as const) {
    const schema = plain?.[name];
    if (schema !== undefined && !isJsonSchema(schema)) return `${name} must be a JSON Schema`;
  }
  return undefined;
}
