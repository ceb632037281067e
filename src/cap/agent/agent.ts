/** The high-level worker (`cap.runtime.Agent` of cap-sdk-python 2.17.0), as it works behind Cordum's scheduler. */
import type { JobResult } from "../../../gen/cap/index.js";
import { JobStatus } from "../../../gen/cap/index.js";
import { type Clock, systemClock } from "../../core/clock.js";
import { ClosedError, ConflictError, errorText, ValidationError } from "../../core/errors.js";
import { type EmittedEvent, type EventsOptions, IterableEmitter } from "../../core/iterable-emitter.js";
import type { Logger } from "../../core/logger.js";
import { safeLogger } from "../../core/logger.js";
import { onAbort } from "../../core/on-abort.js";
import { onProcessSignal } from "../../core/process-signals.js";
import type { InputOf, OutputOf, Schema } from "../../core/validate.js";
import { type DefinitionBeside, type HandlerDefinition, isHandlerDefinition } from "../../handler/index.js";
import { ConnectionLostError } from "../errors.js";
import { type MetricsHook, safeMetrics, statusName } from "../metrics.js";
import type { AgentHandler, AgentMiddleware } from "./context.js";
import { inTime } from "./in-time.js";
import type { AgentCounts, AgentEvents, AgentOptions, AgentState } from "./options.js";
import type { Session } from "./session.js";
import { startSession } from "./start-session.js";
import { checkRetries, makeTopic, type Topic, type TopicOptions } from "./topics.js";

const DEFAULT_ID = "cap-runtime";
const FAILURES = new Set([JobStatus.FAILED, JobStatus.FAILED_RETRYABLE, JobStatus.FAILED_FATAL]);

/**
 * Serves topics: takes jobs, reads their inputs, runs handlers, writes outputs, publishes results.
 *
 * Without streams (`durable`) a job is delivered once or never; everything may be delivered more than once.
 */
export class Agent {
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
  readonly #options: AgentOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #events: IterableEmitter<AgentEvents>;
  readonly #metrics: Required<MetricsHook>;
  readonly #maxParallel: number;
  readonly #shutdownMs: number;
  readonly #topics = new Map<string, Topic>();
  readonly #middleware: AgentMiddleware[];
  #state: AgentState = "idle";
  #starting: Promise<void> | undefined;
  #session: Session | undefined;
  #closing: Promise<void> | undefined;
  #broken: ConnectionLostError | undefined;

  /** @throws ValidationError for numbers that make no sense. */
  constructor(options: AgentOptions) {
    const { clock = systemClock, maxParallel = 1, shutdownTimeoutMs = 30_000 } = options;
    if (!Number.isSafeInteger(maxParallel)) {
      throw new ValidationError(`maxParallel must be a whole number, not ${maxParallel}`);
    }
    if (!(shutdownTimeoutMs > 0)) throw new ValidationError("shutdownTimeoutMs must be above 0");
    checkRetries(options.retries ?? 0);
    this.workerId = options.workerId || options.senderId || DEFAULT_ID;
    this.#options = options;
    this.#clock = clock;
    this.#maxParallel = Math.max(1, maxParallel);
    this.#shutdownMs = shutdownTimeoutMs;
    this.#logger = safeLogger(options.logger);
    this.#events = new IterableEmitter({ logger: options.logger });
    this.#metrics = safeMetrics(options.metrics, options.logger);
    this.#middleware = [...(options.middleware ?? [])];
  }

  get state(): AgentState {
    return this.#state;
  }

  /** Places taken now. */
  get activeJobs(): number {
    return this.#session?.dispatcher.active ?? 0;
  }

  /** Jobs taken and not answered yet, those that wait included. */
  get jobsInHand(): number {
    return this.#session?.dispatcher.inHand.size ?? 0;
  }

  /** Calls `listener` for every event until the returned function is called. */
  on<Name extends keyof AgentEvents>(
    event: Name,
    listener: (payload: AgentEvents[Name]) => void,
  ): () => void {
    return this.#events.on(event, listener);
  }

  /** All events from now on, for `for await`, until the agent is closed. */
  events(options?: EventsOptions): AsyncIterableIterator<EmittedEvent<AgentEvents>> {
    return this.#events.events(options);
  }

  /**
   * Serves a topic with a handler, or with what `defineHandler` made. Schemas, retries and their waits are options
   * of the topic. Only before the start.
   *
   * @throws ConflictError for a topic that has a handler, and after the start; ValidationError for a topic that is
   * no subject, a handler that is none, or numbers that make no sense.
   */
  // biome-ignore lint/suspicious/noExplicitAny: without a schema nothing is known of the input's type
  job<Input = any>(topic: string, handler: AgentHandler<Input> | HandlerDefinition): this;
  job<const In extends Schema | undefined = undefined, const Out extends Schema | undefined = undefined>(
    topic: string,
    options: TopicOptions<In, Out>,
    handler: AgentHandler<InputOf<In>, OutputOf<Out>> | DefinitionBeside<In, Out>,
  ): this;
  job(topic: string, second: object, third?: unknown): this {
    this.#onlyBefore("job");
    if (this.#topics.has(topic)) throw new ConflictError(`${topic} has a handler already`);
    const [options, handler] = third === undefined ? [{}, second] : [second, third];
    const { input, output, run } = isHandlerDefinition(handler) ? handler : { run: handler };
    this.#topics.set(topic, makeTopic(topic, { input, output, ...options }, run, this.#options));
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
   * key, schema or middleware that is none; what connecting, opening the store and subscribing throw.
   */
  async start(): Promise<void> {
    if (this.#closing !== undefined) throw new ClosedError("the agent is closed");
    if (this.#starting !== undefined) throw new ConflictError("the agent was started already");
    if (this.#topics.size === 0) throw new ConflictError("no handlers registered", { code: "NO_HANDLERS" });
    const off = onProcessSignal(this.#options.handleSignals, () => void this.close());
    this.#starting = this.#start(off);
    try {
      await this.#starting;
    } catch (error) {
      off();
      this.#starting = undefined;
      if (this.#closing === undefined) this.#enter("idle");
      throw error;
    }
  }

  /**
   * Starts, and resolves when the agent is closed: by `close`, a signal of the process (`handleSignals`), or
   * `signal`.
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
    const offSignal = signal && onAbort(signal, () => void this.close());
    try {
      await this.start().catch((error: unknown) => {
        if (!signal?.aborted) throw error;
      });
      if (this.#closing !== undefined) await this.#closing;
      else await end;
    } finally {
      off();
      offSignal?.();
    }
    if (this.#broken !== undefined) throw this.#broken;
  }

  /**
   * Takes no more jobs, stops heartbeats, lets jobs in hand end and aborts those that do not, then lets go of
   * what is the agent's own. Each stage takes at most `shutdownTimeoutMs`. Never rejects; every call returns the
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
    this.#events.emit("state", state);
  }

  async #start(offSignals: () => void): Promise<void> {
    this.#enter("starting");
    this.#session = await startSession({
      options: this.#options,
      workerId: this.workerId,
      topics: this.#topics.values(),
      middleware: this.#middleware,
      maxParallel: this.#maxParallel,
      clock: this.#clock,
      log: this.#logger,
      counts: this.counts,
      closing: () => this.#closing !== undefined,
      onJob: (jobId, topic) => {
        this.#metrics.onJobReceived(jobId, topic);
        this.#events.emit("job", { jobId, topic });
      },
      onRefused: (error) => this.#events.emit("refused", error),
      onResult: (result) => this.#onResult(result),
      onHeartbeat: (heartbeat) => {
        this.#metrics.onHeartbeatSent(this.workerId);
        this.#events.emit("heartbeat", heartbeat);
      },
      onError: (error) => this.#events.emit("error", error),
      onBusClosed: (error) => this.#onBusClosed(error),
    });
    this.#session.onEnd(offSignals);
    if (this.#closing !== undefined) return;
    this.#logger.info("the agent serves", { workerId: this.workerId, topics: [...this.#topics.keys()] });
    this.#enter("running");
  }

  #onResult(result: JobResult): void {
    const { jobId, status, executionMs, errorMessage } = result;
    if (FAILURES.has(status)) this.#metrics.onJobFailed(jobId, errorMessage);
    else this.#metrics.onJobCompleted(jobId, Number(executionMs), statusName(status));
    this.#events.emit("result", result);
  }

  #onBusClosed(cause: unknown): void {
    if (this.#closing !== undefined) return;
    this.#broken = new ConnectionLostError("the bus was closed", { cause });
    this.#events.emit("error", this.#broken);
    void this.close();
  }

  async #close(): Promise<void> {
    await Promise.resolve(); // #closing is set before anything runs: a listener may call close() itself
    this.#enter("closing");
    const stage = (name: string, work: () => unknown, timeoutMs = this.#shutdownMs): Promise<boolean> =>
      inTime(name, timeoutMs, this.#clock, work).then(
        () => true,
        (error: unknown) => {
          this.#logger.warn("a stage of closing failed", { stage: name, reason: errorText(error) });
          return false;
        },
      );
    if (this.#starting !== undefined) await stage("starting", () => this.#starting?.catch(() => {}));
    await this.#session?.close(stage);
    this.#enter("closed");
    this.#events.end();
  }
}
