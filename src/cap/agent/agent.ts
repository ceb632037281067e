/** The high-level worker (`cap.runtime.Agent` of cap-sdk-python 2.17.0), as it works behind Cordum's scheduler. */
import { AgentwireError, ConflictError, ValidationError } from "../../core/errors.js";
import type { SchemaValidator } from "../../core/json-schema.js";
import { compose } from "../../core/middleware.js";
import { checkOption, checkOptions } from "../../core/options.js";
import {
  type Checker,
  checkerFor,
  type InputOf,
  type OutputOf,
  outputCheckerFor,
  type Schema,
} from "../../core/validate.js";
import { type DefinitionBeside, type HandlerDefinition, isHandlerDefinition } from "../../handler/index.js";
import { assertSubject } from "../bus.js";
import type { PacketProtocol } from "../protocol.js";
import { BusWorker } from "./bus-worker.js";
import type { AgentHandler, AgentMiddleware } from "./context.js";
import type { AgentOptions, TopicOptions } from "./options.js";
import type { ServedTopic, Service } from "./runtime.js";

/** Makes a topic ready to serve. @throws ValidationError for a schema that cannot be used, and for invalid middleware. */
type Topic = (
  middleware: readonly AgentMiddleware[],
  validator: SchemaValidator | undefined,
) => Promise<ServedTopic>;

const RETRIES = { min: 0, whole: true, max: Number.MAX_SAFE_INTEGER };

/**
 * Serves topics: takes jobs, reads their inputs, runs handlers, writes outputs, publishes results.
 *
 * Without streams (`durable`) a job is delivered once or never; everything may be delivered more than once.
 */
export class Agent<P extends PacketProtocol = PacketProtocol> extends BusWorker {
  readonly #topics = new Map<string, Topic>();
  readonly #middleware: AgentMiddleware[];

  /** @throws ValidationError for numbers that make no sense. */
  constructor(options: AgentOptions & { readonly protocol?: P | undefined }) {
    super("agent", "cap-runtime", options);
    checkOptions(options, { graceMs: { above: 0 }, retries: RETRIES });
    checkOption("store", options.store, { has: ["get", "set"], orFunction: true });
    this.#middleware = [...(options.middleware ?? [])];
  }

  /**
   * Serves a topic with a handler, or with what `defineHandler` made. Schemas, retries and their waits are options
   * of the topic. Only before the start.
   *
   * @throws ConflictError for a topic that has a handler, and after the start; ValidationError for a topic that is
   * no subject, a handler that is not a function, or numbers that make no sense.
   */
  // biome-ignore lint/suspicious/noExplicitAny: without a schema nothing is known of the input's type
  job<Input = any>(topic: string, handler: AgentHandler<Input, unknown, P> | HandlerDefinition): this;
  job<const In extends Schema | undefined = undefined, const Out extends Schema | undefined = undefined>(
    topic: string,
    options: TopicOptions<In, Out>,
    handler: AgentHandler<InputOf<In>, OutputOf<Out>, P> | DefinitionBeside<In, Out>,
  ): this;
  job(topic: string, second: object, third?: unknown): this {
    this.onlyBeforeStart("Agent.job()");
    if (this.#topics.has(topic)) throw new ConflictError(`${topic} already has a handler`);
    const [options, handler] = third === undefined ? [{}, second] : [second, third];
    const { input, output, run } = isHandlerDefinition(handler) ? handler : { run: handler };
    this.#topics.set(topic, topicOf(topic, { input, output, ...options }, run, this.core.options));
    return this;
  }

  /**
   * Wraps all handlers; what is given first is outermost. Only before the start.
   *
   * @throws ConflictError after the start.
   */
  use(...middleware: readonly AgentMiddleware[]): this {
    this.onlyBeforeStart("Agent.use()");
    this.#middleware.push(...middleware);
    return this;
  }

  override async start(): Promise<void> {
    if (this.state === "idle" && this.#topics.size === 0)
      throw new ConflictError("no handlers registered: call job() before start()", { code: "NO_HANDLERS" });
    await super.start();
  }

  /** @internal */
  protected override async service(): Promise<Service> {
    const { validator } = this.core.options;
    const topics = new Map<string, ServedTopic>();
    for (const [subject, topic] of this.#topics)
      topics.set(subject, await topic(this.#middleware, validator));
    return { topics, isScheduled: true };
  }
}

function topicOf(
  topic: string,
  options: TopicOptions<Schema | undefined, Schema | undefined>,
  run: unknown,
  defaults: Pick<AgentOptions, "retries" | "backoffMs">,
): Topic {
  assertSubject(topic);
  if (typeof run !== "function") throw new ValidationError(`${topic}: the handler must be a function`);
  const { retries = defaults.retries ?? 0, backoffMs = defaults.backoffMs ?? 0, input, output } = options;
  checkOption("retries", retries, RETRIES);
  checkOption("backoffMs", backoffMs, { min: 0, orFunction: true });
  return async (middleware, validator) => {
    const checker = async (name: string, schema: Schema | undefined, make: typeof checkerFor<unknown>) =>
      schema &&
      (make(schema, validator).catch((error: unknown) => {
        if (!(error instanceof AgentwireError)) throw error;
        const { message, code } = error;
        throw new ValidationError(`${name} of ${topic}: ${message}`, { code, cause: error });
      }) as Promise<Checker<unknown>>);
    return {
      retries,
      backoffMs: typeof backoffMs === "function" ? backoffMs : () => backoffMs,
      inputCheck: await checker("input", input, checkerFor),
      outputCheck: await checker("output", output, outputChecker),
      handle: compose(middleware, async ({ input, ctx }) => run(input, ctx)),
    };
  };
}

/** A result always has an output: null for undefined, and bytes are stored as they are. */
const outputChecker: typeof checkerFor<unknown> = (schema, validator) =>
  outputCheckerFor(schema, validator, { absent: null, bytes: true });
