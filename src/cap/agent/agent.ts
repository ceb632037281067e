/** The high-level worker (`cap.runtime.Agent` of cap-sdk-python 2.17.0), as it works behind Cordum's scheduler. */
import { systemClock } from "../../core/clock.js";
import { ClosedError, ConflictError, errorText, ValidationError } from "../../core/errors.js";
import { type EmittedEvent, type EventsOptions, IterableEmitter } from "../../core/iterable-emitter.js";
import { safeLogger } from "../../core/logger.js";
import { onAbort } from "../../core/on-abort.js";
import { onProcessSignal } from "../../core/process-signals.js";
import type { InputOf, OutputOf, Schema } from "../../core/validate.js";
import { withTimeout } from "../../core/with-timeout.js";
import { type DefinitionBeside, type HandlerDefinition, isHandlerDefinition } from "../../handler/index.js";
import { ConnectionLostError } from "../errors.js";
import { safeMetrics } from "../metrics.js";
import type { PacketProtocol } from "../protocol.js";
import type { AgentHandler, AgentMiddleware } from "./context.js";
import type { AgentCore } from "./core.js";
import type { AgentCounts, AgentEvents, AgentOptions, AgentState } from "./options.js";
import { Session } from "./session.js";
import { checkRetries, makeTopic, serveTopics, type Topic, type TopicOptions } from "./topics.js";

const DEFAULT_ID = "cap-runtime";

/**
 * Serves topics: takes jobs, reads their inputs, runs handlers, writes outputs, publishes results.
 *
 * Without streams (`durable`) a job is delivered once or never; everything may be delivered more than once.
 */
export class Agent<P extends PacketProtocol = PacketProtocol> {
  readonly workerId: string;
  readonly counts: AgentCounts = {
    received: 0,
    refused: 0,
    succeeded: 0,
    failed: 0,
    repeated: 0,
    runs: 0,
    unpublished: 0,
  };
  readonly #core: AgentCore;
  readonly #topics = new Map<string, Topic>();
  readonly #middleware: AgentMiddleware[];
  #state: AgentState = "idle";
  #starting: Promise<void> | undefined;
  #session: Session | undefined;
  #closing: Promise<void> | undefined;
  #broken: ConnectionLostError | undefined;

  /** @throws ValidationError for numbers that make no sense. */
  constructor(options: AgentOptions & { readonly protocol?: P | undefined }) {
    const { clock = systemClock, concurrency = 1, graceMs = 30_000, ioTimeoutMs = 5_000 } = options;
    if (!Number.isSafeInteger(concurrency)) {
      throw new ValidationError(`concurrency must be a whole number, not ${concurrency}`);
    }
    if (!(graceMs > 0)) throw new ValidationError(`graceMs must be above 0, not ${graceMs}`);
    checkRetries(options.retries ?? 0);
    this.workerId = options.workerId || options.senderId || DEFAULT_ID;
    this.#core = {
      workerId: this.workerId,
      options,
      concurrency: Math.max(1, concurrency),
      ioTimeoutMs,
      clock,
      log: safeLogger(options.logger),
      counts: this.counts,
      events: new IterableEmitter({ logger: options.logger }),
      metrics: safeMetrics(options.metrics, options.logger),
    };
    this.#middleware = [...(options.middleware ?? [])];
  }

  get state(): AgentState {
    return this.#state;
  }

  /** Slots taken now. */
  get activeJobs(): number {
    return this.#session?.jobs.active ?? 0;
  }

  /** Jobs taken and not answered yet, those that wait included. */
  get jobsInHand(): number {
    return this.#session?.jobs.inFlight ?? 0;
  }

  /** Calls `listener` for every event until the returned function is called. */
  on<Name extends keyof AgentEvents>(
    event: Name,
    listener: (payload: AgentEvents[Name]) => void,
  ): () => void {
    return this.#core.events.on(event, listener);
  }

  /** All events from now on, for `for await`, until the agent is closed. */
  events(options?: EventsOptions): AsyncIterableIterator<EmittedEvent<AgentEvents>> {
    return this.#core.events.events(options);
  }

  /**
   * Serves a topic with a handler, or with what `defineHandler` made. Schemas, retries and their waits are options
   * of the topic. Only before the start.
   *
   * @throws ConflictError for a topic that has a handler, and after the start; ValidationError for a topic that is
   * no subject, a handler that is not one, or numbers that make no sense.
   */
  // biome-ignore lint/suspicious/noExplicitAny: without a schema nothing is known of the input's type
  job<Input = any>(topic: string, handler: AgentHandler<Input, unknown, P> | HandlerDefinition): this;
  job<const In extends Schema | undefined = undefined, const Out extends Schema | undefined = undefined>(
    topic: string,
    options: TopicOptions<In, Out>,
    handler: AgentHandler<InputOf<In>, OutputOf<Out>, P> | DefinitionBeside<In, Out>,
  ): this;
  job(topic: string, second: object, third?: unknown): this {
    this.#onlyBefore("job");
    if (this.#topics.has(topic)) throw new ConflictError(`${topic} has a handler already`);
    const [options, handler] = third === undefined ? [{}, second] : [second, third];
    const { input, output, run } = isHandlerDefinition(handler) ? handler : { run: handler };
    this.#topics.set(topic, makeTopic(topic, { input, output, ...options }, run, this.#core.options));
    return this;
  }

  /**
   * Wraps all handlers; what is given first is outermost. Only before the start.
   *
   * @throws ConflictError after the start.
   */
  use(...middleware: readonly AgentMiddleware[]): this {
    this.#onlyBefore("use");
    this.#middleware.push(...middleware);
    return this;
  }

  /**
   * Connects and serves. Resolves when schedulers have been told. After a failure it may be called again.
   *
   * @throws ConflictError without handlers, and when it was started before; ClosedError; ValidationError for a
   * key, schema or middleware that is not one; what connecting, opening the store and subscribing throw.
   */
  async start(): Promise<void> {
    if (this.#closing !== undefined) throw new ClosedError("the agent is closed");
    if (this.#starting !== undefined) throw new ConflictError("the agent was started already");
    if (this.#topics.size === 0) throw new ConflictError("no handlers registered", { code: "NO_HANDLERS" });
    this.#starting = this.#start();
    try {
      await this.#starting;
    } catch (error) {
      this.#starting = undefined;
      if (this.#closing === undefined) this.#enter("idle");
      throw error;
    }
  }

  /**
   * Starts, and serves until SIGTERM or SIGINT comes, `signal` fires, or {@link Agent.close} is called; closes, and
   * resolves. A second SIGTERM or SIGINT ends the process at once.
   *
   * @throws What {@link Agent.start} throws; ConnectionLostError when the bus was closed by somebody else.
   */
  async run(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { signal } = options;
    if (signal?.aborted) return this.close();
    let ended!: () => void;
    const end = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const off = this.on("state", (state) => state === "closed" && ended());
    const close = (): void => void this.close();
    const offSignal = signal && onAbort(signal, close);
    const offProcess = onProcessSignal(true, close);
    try {
      await this.start().catch((error: unknown) => {
        if (!signal?.aborted) throw error;
      });
      if (this.#closing !== undefined) await this.#closing;
      else await end;
    } finally {
      off();
      offSignal?.();
      offProcess();
    }
    if (this.#broken !== undefined) throw this.#broken;
  }

  /**
   * Tells schedulers that this worker takes no more jobs, lets jobs in flight end and aborts those that do not, then
   * closes what the agent has opened itself. Each stage takes at most `graceMs`. Never rejects; every call returns the
   * same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #onlyBefore(what: string): void {
    if (this.#closing !== undefined) throw new ClosedError("the agent is closed");
    if (this.#starting === undefined) return;
    throw new ConflictError(`Agent.${what}() must be called before start()`, { code: "STARTED" });
  }

  #enter(state: AgentState): void {
    this.#state = state;
    this.#core.events.emit("state", state);
  }

  async #start(): Promise<void> {
    this.#enter("starting");
    const { validator } = this.#core.options;
    const served = await serveTopics(this.#topics.values(), { middleware: this.#middleware, validator });
    this.#session = await Session.start(this.#core, served, {
      isClosing: () => this.#closing !== undefined,
      busClosed: (cause) => this.#onBusClosed(cause),
    });
    if (this.#closing !== undefined) return;
    this.#core.log.info("the agent serves", { workerId: this.workerId, topics: [...this.#topics.keys()] });
    this.#enter("running");
  }

  #onBusClosed(cause: unknown): void {
    if (this.#closing !== undefined) return;
    this.#broken = new ConnectionLostError("the bus was closed: this agent gets no more jobs", { cause });
    this.#core.log.error(this.#broken.message, { workerId: this.workerId, cause });
    this.#core.events.emit("error", this.#broken);
    void this.close();
  }

  async #close(): Promise<void> {
    await Promise.resolve(); // #closing is set before anything runs: a listener may call close() itself
    this.#enter("closing");
    const { clock, log, options } = this.#core;
    const { graceMs = 30_000 } = options;
    const stage = (name: string, work: () => unknown, timeoutMs = graceMs): Promise<boolean> =>
      withTimeout(name, timeoutMs, clock, work).then(
        () => true,
        (error: unknown) => {
          log.warn("a stage of closing failed", { stage: name, reason: errorText(error) });
          return false;
        },
      );
    if (this.#starting !== undefined) await stage("starting", () => this.#starting?.catch(() => {}));
    await this.#session?.close(stage);
    this.#enter("closed");
    this.#core.events.end();
  }
}
