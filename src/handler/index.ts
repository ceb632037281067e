/**
 * Handlers for both worker protocols: `async (input, ctx) => output`. A handler that is defined here serves CAP jobs and
 * neuron leases, unchanged.
 */
import { AgentwireError, errorText, ValidationError } from "../core/errors.js";
import type { JsonSchema } from "../core/json-schema.js";
import type { Logger } from "../core/logger.js";
import type { InputOf, OutputOf, Schema } from "../core/validate.js";

/** A progress report of a handler. All members are optional. */
export interface ProgressUpdate {
  /** 0 to 100. */
  readonly percent?: number | undefined;
  /** One sentence for people. */
  readonly message?: string | undefined;
  /** Any JSON value. Protocols without such a member drop it. */
  readonly data?: unknown;
}

/** What a handler receives besides its input, on any protocol. */
export interface HandlerContext {
  /** Fires when the work is cancelled or the worker stops. */
  readonly signal: AbortSignal;
  /** A logger that names the piece of work. What is logged stays here. */
  readonly log: Logger;
  /** When the work is taken back, in milliseconds since the epoch; undefined where nobody said. */
  readonly deadline: number | undefined;
  /** Set where `deadline` moves while the work goes on, as a lease is renewed. Default: it stays. */
  readonly deadlineMoves?: boolean;
  /** Joins all that belongs to this piece of work: the trace id of a CAP job, the task id of a neuron lease. */
  readonly correlationId: string;
  /** The request as it came over the wire. */
  readonly request: unknown;
  /** Reports progress. Returns at once; a report that cannot be sent is dropped with a log line. */
  progress(update: ProgressUpdate): void;
  /** Ends the work for good by throwing a {@link HandlerFailure}: it is not tried again. Do not catch it. */
  fail(reason: string, options?: { readonly code?: string | undefined }): never;
}

/** Processes one job or lease: receives the input and returns the output, or a promise for it. */
export type Handler<Input = unknown, Output = unknown, Context = HandlerContext> = (
  input: Input,
  ctx: Context,
) => Output | Promise<Output>;

/** Thrown by {@link HandlerContext.fail}: the work failed, and a retry would not help. */
export class HandlerFailure extends AgentwireError {
  static override readonly brands: readonly string[] = ["HandlerFailure"];
  static override readonly defaultCode: string = "HANDLER_FAILED";
  /** Why, as given. */
  declare readonly reason: string;
  /** The code given, if one was. */
  readonly failureCode: string | undefined;

  /** Whatever is passed, the failure is one for good: a code that is not a text or a number counts as none. */
  constructor(reason: string, options?: { readonly code?: string | undefined }) {
    const code = codeIn(options);
    const text = errorText(reason);
    super(text, { reason: text, ...(code === undefined ? {} : { code }) });
    this.failureCode = code;
  }
}

function codeIn(options: { readonly code?: unknown } | null | undefined): string | undefined {
  try {
    const code = options?.code;
    return typeof code === "string" || typeof code === "number" ? String(code) : undefined;
  } catch {
    return undefined;
  }
}

/** The argument of {@link defineHandler}. `In` and `Out` are schemas, or undefined for none. */
export interface HandlerInit<In extends Schema | undefined, Out extends Schema | undefined> {
  /** What it does, for people and planners. */
  readonly description?: string | undefined;
  /** What the input must look like: any Standard Schema, or a JSON Schema. Default: anything. */
  readonly input?: In;
  /** What the output must look like. Default: anything. */
  readonly output?: Out;
  /** JSON Schemas to advertise where the schema's library exports none. */
  readonly jsonSchema?:
    | { readonly input?: JsonSchema | undefined; readonly output?: JsonSchema | undefined }
    | undefined;
  /** The work. */
  readonly run: Handler<InputOf<In>, OutputOf<Out>>;
}

/** A handler with its schemas, which both worker protocols can serve. */
export interface HandlerDefinition {
  readonly description: string | undefined;
  readonly input: Schema | undefined;
  readonly output: Schema | undefined;
  readonly jsonSchema: { readonly input?: JsonSchema | undefined; readonly output?: JsonSchema | undefined };
  readonly run: Handler<never, unknown>;
}

/**
 * A definition, where a registration may be given one: not beside schemas of the registration, since a definition
 * has its own.
 */
export type DefinitionBeside<In extends Schema | undefined, Out extends Schema | undefined> = [
  In,
  Out,
] extends [undefined, undefined]
  ? HandlerDefinition
  : never;

/**
 * Defines a handler. The types of its input and output are taken from the schemas.
 *
 * @throws ValidationError when `run` is not a function.
 */
export function defineHandler<
  const In extends Schema | undefined = undefined,
  const Out extends Schema | undefined = undefined,
>(init: HandlerInit<In, Out>): HandlerDefinition {
  if (typeof init.run !== "function") throw new ValidationError("defineHandler: run must be a function");
  const { description, input, output, jsonSchema = {}, run } = init;
  return Object.freeze({ description, input, output, jsonSchema, run });
}

/** Whether a value was returned by {@link defineHandler}, possibly of another copy of the package. */
export function isHandlerDefinition(value: unknown): value is HandlerDefinition {
  return typeof value === "object" && value !== null && "run" in value && typeof value.run === "function";
}
