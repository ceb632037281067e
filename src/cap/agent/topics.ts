/** The topics an agent serves. */
import { AgentwireError, ValidationError } from "../../core/errors.js";
import type { SchemaValidator } from "../../core/json-schema.js";
import { compose } from "../../core/middleware.js";
import { checkOption } from "../../core/options.js";
import { type Checker, checkerFor, outputCheckerFor, type Schema } from "../../core/validate.js";
import type { HandlerCall } from "../../worker/middleware.js";
import { assertSubject } from "../bus.js";
import type { AgentHandler, AgentMiddleware } from "./context.js";
import type { AgentOptions, JobContext } from "./options.js";

/** What `retries` may be. */
export const RETRIES = { min: 0, whole: true, max: Number.MAX_SAFE_INTEGER };

/** How one topic differs from the agent's options. */
export type TopicOverrides = Pick<AgentOptions, "retries" | "backoffMs">;

/** Options of `Agent.job`. `In` and `Out` are schemas, or undefined for none. */
export interface TopicOptions<In extends Schema | undefined, Out extends Schema | undefined>
  extends TopicOverrides {
  /** What the input must look like: any Standard Schema, or a JSON Schema. Default: anything. */
  readonly input?: In;
  /** What the output must look like. Default: anything. */
  readonly output?: Out;
}

/** A topic that is ready to serve. */
export interface ServedTopic {
  readonly retries: number;
  readonly backoffMs: (attempt: number) => number;
  readonly inputCheck?: Checker<unknown> | undefined;
  readonly outputCheck?: Checker<unknown> | undefined;
  /** The handler behind its middleware; it gets the context that its front promises. */
  handle(call: HandlerCall<JobContext>): Promise<unknown>;
}

/** A topic with its handler, as it was registered. */
export class Topic {
  readonly #retries: number;
  readonly #backoffMs: ServedTopic["backoffMs"];
  readonly #options: TopicOptions<Schema | undefined, Schema | undefined>;
  readonly #run: AgentHandler;

  /**
   * @throws ValidationError for a topic that is not a subject, a handler that is not a function, numbers that make no
   * sense.
   */
  constructor(
    readonly topic: string,
    options: TopicOptions<Schema | undefined, Schema | undefined>,
    run: unknown,
    defaults: TopicOverrides,
  ) {
    assertSubject(topic);
    if (typeof run !== "function") throw new ValidationError(`${topic}: the handler must be a function`);
    const { retries = defaults.retries ?? 0, backoffMs: backoff = defaults.backoffMs ?? 0 } = options;
    checkOption("retries", retries, RETRIES);
    this.#retries = retries;
    this.#backoffMs = typeof backoff === "function" ? backoff : () => backoff;
    this.#options = options;
    this.#run = run as AgentHandler;
  }

  /**
   * Makes the topic ready to serve.
   *
   * @throws ValidationError for a schema that cannot be used, and for middleware that is not a function.
   */
  async ready(middleware: readonly AgentMiddleware[], validator?: SchemaValidator): Promise<ServedTopic> {
    const { input, output } = this.#options;
    return {
      retries: this.#retries,
      backoffMs: this.#backoffMs,
      inputCheck: await this.#checker("input", input, checkerFor, validator),
      outputCheck: await this.#checker("output", output, outputChecker, validator),
      handle: compose(middleware, async ({ input, ctx }) => this.#run(input, ctx)),
    };
  }

  async #checker(
    name: string,
    schema: Schema | undefined,
    make: typeof checkerFor<unknown>,
    validator: SchemaValidator | undefined,
  ): Promise<Checker<unknown> | undefined> {
    if (schema === undefined) return undefined;
    try {
      return await make(schema, validator);
    } catch (error) {
      if (!(error instanceof AgentwireError)) throw error;
      throw new ValidationError(`${name} of ${this.topic}: ${error.message}`, {
        code: error.code,
        cause: error,
      });
    }
  }
}

/** A result always has an output: null for undefined, and bytes are stored as they are. */
const outputChecker: typeof checkerFor<unknown> = (schema, validator) =>
  outputCheckerFor(schema, validator, { absent: null, bytes: true });
