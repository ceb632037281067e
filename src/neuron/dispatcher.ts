/** Takes leases and sees to it that every one is answered, once. */

import type { LeaseFrame } from "../../gen/neuron/index.js";
import type { TimerHandle } from "../core/clock.js";
import { AbortError, ClosedError, ConnectionError, errorText } from "../core/errors.js";
import { Limiter, type Release } from "../core/limiter.js";
import { scoped } from "../core/logger.js";
import { compose, type Next } from "../core/middleware.js";
import { deliver } from "./answer.js";
import type { Served } from "./capability.js";
import type { NeuronCore } from "./core.js";
import { FinishedTasks } from "./finished-tasks.js";
import { type HandlerContext, handlerContext, ProgressReports } from "./handler-context.js";
import { LeaseEntry, type Outcome, outcomes } from "./lease.js";
import { type LeaseCall, runLease } from "./run-lease.js";
import type { SchemaBook } from "./schemas.js";
import type { Session } from "./session.js";

/** What the dispatcher holds for one capability. */
interface Lane {
  readonly served: Served;
  readonly limiter: Limiter;
  readonly handle: Next<LeaseCall, unknown>;
  revoked: boolean;
}

/** Runs leases: first come first served per capability, each capability within its own concurrency. */
export class Dispatcher {
  readonly #core: NeuronCore;
  readonly #schemas: SchemaBook;
  readonly #session: Session;
  readonly #lanes = new Map<string, Lane>();
  /** For a running lease: when it may be lost, or after a cancel, when it is answered without its handler. */
  readonly #timers = new Map<LeaseEntry, TimerHandle>();
  readonly #finished: FinishedTasks | undefined;
  #stopping = false;

  constructor(core: NeuronCore, schemas: SchemaBook, session: Session) {
    this.#core = core;
    this.#schemas = schemas;
    this.#session = session;
    const { dedupeTasks = 0 } = core.options;
    if (dedupeTasks > 0) this.#finished = new FinishedTasks(dedupeTasks);
  }

  /** Serves a capability from now on. */
  add(served: Served): void {
    const handle = compose(this.#core.options.middleware ?? [], async ({ input, context }) =>
      served.handler(input, context),
    );
    const limiter = new Limiter(served.capability.concurrency);
    this.#lanes.set(served.capability.type, { served, limiter, handle, revoked: false });
  }

  /** Running handlers finish under the old number; a higher one opens slots at once. */
  setConcurrency(type: string, concurrency: number): void {
    const lane = this.#lanes.get(type);
    if (lane) lane.limiter.concurrency = concurrency;
  }

  /** Takes a lease. A second delivery of a lease that is known is ignored. */
  accept({ lease, sentAt }: LeaseFrame): void {
    const { leases, clock, logger } = this.#core;
    if (leases.knows(lease.leaseId)) {
      logger.debug("a lease came twice; the second one is ignored", { leaseId: lease.leaseId });
      return;
    }
    const entry = new LeaseEntry(lease, sentAt, clock.monotonic());
    leases.add(entry);
    const lane = this.#lanes.get(lease.task.capability);
    if (this.#stopping) void this.#answer(entry, outcomes.stopping);
    else if (lane === undefined) void this.#answer(entry, outcomes.noHandler);
    else if (lane.revoked) void this.#answer(entry, outcomes.revoked);
    else void this.#work(entry, lane);
  }

  /** Answers a lease whose frame could not be read, so that it is not left to expire. */
  refuse(leaseId: string, problem: string): void {
    if (this.#core.leases.knows(leaseId)) return;
    const task = {
      taskId: "unknown",
      workflowId: "unknown",
      capability: "unknown/unknown",
      input: null,
      attempt: 0,
    };
    const entry = new LeaseEntry({ leaseId, expiresAt: "", task }, "", this.#core.clock.monotonic());
    this.#core.leases.add(entry);
    const reason = "the lease frame could not be read";
    const details = { errors: [problem] };
    void this.#answer(entry, { kind: "terminal", reason, code: "INVALID_LEASE", details });
  }

  /** Cancels a lease, running or queued. One that is unknown or answered is ignored. */
  cancel(leaseId: string, reason: string): void {
    const entry = this.#core.leases.get(leaseId);
    if (entry === undefined || entry.state === "answering" || entry.cancelled) {
      this.#core.logger.debug("a cancel for no lease in hand is ignored", { leaseId });
      return;
    }
    this.#cut(entry, new AbortError(`the lease was cancelled: ${reason}`));
  }

  /** Fails what is in hand of a capability, and hands back what still comes, until it is registered anew. */
  revoke(type: string): void {
    const lane = this.#lanes.get(type);
    if (lane === undefined) return;
    lane.revoked = true;
    for (const entry of this.#core.leases.entries()) {
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
    for (const entry of this.#core.leases.entries()) this.#cut(entry, reason);
  }

  /** Answers for the handlers that did not end although they were aborted. */
  abandon(): void {
    for (const entry of this.#core.leases.entries()) void this.#answer(entry, outcomes.cancelled);
  }

  #cut(entry: LeaseEntry, reason: unknown): void {
    if (entry.cancelled) return;
    entry.cancel(reason);
    if (entry.state !== "running") return;
    const { clock, options } = this.#core;
    const { cancelGraceMs = 30_000 } = options;
    clock.clearTimeout(this.#timers.get(entry));
    this.#timers.delete(entry);
    if (cancelGraceMs === Infinity) return;
    const timer = clock.setTimeout(() => void this.#answer(entry, outcomes.cancelled), cancelGraceMs);
    this.#timers.set(entry, timer);
  }

  /** Gives up a running lease for which no heartbeat was accepted for one life: no answer is sent. */
  #watch(entry: LeaseEntry): void {
    const { clock } = this.#core;
    const leftMs = entry.lostAtMs - clock.monotonic();
    if (leftMs <= 0) this.#lose(entry);
    else
      this.#timers.set(
        entry,
        clock.setTimeout(() => this.#watch(entry), leftMs),
      );
  }

  #lose(entry: LeaseEntry): void {
    if (!this.#claim(entry)) return;
    const { leaseId } = entry;
    const { leases, logger, events } = this.#core;
    const message = `lease ${leaseId} is lost: no heartbeat was accepted for ${entry.lostAfterMs} ms`;
    const error = new ConnectionError(message, { code: "LEASE_LOST" });
    entry.cancel(error);
    entry.finish();
    leases.remove(entry, false);
    logger.error("a lease is lost; its handler is aborted", { leaseId, error });
    events.emit("error", error);
  }

  async #work(entry: LeaseEntry, lane: Lane): Promise<void> {
    const { clock, options, logger } = this.#core;
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
      else if (options.expired === "refuse" && entry.lifeLeftMs(clock.monotonic()) <= 0)
        outcome = outcomes.expired;
      else {
        const log = scoped(logger, { leaseId: entry.leaseId, taskId: entry.lease.task.taskId });
        reports = new ProgressReports(this.#core, entry, log);
        outcome = await this.#run(entry, lane, handlerContext(clock, entry, log, reports));
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
    const { clock, options } = this.#core;
    const { exposeErrors = true } = options;
    const { task } = entry.lease;
    entry.start(clock);
    const known = this.#finished?.find(task);
    if (known !== undefined) return { kind: "ack", output: known.output };
    this.#watch(entry);
    this.#session.watch(entry);
    const outcome = await runLease({ entry, served, schemas: this.#schemas, context, handle, exposeErrors });
    if (outcome.kind === "ack") this.#finished?.remember(task, outcome.output);
    return outcome;
  }

  /** Fixes who answers. False when somebody did already. */
  #claim(entry: LeaseEntry): boolean {
    if (!entry.claim()) return false;
    this.#core.clock.clearTimeout(this.#timers.get(entry));
    this.#timers.delete(entry);
    return true;
  }

  async #answer(entry: LeaseEntry, outcome: Outcome, reports?: ProgressReports): Promise<void> {
    const sending = reports?.flush();
    if (!this.#claim(entry)) return;
    if (sending !== undefined) await sending;
    const { leases, logger, events } = this.#core;
    const { answer, delivered, error } = await deliver(entry, outcome, this.#core);
    entry.finish();
    leases.remove(entry, delivered);
    if (!delivered) {
      const { leaseId } = entry;
      const reason = errorText(error);
      logger.error("a lease could not be answered", { leaseId, answer: answer.type, reason });
      events.emit("error", error instanceof Error ? error : new Error(reason));
    }
    events.emit("lease:answered", { task: entry.lease.task, answer, delivered });
  }
}
