/** The worker of the Holokai neuron protocol. */
import type { Capability } from "../../gen/neuron/index.js";
import { type Clock, systemClock } from "../core/clock.js";
import { StagedClose } from "../core/close.js";
import { ClosedError, ConflictError, errorText, ValidationError } from "../core/errors.js";
import { type EmittedEvent, type EventsOptions, IterableEmitter } from "../core/iterable-emitter.js";
import { type Logger, safeLogger } from "../core/logger.js";
import type { OutputOf, Schema } from "../core/validate.js";
import type { DefinitionBeside, HandlerDefinition } from "../handler/index.js";
import type { Delivery } from "./answer.js";
import { assemble, type NeuronParts } from "./assemble.js";
import { type CapabilityRegistration, type LeaseInput, override, type Served, serve } from "./capability.js";
import type { Handler } from "./handler-context.js";
import { takeFrame } from "./inbound.js";
import type { LeaseEntry } from "./lease.js";
import type { NeuronEvents, NeuronOptions, StopOptions } from "./neuron-options.js";
import { Session } from "./session.js";

/** How long aborted handlers, and then the last answers, may take at the end of {@link Neuron.stop}. */
const abortMs = 2_000;

/**
 * Serves capabilities to a BigBrain gateway: takes leases, runs handlers, and answers every lease exactly once.
 *
 * Handlers may see a task again under another lease; `ctx.task.taskId` is the key to recognise it.
 */
export class Neuron {
  readonly neuronId: string;
  readonly #options: NeuronOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #events: IterableEmitter<NeuronEvents>;
  readonly #parts: NeuronParts;
  readonly #served = new Map<string, Served>();
  readonly #capabilities = new Map<string, Capability>();
  readonly #answersEnd = new AbortController();
  readonly #close: StagedClose;
  #started: Promise<void> | undefined;
  #session: Session | undefined;

  /** @throws ValidationError for an empty neuronId, or what `HttpTransport` throws. */
  constructor(options: NeuronOptions) {
    if (typeof options.neuronId !== "string" || options.neuronId === "")
      throw new ValidationError("neuronId must be a text that is not empty");
    const { clock = systemClock, neuronId } = options;
    this.neuronId = neuronId;
    this.#options = options;
    this.#clock = clock;
    this.#logger = safeLogger(options.logger);
    this.#events = new IterableEmitter({ logger: options.logger });
    const logger = this.#logger;
    const parts = assemble(options, {
      logger,
      answersEnd: this.#answersEnd.signal,
      onAnswered: (entry, delivery) => this.#onAnswered(entry, delivery),
    });
    this.#parts = parts;
    this.#close = new StagedClose(
      {
        stopIntake: () => this.#parts.dispatcher.handBack(),
        drain: () => this.#parts.dispatcher.leases.onIdle(),
        abort: (reason) => this.#parts.dispatcher.abortAll(reason),
        force: () => this.#force(),
      },
      { what: "the neuron", graceMs: 30_000, abortMs, clock, logger: options.logger },
    );
    const events = this.#events;
    const targets = { dispatcher: parts.dispatcher, events, capabilities: this.#capabilities, logger };
    this.#parts.transport.subscribe({
      onOpen: () => this.#onOpen(),
      onClose: (reason) => this.#onClose(reason),
      onFrame: (frame) => takeFrame(frame, targets),
      onError: (error) => this.#events.emit("error", error),
      onReconnecting: (info) => this.#events.emit("connection:reconnecting", info),
    });
  }

  /** Calls `listener` for every event until the returned function is called. */
  on<Name extends keyof NeuronEvents>(
    event: Name,
    listener: (payload: NeuronEvents[Name]) => void,
  ): () => void {
    return this.#events.on(event, listener);
  }

  /** Calls `listener` for the next event only. */
  once<Name extends keyof NeuronEvents>(
    event: Name,
    listener: (payload: NeuronEvents[Name]) => void,
  ): () => void {
    return this.#events.once(event, listener);
  }

  /** All events from now on, for `for await`, until the neuron has stopped. */
  events(options?: EventsOptions): AsyncIterableIterator<EmittedEvent<NeuronEvents>> {
    return this.#events.events(options);
  }

  /** Leases in hand: queued, running, and those whose answer is on its way. */
  get leasesInHand(): number {
    return this.#parts.dispatcher.leases.size;
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
    const served = serve(override(capability, overrides), handler, this.#options.logger);
    const { type } = served.capability;
    if (this.#served.has(type)) throw new ConflictError(`${type} has a handler already`);
    this.#served.set(type, served);
    this.#capabilities.set(type, served.capability);
    this.#parts.dispatcher.add(served);
  }

  /**
   * Starts serving. Resolves once the first attempt to connect has succeeded or failed: a gateway that is down is
   * no error, it is tried again in the background. A second call does nothing.
   *
   * @throws ValidationError without a handler, or for a schema of the author that is not valid (then it may be
   * called again); ClosedError after {@link Neuron.stop}.
   */
  start(): Promise<void> {
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
    await Promise.all([...this.#served.values()].map((served) => this.#parts.schemas.prepare(served)));
    this.#close.throwIfClosed();
    await this.#parts.transport.start();
  }

  /**
   * Changes how many leases of a capability may run at a time. Running handlers finish under the old number. Told
   * to the gateway when connected, else with the next registration; a failure to tell is only logged.
   *
   * @throws ValidationError for a number that is no whole one of at least 1; ConflictError for a type that is not
   * served.
   */
  async updateCapability(update: { readonly type: string; readonly concurrency: number }): Promise<void> {
    const { type, concurrency } = update;
    const known = this.#capabilities.get(type);
    if (known === undefined) throw new ConflictError(`${type} has no handler`);
    if (!Number.isInteger(concurrency) || concurrency < 1)
      throw new ValidationError(`concurrency must be a whole number of at least 1, not ${concurrency}`);
    const capability = { ...known, concurrency };
    this.#capabilities.set(type, capability);
    this.#parts.dispatcher.setConcurrency(type, concurrency);
    if (this.#session === undefined || !this.#parts.transport.isConnected()) return;
    await this.#parts.registration.update(capability, this.#session.signal);
  }

  /**
   * Stops: new leases and those that wait are handed back at once, running handlers may end within `timeoutMs`
   * (with `drain: false` not at all), the rest is aborted, every lease is answered, then the stream is closed.
   * Heartbeats go on until the last answer is out. Every call returns the same promise, which never rejects.
   */
  stop(options: StopOptions = {}): Promise<void> {
    const { drain = true, timeoutMs } = options;
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
    this.#parts.dispatcher.abandon();
    const timer = this.#clock.setTimeout(() => this.#answersEnd.abort(this.#ended()), abortMs / 2);
    await this.#parts.dispatcher.leases.onIdle();
    this.#clock.clearTimeout(timer);
    this.#answersEnd.abort(this.#ended());
    this.#endSession("the neuron stopped");
    await this.#parts.transport.stop();
    this.#events.end();
  }

  #ended(): ClosedError {
    return new ClosedError("the neuron has stopped");
  }

  #onOpen(): void {
    this.#endSession("another stream was opened");
    this.#session = new Session({
      neuronId: this.neuronId,
      registration: this.#parts.registration,
      transport: this.#parts.transport,
      leases: this.#parts.dispatcher.leases,
      capabilities: () => [...this.#capabilities.values()],
      heartbeatIntervalMs: this.#options.heartbeatIntervalMs ?? 10_000,
      clock: this.#clock,
      logger: this.#logger,
      onRejected: (error) => this.#events.emit("error", error),
    });
    this.#events.emit("connection:open", undefined);
    this.#session.start();
  }

  #onAnswered({ lease }: LeaseEntry, { answer, delivered, error }: Delivery): void {
    if (!delivered) {
      const { leaseId } = lease;
      const reason = errorText(error);
      this.#logger.error("a lease could not be answered", { leaseId, answer: answer.type, reason });
      this.#events.emit("error", error instanceof Error ? error : new Error(reason));
    }
    this.#events.emit("lease:answered", { task: lease.task, answer, delivered });
  }

  #onClose(reason: string): void {
    this.#endSession(reason);
    this.#events.emit("connection:close", reason);
  }

  #endSession(reason: string): void {
    this.#session?.end(reason);
    this.#session = undefined;
  }
}
