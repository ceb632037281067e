/** The worker of the Holokai neuron protocol. */
import { systemClock } from "../core/clock.js";
import { StagedClose } from "../core/close.js";
import { optionOrEnv } from "../core/env.js";
import { ClosedError, ConflictError, ValidationError } from "../core/errors.js";
import { type EmittedEvent, type EventsOptions, IterableEmitter } from "../core/iterable-emitter.js";
import { safeLogger } from "../core/logger.js";
import { onAbort } from "../core/on-abort.js";
import { atLeastOne, checkOption, checkOptions, milliseconds, type OptionRule } from "../core/options.js";
import { onProcessSignal } from "../core/process-signals.js";
import type { OutputOf, Schema } from "../core/validate.js";
import type { DefinitionBeside, HandlerDefinition } from "../handler/index.js";
import { type CapabilityRegistration, type LeaseInput, override, type Served, serve } from "./capability.js";
import { connectionOf } from "./connection.js";
import type { NeuronCore } from "./core.js";
import { Dispatcher } from "./dispatcher.js";
import { FALLBACK_PROTOCOL_VERSION, PROTOCOL_VERSION } from "./frames.js";
import type { Handler } from "./handler-context.js";
import { HttpTransport } from "./http-transport.js";
import { takeFrame } from "./inbound.js";
import type { NeuronCommonOptions, NeuronEvents, NeuronOptions, StopOptions } from "./neuron-options.js";
import { SCHEMA_SOURCES, SchemaBook } from "./schemas.js";
import { Session } from "./session.js";

const OPTIONS: { readonly [Name in keyof NeuronCommonOptions | "transport"]?: OptionRule } = {
  neuronId: "string",
  heartbeatIntervalMs: { above: 0, max: Number.MAX_VALUE },
  schemaSource: SCHEMA_SOURCES,
  validator: "object",
  protocolVersion: [FALLBACK_PROTOCOL_VERSION, PROTOCOL_VERSION],
  exposeErrors: "boolean",
  expired: ["run", "refuse"],
  cancelGraceMs: milliseconds,
  dedupeTasks: { min: 0, whole: true },
  answerRetryMs: milliseconds,
  middleware: "list",
  transport: "object",
  clock: "clock",
  random: "function",
};

/** How long aborted handlers, and then the last answers, may take at the end of {@link Neuron.stop}. */
const abortMs = 1_000;

/**
 * Serves capabilities to a BigBrain gateway: takes leases, runs handlers, and answers every lease exactly once.
 *
 * Handlers may see a task again under another lease; `ctx.task.taskId` is the key to recognise it.
 */
export class Neuron {
  readonly neuronId: string;
  readonly #core: NeuronCore;
  readonly #schemas: SchemaBook;
  readonly #session: Session;
  readonly #dispatcher: Dispatcher;
  readonly #served = new Map<string, Served>();
  readonly #answersEnd = new AbortController();
  readonly #over = new AbortController();
  readonly #close: StagedClose;
  #started: Promise<void> | undefined;
  #failure: Error | undefined;

  /**
   * What is not given is read from BIGBRAIN_GATEWAY_URL, BIGBRAIN_NEURON_ID, and BIGBRAIN_CREDENTIAL_FILE,
   * BIGBRAIN_TOKEN or BIGBRAIN_TOKEN_FILE.
   *
   * @throws ValidationError without a neuronId, for an option that is not one of the values it may have, or what
   * `HttpTransport` throws.
   */
  constructor(options: NeuronOptions = {}) {
    checkOptions(options, OPTIONS);
    const neuronId = optionOrEnv(options.neuronId, "BIGBRAIN_NEURON_ID");
    if (neuronId === undefined)
      throw new ValidationError("neuronId is required: pass neuronId, or set BIGBRAIN_NEURON_ID");
    const { clock = systemClock, random = Math.random, schemaSource = "registered-first" } = options;
    this.neuronId = neuronId;
    const logger = safeLogger(options.logger);
    const events = new IterableEmitter<NeuronEvents>({ logger: options.logger });
    const transport = options.transport ?? new HttpTransport(connectionOf(options, neuronId, logger));
    this.#core = {
      neuronId,
      options,
      transport,
      clock,
      random,
      logger,
      events,
      capabilities: new Map(),
      answersEnd: this.#answersEnd.signal,
    };
    this.#schemas = new SchemaBook({ validator: options.validator, source: schemaSource, logger });
    const dispatcher = new Dispatcher(this.#core, this.#schemas, (entry) => session.watch(entry));
    const session = new Session(this.#core, () => dispatcher.leases.all());
    this.#session = session;
    this.#dispatcher = dispatcher;
    this.#close = new StagedClose(
      {
        stopIntake: () => dispatcher.handBack(),
        drain: () => dispatcher.leases.idle(),
        abort: (reason) => dispatcher.leases.cutAll(reason),
        force: () => this.#force(),
      },
      { what: "the neuron", graceMs: 30_000, abortMs, clock, logger: options.logger },
    );
    transport.subscribe({
      onOpen: () => {
        events.emit("connection:open", undefined);
        session.open();
      },
      onClose: (reason) => {
        session.end(reason);
        events.emit("connection:close", reason);
      },
      onFrame: (frame) => takeFrame(frame, this.#core, dispatcher),
      onUnreadableLease: (leaseId, problem) => dispatcher.refuse(leaseId, problem),
      onError: (error) => events.emit("error", error),
      onEnd: (error) => {
        this.#failure = error;
        this.#over.abort();
      },
      onReconnecting: (info) => events.emit("connection:reconnecting", info),
    });
  }

  /** Calls `listener` for every event until the returned function is called. */
  on<Name extends keyof NeuronEvents>(
    event: Name,
    listener: (payload: NeuronEvents[Name]) => void,
  ): () => void {
    return this.#core.events.on(event, listener);
  }

  /** Calls `listener` for the next event only. */
  once<Name extends keyof NeuronEvents>(
    event: Name,
    listener: (payload: NeuronEvents[Name]) => void,
  ): () => void {
    return this.#core.events.once(event, listener);
  }

  /** All events from now on, for `for await`, until the neuron has stopped. */
  events(options?: EventsOptions): AsyncIterableIterator<EmittedEvent<NeuronEvents>> {
    return this.#core.events.events(options);
  }

  /** True while leases can arrive: connected, registered, and not stopping. See `health`. */
  get isServing(): boolean {
    return this.#session.isServing && !this.#over.signal.aborted;
  }

  /** Leases in flight: queued, running, and those whose answer is on its way. */
  get inFlight(): number {
    return this.#dispatcher.leases.size;
  }

  /**
   * Serves a capability with a handler, or with what `defineHandler` made. Only before {@link Neuron.start}.
   *
   * @throws ValidationError for a capability that the protocol does not allow; ConflictError for a type that is
   * served already, and after the start.
   */
  handle<const In extends Schema | undefined = undefined, const Out extends Schema | undefined = undefined>(
    capability: CapabilityRegistration<In, Out>,
    handler: Handler<LeaseInput<In>, OutputOf<Out>> | DefinitionBeside<In, Out>,
  ): void;
  handle<const In extends Schema | undefined = undefined, const Out extends Schema | undefined = undefined>(
    capability: CapabilityRegistration<In, Out>,
    overrides: Pick<CapabilityRegistration, "scope" | "concurrency">,
    handler: Handler<LeaseInput<In>, OutputOf<Out>> | DefinitionBeside<In, Out>,
  ): void;
  handle(capability: CapabilityRegistration, second: object, third?: unknown): void {
    if (this.#started !== undefined)
      throw new ConflictError("Neuron.handle() must be called before start()", { code: "STARTED" });
    const handler = (third ?? second) as Handler | HandlerDefinition;
    const overrides = third === undefined ? undefined : second;
    const served = serve(override(capability, overrides), handler, this.#core.options.logger);
    const { type } = served.capability;
    if (this.#served.has(type)) throw new ConflictError(`${type} already has a handler`);
    this.#served.set(type, served);
    this.#core.capabilities.set(type, served.capability);
    this.#dispatcher.add(served);
  }

  /**
   * Starts serving. Resolves once the first attempt to connect has succeeded or failed: a gateway that is down is
   * no error, it is tried again in the background. A second call does nothing.
   *
   * @throws ValidationError without a handler, or for a schema of the author that is not valid (then it may be
   * called again); ClosedError after {@link Neuron.stop}.
   */
  async start(): Promise<void> {
    if (this.#started !== undefined) this.#close.throwIfClosed();
    this.#started ??= this.#start().catch((error: unknown) => {
      this.#started = undefined;
      throw error;
    });
    return this.#started;
  }

  async #start(): Promise<void> {
    this.#close.throwIfClosed();
    if (this.#served.size === 0)
      throw new ValidationError("Neuron.start() requires at least one handler; call handle() first");
    await Promise.all([...this.#served.values()].map((served) => this.#schemas.prepare(served)));
    this.#close.throwIfClosed();
    await this.#core.transport.start();
  }

  /**
   * Changes how many leases of a capability may run at a time. Running handlers finish under the old number. Told
   * to the gateway when connected, else with the next registration; a failure to tell is only logged.
   *
   * @throws ValidationError for a number that is not a whole number of at least 1; ConflictError for a type that is not
   * served.
   */
  async updateCapability(update: { readonly type: string; readonly concurrency: number }): Promise<void> {
    const { type, concurrency } = update;
    const known = this.#core.capabilities.get(type);
    if (known === undefined) throw new ConflictError(`${type} has no handler`);
    checkOption("concurrency", concurrency, { ...atLeastOne, max: Number.MAX_VALUE });
    const capability = { ...known, concurrency };
    this.#core.capabilities.set(type, capability);
    this.#dispatcher.setConcurrency(type, concurrency);
    await this.#session.update(capability);
  }

  /**
   * Starts, and serves until SIGTERM or SIGINT comes, `signal` fires, or {@link Neuron.stop} is called; stops, and
   * resolves.
   *
   * @throws what {@link Neuron.start} throws; the error that ended all reconnecting, such as revoked credentials
   */
  async run({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const stop = (): void => void this.stop();
    const offs = [onProcessSignal(stop), signal === undefined ? () => {} : onAbort(signal, stop)];
    try {
      if (signal?.aborted) return await this.stop();
      await this.start();
      const over = this.#over.signal;
      if (!over.aborted) await new Promise<void>((resolve) => void onAbort(over, resolve));
      await this.stop();
    } finally {
      for (const off of offs) off();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Stops: new leases and those that wait are handed back at once, running handlers may end within `timeoutMs`
   * (with `drain: false` not at all), the rest is aborted, every lease is answered, then the stream is closed.
   * Aborted handlers have a second to end, the last answers another one: it takes `timeoutMs` and two seconds at most.
   * Heartbeats go on until the last answer is out. Every call returns the same promise, which never rejects.
   */
  stop(options: StopOptions = {}): Promise<void> {
    const { drain = true, timeoutMs } = options;
    this.#over.abort();
    return this.#close.close({ graceMs: drain ? timeoutMs : 0 });
  }

  /** The same as {@link Neuron.stop} with its defaults. */
  close(): Promise<void> {
    return this.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #force(): Promise<void> {
    const reason = new ClosedError("the neuron has stopped");
    await this.#dispatcher.leases.end(reason, abortMs * 0.9);
    this.#answersEnd.abort(reason);
    this.#session.end("the neuron stopped");
    await this.#core.transport.stop();
    this.#core.events.end();
  }
}
