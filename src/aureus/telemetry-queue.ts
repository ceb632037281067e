/** Sends telemetry in the background and accounts for every item. */
import { type Clock, systemClock, type TimerHandle } from "../core/clock.js";
import { Emitter } from "../core/emitter.js";
import { ClosedError } from "../core/errors.js";
import { Limiter } from "../core/limiter.js";
import { type Logger, safeLogger } from "../core/logger.js";
import { retry } from "../core/retry.js";
import { type RetryPolicy, retryPolicy } from "../core/retry-policy.js";
import type { CallOptions } from "../http/index.js";
import { atExit } from "./at-exit.js";
import type {
  TelemetryEvents,
  TelemetryItem,
  TelemetryLoss,
  TelemetryOptions,
  TelemetryStats,
} from "./telemetry-options.js";
import { DEFAULT_RETRY, FailedAttempt, mayArrive } from "./telemetry-retry.js";
import { TelemetrySpool } from "./telemetry-spool.js";

/** The items of one {@link Telemetry} between being recorded and being sent, spooled or lost. */
export class TelemetryQueue {
  readonly #options: TelemetryOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #emitter: Emitter<TelemetryEvents>;
  readonly #limiter: Limiter;
  readonly #policy: RetryPolicy;
  readonly #spool: TelemetrySpool | undefined;
  readonly #abort = new AbortController();
  readonly #pending = new Set<TelemetryItem>();
  readonly #flushes = new Set<Promise<void>>();
  #buffer: TelemetryItem[] = [];
  #timer: TimerHandle | undefined;
  #offExit: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #recorded = 0;
  #sent = 0;
  #retried = 0;
  #lost = 0;
  #spooled = 0;

  constructor(options: TelemetryOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = safeLogger(options.logger ?? console);
    this.#emitter = new Emitter({ logger: this.#logger });
    this.#limiter = new Limiter(options.concurrency ?? 8);
    this.#policy = retryPolicy(options.retry, DEFAULT_RETRY);
    this.#spool = options.spoolFile ? new TelemetrySpool(options.spoolFile, this.#logger) : undefined;
    for (const item of this.#spool?.read() ?? []) {
      this.#recorded++;
      this.#take(item);
    }
    this.#sendAll();
  }

  on<Name extends keyof TelemetryEvents>(
    event: Name,
    listener: (payload: TelemetryEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(event, listener);
  }

  get stats(): TelemetryStats {
    const { size: pending } = this.#pending;
    const [recorded, sent, retried, lost] = [this.#recorded, this.#sent, this.#retried, this.#lost];
    return { recorded, sent, retried, lost, ...(this.#spool && { spooled: this.#spooled }), pending };
  }

  /** Takes an item, or loses it for the given reason, or because the queue is full or closed. True if taken. */
  add(item: TelemetryItem, refused?: Omit<TelemetryLoss, "item">): boolean {
    this.#recorded++;
    const waiting = this.#pending.size - (this.#spool?.unsent ?? 0);
    if (this.#closing !== undefined) return this.#lose({ item, reason: "closed" });
    if (refused !== undefined) return this.#lose({ item, ...refused });
    if (waiting >= (this.#options.capacity ?? 10_000)) return this.#lose({ item, reason: "overflow" });
    this.#take(item);
    if (this.#buffer.length >= (this.#options.flushSize ?? 100)) this.#sendAll();
    const { flushIntervalMs = 5_000 } = this.#options;
    if (this.#buffer.length > 0) {
      this.#timer ??= this.#clock.setTimeout(() => this.#sendAll(), flushIntervalMs, { unref: true });
    }
    return true;
  }

  async flush(): Promise<void> {
    this.#sendAll();
    while (this.#flushes.size > 0) await Promise.all(this.#flushes);
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    const cut = (): void => this.#abort.abort(new ClosedError("telemetry is closed"));
    const timer = this.#clock.setTimeout(cut, this.#options.graceMs ?? 10_000);
    await this.flush();
    this.#clock.clearTimeout(timer);
    this.#spool?.compact();
  }

  #take(item: TelemetryItem): void {
    this.#buffer.push(item);
    this.#pending.add(item);
    this.#offExit ??= atExit(() => this.#exit());
  }

  #sendAll(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#buffer.length === 0) return;
    const items = this.#buffer;
    this.#buffer = [];
    const lostBefore = this.#lost;
    const sending = Promise.all(items.map((item) => this.#send(item))).then((losses) => {
      this.#leave(losses.filter((loss) => loss !== undefined));
      this.#flushes.delete(sending);
      const lost = this.#lost - lostBefore;
      if (lost > 0) this.#logger.warn("telemetry was lost", { lost, lostInAll: this.#lost });
    });
    this.#flushes.add(sending);
  }

  /** Sends an item. Resolves with a loss for one that belongs into the spool file. */
  async #send(item: TelemetryItem): Promise<TelemetryLoss | undefined> {
    const { signal } = this.#abort;
    try {
      const release = await this.#limiter.acquire({ signal });
      try {
        await retry((attempt) => this.#report(item, attempt.signal, attempt.attempt), {
          policy: this.#policy,
          shouldRetry: (failed) => failed instanceof FailedAttempt && mayArrive(failed.error),
          signal,
          clock: this.#clock,
          random: this.#options.random,
          onRetry: () => this.#retried++,
        });
      } finally {
        release();
      }
      if (this.#settle(item)) this.#sent++;
      return undefined;
    } catch (failed) {
      const error = failed instanceof FailedAttempt ? failed.error : failed;
      const loss: TelemetryLoss = { item, reason: signal.aborted ? "closed" : "failed", error };
      const isOwed = signal.aborted || mayArrive(error) || error instanceof ClosedError;
      if (this.#spool !== undefined && isOwed) return loss;
      if (this.#pending.has(item)) this.#lose(loss);
      return undefined;
    }
  }

  async #report(item: TelemetryItem, signal: AbortSignal, attempt: number): Promise<void> {
    const { sink } = this.#options;
    const options: CallOptions = { signal, retry: false };
    try {
      if (item.kind === "event") await sink.reportEvent(item.value, options);
      else if (item.kind === "metric") await sink.reportMetric(item.value, options);
      else await sink.reportSpan(item.value, options);
    } catch (error) {
      throw new FailedAttempt(error, attempt, this.#policy);
    }
  }

  /** Writes what was not sent to the spool file; what cannot be written is lost. */
  #leave(losses: readonly TelemetryLoss[]): void {
    const pending = losses.filter(({ item }) => this.#pending.has(item));
    const spool = this.#spool;
    const fresh = pending.map(({ item }) => item).filter((item) => !spool?.has(item));
    const failure = spool && fresh.length > 0 ? spool.append(fresh) : undefined;
    for (const loss of pending) {
      const kept = spool !== undefined && (failure === undefined || spool.has(loss.item));
      if (!kept) this.#lose(failure === undefined ? loss : { ...loss, error: failure });
      else if (this.#forget(loss.item)) this.#spooled++;
    }
  }

  #exit(): void {
    const error = new ClosedError("the process ended before telemetry was closed");
    const [lost, spooled] = [this.#lost, this.#spooled];
    this.#buffer = [];
    this.#leave([...this.#pending].map((item) => ({ item, reason: "closed", error })));
    this.#spool?.compact();
    const became = { lost: this.#lost - lost, ...(this.#spool && { spooled: this.#spooled - spooled }) };
    this.#logger.warn("the process ended before telemetry was sent; await telemetry.close()", became);
  }

  #lose(loss: TelemetryLoss): false {
    this.#settle(loss.item);
    this.#lost++;
    this.#emitter.emit("loss", loss);
    return false;
  }

  /** The item is not pending any more, and not owed by the spool file. */
  #settle(item: TelemetryItem): boolean {
    this.#spool?.settle(item);
    return this.#forget(item);
  }

  #forget(item: TelemetryItem): boolean {
    const pending = this.#pending.delete(item);
    if (this.#pending.size === 0) {
      this.#offExit?.();
      this.#offExit = undefined;
    }
    return pending;
  }
}
