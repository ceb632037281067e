/** The life of a worker on a bus, whatever its handlers get: `Agent` and the worker of `runWorker`. */

import { withTimeout } from "../../core/abort.js";
import { systemClock } from "../../core/clock.js";
import { ClosedError, ConflictError } from "../../core/errors.js";
import { type EmittedEvent, type EventsOptions, IterableEmitter } from "../../core/iterable-emitter.js";
import { safeLogger } from "../../core/logger.js";
import { onAbort } from "../../core/on-abort.js";
import { checkOption, checkOptions, exactCount, milliseconds, type OptionRule } from "../../core/options.js";
import { onProcessSignal } from "../../core/process-signals.js";
import { warned } from "../../core/warned.js";
import { BUS } from "../bus.js";
import { type PrivateKey, toSigningKey } from "../crypto/key-ring.js";
import { ConnectionLostError } from "../errors.js";
import { reportMetrics } from "../metrics.js";
import type { AgentOptions, CoreOptions, WorkerEvents, WorkerState, WorkerStats } from "./options.js";
import type { Service, WorkerCore } from "./runtime.js";
import { type RunStage, Session } from "./session.js";

/** 0 or less may mean something; `NaN` and texts never do. */
const RULES: { readonly [Name in keyof AgentOptions]?: OptionRule } = {
  senderId: "text",
  workerId: "text",
  pool: "string",
  concurrency: exactCount,
  maxQueued: milliseconds,
  graceMs: {},
  resendForMs: {},
  ioTimeoutMs: {},
  goodbyeMs: {},
  maxContextBytes: {},
  maxResultBytes: {},
  heartbeatIntervalMs: {},
  abandonMs: {},
  maxDeliver: { min: 0, whole: true },
  backoffMs: { min: 0, orFunction: true },
  durable: { has: ["publish", "subscribe"], orFunction: true },
  dedupe: { has: ["find", "keep"], orFunction: true },
  exposeErrors: "boolean",
  granularStatus: "boolean",
  metrics: "object",
  heartbeat: "function",
  load: "function",
  labels: "strings",
  capabilities: "booleans",
  region: "string",
  type: "string",
  agentName: "string",
  heartbeatToken: "string",
  middleware: "list",
  validator: "object",
  production: "object",
  clock: "clock",
};

/** Starts, serves and closes. */
export abstract class BusWorker {
  /** The worker's name on the bus. */
  readonly workerId: string;
  readonly stats: WorkerStats = {
    received: 0,
    refused: 0,
    succeeded: 0,
    failed: 0,
    repeated: 0,
    runs: 0,
    unpublished: 0,
  };
  readonly #core: WorkerCore;
  readonly #ended: Promise<void>;
  #end!: () => void;
  #state: WorkerState = "idle";
  #key: PrivateKey | undefined;
  #starting: Promise<void> | undefined;
  #session: Session | undefined;
  #isClosing = false;
  #broken: ConnectionLostError | undefined;

  /** @internal */
  protected constructor(kind: string, defaultId: string, options: CoreOptions) {
    checkOptions(options, RULES);
    checkOption("bus", options.bus, { ...BUS, orFunction: true });
    const workerId = options.workerId || options.senderId || defaultId;
    const { clock = systemClock, concurrency = 1, ioTimeoutMs = 5_000, graceMs = 30_000 } = options;
    this.workerId = workerId;
    this.#key = options.privateKey;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#core = {
      kind,
      workerId,
      options,
      concurrency,
      graceMs: Math.max(1, graceMs), // 0 would be no bound
      clock,
      log: safeLogger(options.logger),
      stats: this.stats,
      events: new IterableEmitter({ logger: options.logger }),
      bounded: (what, work) => withTimeout(what, ioTimeoutMs, clock, work),
    };
    if (options.metrics !== undefined) reportMetrics(options.metrics, this.#core.events, workerId);
  }

  /** @internal Not a field: it holds keys that `inspect` would show. */
  protected get core(): WorkerCore {
    return this.#core;
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** What `console.log` shows on Node: nothing of the options, which hold keys. */
  [Symbol.for("nodejs.util.inspect.custom")](): object {
    const { workerId, state, stats } = this;
    return { workerId, state, stats };
  }

  /** True while jobs can arrive: running, connected, and with all its subscriptions. See `health`. */
  get isServing(): boolean {
    return this.#state === "running" && (this.#session?.isServing ?? false);
  }

  /** Slots taken now. */
  get activeJobs(): number {
    return this.#session?.jobs.active ?? 0;
  }

  /** Jobs taken and not answered yet, those that wait included. */
  get inFlight(): number {
    return this.#session?.jobs.inFlight ?? 0;
  }

  /** Calls `listener` for every event until the returned function is called. */
  on<Name extends keyof WorkerEvents>(
    event: Name,
    listener: (payload: WorkerEvents[Name]) => void,
  ): () => void {
    return this.#core.events.on(event, listener);
  }

  /** All events from now on, for `for await`, until the worker is closed. */
  events(options?: EventsOptions): AsyncIterableIterator<EmittedEvent<WorkerEvents>> {
    return this.#core.events.events(options);
  }

  /**
   * Signs with this key from the next packet on.
   *
   * @throws ValidationError `INVALID_KEY`; then the key before it stays in use.
   */
  useKey(privateKey: PrivateKey): void {
    this.#key = toSigningKey(privateKey, this.#core.options);
    this.#session?.party.useKey(this.#key);
  }

  /**
   * Connects and serves. Resolves when the bus and the schedulers know. After a failure it may be called again.
   *
   * @throws ConflictError without handlers, and when it was started before; ClosedError; ValidationError for an invalid
   * key, schema or middleware; what connecting, opening the store and subscribing throw.
   */
  async start(): Promise<void> {
    if (this.#isClosing) throw this.#closed();
    if (this.#starting !== undefined) throw new ConflictError(`the ${this.#core.kind} was already started`);
    this.#starting = this.#start();
    try {
      await this.#starting;
    } catch (error) {
      this.#starting = undefined;
      if (!this.#isClosing) this.#enter("idle");
      throw error;
    }
  }

  /**
   * Starts, and serves until SIGTERM or SIGINT comes, `signal` fires, or {@link BusWorker.close} is called; closes, and
   * resolves. A second SIGTERM or SIGINT ends the process at once.
   *
   * @throws What {@link BusWorker.start} throws; ConnectionLostError when the bus was closed by somebody else.
   */
  async run(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { signal } = options;
    const close = (): void => void this.close();
    const offs = [onProcessSignal(close), signal && onAbort(signal, close)];
    try {
      if (signal?.aborted) return await this.close();
      await this.start().catch((error: unknown) => {
        if (!signal?.aborted) throw error;
      });
      await this.#ended;
    } finally {
      for (const off of offs) off?.();
    }
    if (this.#broken !== undefined) throw this.#broken;
  }

  /**
   * Tells schedulers that this worker takes no more jobs, lets jobs in flight end and aborts those that do not, then
   * closes what the worker has opened itself. Each stage takes at most `graceMs`. Every job that was taken gets a result,
   * or goes back to its stream. Never rejects; every call returns the same promise.
   */
  close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true; // before anything runs: a listener may call close() itself
      void this.#close().then(this.#end);
    }
    return this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal What is served. */
  protected abstract service(): Promise<Service>;

  /** @internal Throws once the worker is started or closed. */
  protected onlyBeforeStart(what: string): void {
    if (this.#isClosing) throw this.#closed();
    if (this.#starting === undefined) return;
    throw new ConflictError(`${what} must be called before start()`, { code: "STARTED" });
  }

  #closed(): ClosedError {
    return new ClosedError(`the ${this.#core.kind} is closed`);
  }

  #enter(state: WorkerState): void {
    this.#state = state;
    this.#core.events.emit("state", state);
  }

  async #start(): Promise<void> {
    this.#enter("starting");
    const service = await this.service();
    this.#session = await Session.start(this.#core, service, {
      privateKey: this.#key,
      isClosing: () => this.#isClosing,
      busClosed: (cause) => this.#onBusClosed(cause),
    });
    if (this.#isClosing) return;
    const { kind, workerId, log } = this.#core;
    log.info(`the ${kind} serves`, { workerId, topics: [...service.topics.keys()] });
    this.#enter("running");
  }

  #onBusClosed(cause: unknown): void {
    if (this.#isClosing) return;
    const { kind, workerId, log, events } = this.#core;
    this.#broken = new ConnectionLostError(`the bus was closed: this ${kind} gets no more jobs`, { cause });
    log.error(this.#broken.message, { workerId, cause });
    events.emit("error", this.#broken);
    void this.close();
  }

  async #close(): Promise<void> {
    const isStarting = this.#state === "starting";
    this.#enter("closing");
    const { clock, log, graceMs } = this.#core;
    const stage: RunStage = (name, work, timeoutMs = graceMs) => {
      const timed = () => withTimeout(name, timeoutMs, clock, work);
      return warned(log, "a stage of closing failed", timed, { stage: name });
    };
    if (isStarting) await stage("starting", () => this.#starting?.catch(() => {}));
    await this.#session?.close(stage);
    this.#enter("closed");
    this.#core.events.end();
  }
}
