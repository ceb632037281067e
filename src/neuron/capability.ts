/** What a neuron offers: capabilities, and the handlers that serve them. */
import type { Capability, CapabilityScope } from "../../gen/neuron/index.js";
import { ValidationError } from "../core/errors.js";
import { isJsonSchema, type JsonSchema } from "../core/json-schema.js";
import type { Logger } from "../core/logger.js";
import { isStandardSchema } from "../core/standard-schema.js";
import { toJsonSchema } from "../core/to-json-schema.js";
import type { InputOf, Schema } from "../core/validate.js";
import { type HandlerDefinition, isHandlerDefinition } from "../handler/index.js";
import { frameProblem } from "./frame-check.js";
import type { Handler } from "./handler-context.js";

/** A capability, as `Neuron.handle` takes it. `In` and `Out` are schemas, or undefined for none. */
export interface CapabilityRegistration<
  In extends Schema | undefined = Schema | undefined,
  Out extends Schema | undefined = Schema | undefined,
> {
  /** `{owner}/{package}[/{name}][.{variant}]`: at least two segments of ASCII letters, digits, `_`, `.`, `-`. */
  readonly type: string;
  /** Whose tasks: `"any"`, or those of one user. Default: `"any"`. */
  readonly scope?: CapabilityScope | undefined;
  /** How many leases may run at a time; the gateway sends no more than this unanswered. At least 1. Default: 1. */
  readonly concurrency?: number | undefined;
  /** How long a lease lives between two heartbeats, 1,000 to 3,600,000 ms. Default: the gateway decides. */
  readonly leaseTtlMs?: number | undefined;
  /** For people and planners. Advertised since protocol 1.1.0. */
  readonly description?: string | undefined;
  /**
   * What the input must look like: any Standard Schema (zod, valibot, arktype…) or a JSON Schema. The handler gets
   * what the schema returns. Advertised since 1.1.0. Default: anything.
   */
  readonly input?: In;
  /** What the output must look like; the schema's result is acked. Advertised since 1.1.0. Default: anything. */
  readonly output?: Out;
  /** JSON Schemas to advertise where the schema's library exports none. */
  readonly jsonSchema?:
    | { readonly input?: JsonSchema | undefined; readonly output?: JsonSchema | undefined }
    | undefined;
  /** The vendor's name for `input`, for a JSON Schema alone. The handler's input is not typed by it. */
  readonly inputSchema?: JsonSchema | undefined;
  /** The vendor's name for `output`, for a JSON Schema alone. */
  readonly outputSchema?: JsonSchema | undefined;
}

/** Defines a capability apart from its handler, which gets typed input and must return typed output. */
export function defineCapability<
  const In extends Schema | undefined = undefined,
  const Out extends Schema | undefined = undefined,
>(capability: CapabilityRegistration<In, Out>): CapabilityRegistration<In, Out> {
  return Object.freeze({ ...capability });
}

/** What a handler of a lease gets. Without a schema nothing is known, so the handler may declare any type. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type LeaseInput<In extends Schema | undefined> = In extends Schema ? InputOf<In> : any;

/** A capability with its handler, ready to serve. */
export interface Served {
  /** As it is registered. */
  readonly capability: Capability;
  readonly inputSchema: Schema | undefined;
  readonly outputSchema: Schema | undefined;
  readonly handler: Handler;
}

/** A capability with some members replaced; those that are undefined replace nothing. */
export function override(given: CapabilityRegistration, overrides: object = {}): CapabilityRegistration {
  const defined = Object.entries(overrides).filter(([, value]) => value !== undefined);
  return { ...given, ...Object.fromEntries(defined) };
}

/**
 * Brings the forms of `Neuron.handle` together.
 *
 * @throws ValidationError for a capability that the protocol does not allow, an invalid schema, or a
 * handler that is not a function.
 */
export function serve(
  given: CapabilityRegistration,
  handler: Handler | HandlerDefinition,
  logger?: Logger | false,
): Served {
  const shared = isHandlerDefinition(handler) ? handler : undefined;
  const run = shared === undefined ? handler : shared.run;
  if (typeof run !== "function") throw new ValidationError(`${given.type}: the handler must be a function`);
  const inputSchema = given.input ?? given.inputSchema ?? shared?.input;
  const outputSchema = given.output ?? given.outputSchema ?? shared?.output;
  const advertise = (schema: Schema | undefined, side: "input" | "output"): JsonSchema | undefined => {
    if (schema === undefined) return undefined;
    const jsonSchema = (given.jsonSchema ?? shared?.jsonSchema)?.[side];
    return toJsonSchema(schema, { jsonSchema, side, what: `the ${side} of ${given.type}`, logger });
  };
  const { type, scope = "any", concurrency = 1, leaseTtlMs, description = shared?.description } = given;
  const [input, output] = [advertise(inputSchema, "input"), advertise(outputSchema, "output")];
  const capability: Capability = {
    type,
    scope,
    concurrency,
    ...(leaseTtlMs !== undefined && { leaseTtlMs }),
    ...(description !== undefined && { description }),
    ...(input !== undefined && { inputSchema: input }),
    ...(output !== undefined && { outputSchema: output }),
  };
  const problem = frameProblem("Capability", capability, "capability") ?? schemaProblem(given);
  if (problem !== undefined) throw new ValidationError(`${String(given.type)}: ${problem}`);
  return { capability, inputSchema, outputSchema, handler: run as Handler };
}

function schemaProblem(given: CapabilityRegistration): string | undefined {
  for (const name of ["input", "output", "inputSchema", "outputSchema"] as const) {
    const schema: unknown = given[name];
    const isStandard = !name.endsWith("Schema") && isStandardSchema(schema);
    if (schema === undefined || isStandard || isJsonSchema(schema)) continue;
    return `${name} must be a ${name.endsWith("Schema") ? "" : "Standard Schema or a "}JSON Schema`;
  }
  return undefined;
}
