/** Takes leases and sees to it that every one is answered, once. */

import type { LeaseFrame } from "../../gen/neuron/index.js";
import type { TimerHandle } from "../core/clock.js";
import { AbortError, ClosedError, ConnectionError } from "../core/errors.js";
import { Limiter, type Release } from "../core/limiter.js";
import { type Logger, scoped } from "../core/logger.js";
import { compose, type Middleware, type Next } from "../core/middleware.js";
import { type AnswerSources, type Delivery, deliver } from "./answer.js";
import type { Served } from "./capability.js";
import { FinishedTasks } from "./finished-tasks.js";
import { postFrame } from "./frames.js";
import {
  type ContextSources,
  type HandlerContext,
  handlerContext,
  ProgressReports,
} from "./handler-context.js";
import { LeaseEntry, type Outcome, outcomes } from "./lease.js";
import { LeaseTable } from "./lease-table.js";
import { LeaseWatch } from "./lease-watch.js";
import { type LeaseCall, runLease } from "./run-lease.js";
import type { SchemaBook } from "./schemas.js";

/** Options of {@link Dispatcher}. */
export interface DispatcherOptions {
  readonly answers: AnswerSources;
  readonly schemas: SchemaBook;
  readonly logger: Logger;
  readonly exposeErrors: boolean;
  /** What to do with a lease whose time was over before its handler got a slot. */
  readonly expired: "run" | "refuse";
  /** How long a cancelled handler may take to end before its lease is answered without it. */
  readonly cancelGraceMs: number;
  /** Results kept to answer tasks that come again; 0 for none. */
  readonly dedupeTasks: number;
  readonly middleware: readonly Middleware<LeaseCall, unknown>[];
  /** The handler of a lease is about to run. */
  readonly onStarted: (entry: LeaseEntry) => void;
  readonly onAnswered: (entry: LeaseEntry, delivery: Delivery) => void;
  /** No heartbeat was accepted for one life of a lease: its handler is aborted, and it gets no answer. */
  readonly onLost: (entry: LeaseEntry, error: ConnectionError) => void;
}

/** What the dispatcher holds for one capability. */
interface Lane {
  readonly served: Served;
  readonly limiter: Limiter;
  readonly handle: Next<LeaseCall, unknown>;
  revoked: boolean;
}

/** Runs leases: first come first served per capability, each capability within its own concurrency. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #table = new LeaseTable();
  readonly #watch: LeaseWatch;
  readonly #graceTimers = new Map<LeaseEntry, TimerHandle>();
  readonly #finished: FinishedTasks | undefined;
  #stopping = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#watch = new LeaseWatch(this.#table, options.answers.clock, (entry) => this.#lose(entry));
    if (options.dedupeTasks > 0) this.#finished = new FinishedTasks(options.dedupeTasks);
  }

  /** Serves a capability from now on. */
  add(served: Served): void {
    const handle = compose(this.#options.middleware, async ({ input, context }) =>
      served.handler(input, context),
    );
    const limiter = new Limiter(served.capability.concurrency);
    this.#lanes.set(served.capability.type, { served, limiter, handle, revoked: false });
  }

  /** Leases in hand. */
  get leases(): LeaseTable {
    return this.#table;
  }

  /** Running handlers finish under the old number; a higher one opens slots at once. */
  setConcurrency(type: string, concurrency: number): void {
    const lane = this.#lanes.get(type);
    if (lane) lane.limiter.concurrency = concurrency;
  }

  /** Takes a lease. A second delivery of a lease that is known is ignored. */
  accept({ lease, sentAt }: LeaseFrame): void {
    const { answers, logger } = this.#options;
    if (this.#table.knows(lease.leaseId)) {
      logger.debug("a lease came twice; the second one is ignored", { leaseId: lease.leaseId });
      return;
    }
    const entry = new LeaseEntry(lease, sentAt, answers.clock.monotonic());
    this.#table.add(entry);
    const lane = this.#lanes.get(lease.task.capability);
    if (this.#stopping) void this.#answer(entry, outcomes.stopping);
    else if (lane === undefined) void this.#answer(entry, outcomes.noHandler);
    else if (lane.revoked) void this.#answer(entry, outcomes.revoked);
    else void this.#work(entry, lane);
  }

  /** Answers a lease whose frame could not be read, so that it is not left to expire. */
  refuse(leaseId: string, problem: string): void {
    if (this.#table.knows(leaseId)) return;
    const task = {
      taskId: "unknown",
      workflowId: "unknown",
      capability: "unknown/unknown",
      input: null,
      attempt: 0,
    };
    const entry = new LeaseEntry(
      { leaseId, expiresAt: "", task },
      "",
      this.#options.answers.clock.monotonic(),
    );
    this.#table.add(entry);
    const reason = "the lease frame could not be read";
    const details = { errors: [problem] };
    void this.#answer(entry, { kind: "terminal", reason, code: "INVALID_LEASE", details });
  }

  /** Cancels a lease, running or queued. One that is unknown or answered is ignored. */
  cancel(leaseId: string, reason: string): void {
    const entry = this.#table.get(leaseId);
    if (entry === undefined || entry.state === "answering" || entry.cancelled) {
      this.#options.logger.debug("a cancel for no lease in hand is ignored", { leaseId });
      return;
    }
    this.#cut(entry, new AbortError(`the lease was cancelled: ${reason}`));
  }

  /** Fails what is in hand of a capability, and hands back what still comes, until it is registered anew. */
  revoke(type: string): void {
    const lane = this.#lanes.get(type);
    if (lane === undefined) return;
    lane.revoked = true;
    for (const entry of this.#table.entries()) {
      if (entry.lease.task.capability === type)
        this.#cut(entry, new ClosedError("the capability was revoked"));
    }
  }

  /** These capabilities are registered, revoked before or not. */
  restore(types: Iterable<string>): void {
    for (const type of types) {
      const lane = this.#lanes.get(type);
      if (lane) lane.revoked = false;
    }
  }

  /** Takes no more leases, and hands back at once those that wait. */
  handBack(): void {
    this.#stopping = true;
    for (const { limiter } of this.#lanes.values()) limiter.close();
  }

  /** Aborts every handler. */
  abortAll(reason: unknown): void {
    for (const entry of this.#table.entries()) this.#cut(entry, reason);
  }

  /** Answers for the handlers that did not end although they were aborted. */
  abandon(): void {
    this.#watch.stop();
    for (const entry of this.#table.entries()) void this.#answer(entry, outcomes.cancelled);
  }

  #cut(entry: LeaseEntry, reason: unknown): void {
    if (entry.cancelled) return;
    entry.cancel(reason);
    if (entry.state !== "running") return;
    const { answers, cancelGraceMs } = this.#options;
    if (cancelGraceMs === Infinity) return;
    const timer = answers.clock.setTimeout(() => void this.#answer(entry, outcomes.cancelled), cancelGraceMs);
    this.#graceTimers.set(entry, timer);
  }

  #lose(entry: LeaseEntry): void {
    if (!this.#claim(entry)) return;
    const message = `lease ${entry.leaseId} is lost: no heartbeat was accepted for ${entry.lostAfterMs} ms`;
    const error = new ConnectionError(message, { code: "LEASE_LOST" });
    entry.cancel(error);
    entry.finish();
    this.#table.remove(entry, false);
    this.#options.onLost(entry, error);
  }

  async #work(entry: LeaseEntry, lane: Lane): Promise<void> {
    const { answers, expired, logger } = this.#options;
    const { clock, transport } = answers;
    let release: Release | undefined = lane.limiter.tryAcquire();
    if (release === undefined) {
      try {
        release = await lane.limiter.acquire({ signal: entry.signal });
      } catch {
        const outcome = entry.cancelled ? outcomes.cancelledInQueue : outcomes.handedBack;
        return this.#answer(entry, outcome);
      }
    }
    let outcome: Outcome;
    let reports: ProgressReports | undefined;
    try {
      if (entry.cancelled) outcome = outcomes.cancelledInQueue;
      else if (expired === "refuse" && entry.lifeLeftMs(clock.monotonic()) <= 0) outcome = outcomes.expired;
      else {
        const log = scoped(logger, { leaseId: entry.leaseId, taskId: entry.lease.task.taskId });
        const sources: ContextSources = {
          entry,
          log,
          clock,
          post: (frame, signal) => postFrame(transport, frame, signal),
        };
        reports = new ProgressReports(sources);
        outcome = await this.#run(entry, lane, handlerContext(sources, reports));
      }
    } catch (error) {
      // Nothing above is meant to throw; the lease is answered all the same.
      logger.error("a lease could not be run", { leaseId: entry.leaseId, error });
      outcome = { kind: "retryable", reason: "handler failed", code: "HANDLER_THREW" };
    } finally {
      release();
    }
    return this.#answer(entry, outcome, reports);
  }

  async #run(entry: LeaseEntry, { served, handle }: Lane, context: HandlerContext): Promise<Outcome> {
    const { schemas, exposeErrors, onStarted, answers } = this.#options;
    const { task } = entry.lease;
    entry.start(answers.clock);
    const known = this.#finished?.find(task);
    if (known !== undefined) return { kind: "ack", output: known.output };
    this.#watch.add(entry);
    onStarted(entry);
    const outcome = await runLease({ entry, served, schemas, context, handle, exposeErrors });
    if (outcome.kind === "ack") this.#finished?.remember(task, outcome.output);
    return outcome;
  }

  /** Fixes who answers. False when somebody did already. */
  #claim(entry: LeaseEntry): boolean {
    if (!entry.claim()) return false;
    this.#options.answers.clock.clearTimeout(this.#graceTimers.get(entry));
    this.#graceTimers.delete(entry);
    return true;
  }

  async #answer(entry: LeaseEntry, outcome: Outcome, reports?: ProgressReports): Promise<void> {
    const sending = reports?.flush();
    if (!this.#claim(entry)) return;
    if (sending !== undefined) await sending;
    const delivery = await deliver(entry, outcome, this.#options.answers);
    entry.finish();
    this.#table.remove(entry, delivery.delivered);
    this.#options.onAnswered(entry, delivery);
  }
}
