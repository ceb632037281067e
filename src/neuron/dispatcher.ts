/** Takes leases and makes sure that each one is answered exactly once. */
import type { LeaseFrame, TaskPayload } from "../../gen/neuron/index.js";
import { AbortError, ClosedError, ConnectionError, errorText } from "../core/errors.js";
import { scoped } from "../core/logger.js";
import { Lru } from "../core/lru.js";
import { compose, type Next } from "../core/middleware.js";
import { Engine } from "../worker/engine.js";
import type { Slots } from "../worker/slots.js";
import { deliver } from "./answer.js";
import type { Served } from "./capability.js";
import type { NeuronCore } from "./core.js";
import { LeaseRunContext, ProgressReports } from "./handler-context.js";
import { LeaseEntry, type Outcome, outcomes } from "./lease.js";
import { type LeaseCall, runLease } from "./run-lease.js";
import type { SchemaBook } from "./schemas.js";

/** One capability that is served. */
interface Lane {
  readonly served: Served;
  readonly slots: Slots<LeaseEntry>;
  readonly handle: Next<LeaseCall, unknown>;
  revoked: boolean;
}

/** Ids of answered leases that are remembered, to recognise a second delivery. */
const rememberedAnswers = 10_000;

/** Runs leases: first come first served per capability, each capability within its own concurrency. */
export class Dispatcher {
  /** Leases in flight. */
  readonly leases: Engine<LeaseEntry, Outcome>;
  readonly #core: NeuronCore;
  readonly #schemas: SchemaBook;
  readonly #onStart: (entry: LeaseEntry) => void;
  readonly #lanes = new Map<string, Lane>();
  readonly #answered = new Lru<string, true>(rememberedAnswers);
  /** Outputs of tasks that were done, for a task that comes again. */
  readonly #finished: Lru<string, { readonly output: unknown }> | undefined;
  #stopping = false;

  /** `onStart` is called with a lease whose handler starts. */
  constructor(core: NeuronCore, schemas: SchemaBook, onStart: (entry: LeaseEntry) => void) {
    this.#core = core;
    this.#schemas = schemas;
    this.#onStart = onStart;
    const { dedupeTasks = 0, cancelGraceMs = 30_000 } = core.options;
    if (dedupeTasks > 0) this.#finished = new Lru(dedupeTasks);
    this.leases = new Engine(
      {
        run: (entry) => this.#run(entry),
        cut: ({ state, cutBy }) => {
          if (cutBy === undefined) return outcomes.failed;
          return state === "queued" ? outcomes.cancelledInQueue : outcomes.cancelled;
        },
        answer: (entry, outcome) => this.#answer(entry, outcome),
      },
      { clock: core.clock, logger: core.logger, graceMs: cancelGraceMs, abandonMs: Infinity },
    );
  }

  /** Serves a capability from now on. */
  add(served: Served): void {
    const handle = compose(this.#core.options.middleware ?? [], async ({ input, ctx }) =>
      served.handler(input, ctx),
    );
    const slots = this.leases.slots(served.capability.concurrency);
    this.#lanes.set(served.capability.type, { served, slots, handle, revoked: false });
  }

  /** Running handlers finish under the old number; a higher one opens slots at once. */
  setConcurrency(type: string, concurrency: number): void {
    const lane = this.#lanes.get(type);
    if (lane) lane.slots.concurrency = concurrency;
  }

  /** Takes a lease. A second delivery of a lease that is known is ignored. */
  accept({ lease, sentAt }: LeaseFrame): void {
    const { clock, logger } = this.#core;
    if (this.#knows(lease.leaseId)) {
      logger.debug("a lease came twice; the second one is ignored", { leaseId: lease.leaseId });
      return;
    }
    const entry = new LeaseEntry(lease, sentAt, clock.monotonic());
    const lane = this.#lanes.get(lease.task.capability);
    if (this.#stopping) this.leases.settle(entry, outcomes.stopping);
    else if (lane === undefined) this.leases.settle(entry, outcomes.noHandler);
    else if (lane.revoked) this.leases.settle(entry, outcomes.revoked);
    else this.leases.add(entry, lane.slots);
  }

  /** Answers a lease whose frame could not be read, so that it is not left to expire. */
  refuse(leaseId: string, problem: string): void {
    if (this.#knows(leaseId)) return;
    const task = {
      taskId: "unknown",
      workflowId: "unknown",
      capability: "unknown/unknown",
      input: null,
      attempt: 0,
    };
    const entry = new LeaseEntry({ leaseId, expiresAt: "", task }, "", this.#core.clock.monotonic());
    const reason = "the lease frame could not be read";
    const details = { errors: [problem] };
    this.leases.settle(entry, { kind: "terminal", reason, code: "INVALID_LEASE", details });
  }

  /** Cancels a lease, running or queued. One that is unknown or answered is ignored. */
  cancel(leaseId: string, reason: string): void {
    const entry = this.leases.get(leaseId);
    const why = new AbortError(`the lease was cancelled: ${reason}`);
    if (entry === undefined || !this.leases.cut(entry, why))
      this.#core.logger.debug("a cancel for no lease in flight is ignored", { leaseId });
  }

  /** Fails the leases of a capability, and hands back those that still come, until it is registered again. */
  revoke(type: string): void {
    const lane = this.#lanes.get(type);
    if (lane === undefined) return;
    lane.revoked = true;
    for (const entry of this.leases.all()) {
      if (entry.lease.task.capability === type)
        this.leases.cut(entry, new ClosedError("the capability was revoked"));
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
    for (const { slots } of this.#lanes.values())
      for (const entry of slots.waiting) this.leases.settle(entry, outcomes.handedBack);
  }

  #knows(leaseId: string): boolean {
    return this.leases.get(leaseId) !== undefined || this.#answered.has(leaseId);
  }

  /** Drops a running lease for which no heartbeat was accepted for one life: no answer is sent. */
  #watch(entry: LeaseEntry): void {
    const { clock, logger, events } = this.#core;
    const leftMs = entry.lostAtMs - clock.monotonic();
    if (leftMs > 0) return this.leases.after(entry, leftMs, () => this.#watch(entry));
    const { leaseId } = entry;
    const message = `lease ${leaseId} is lost: no heartbeat was accepted for ${entry.lostAfterMs} ms`;
    const error = new ConnectionError(message, { code: "LEASE_LOST" });
    if (!this.leases.drop(entry, error)) return;
    logger.error("a lease is lost; its handler is aborted", { leaseId, error });
    events.emit("error", error);
  }

  async #run(entry: LeaseEntry): Promise<Outcome> {
    const { clock, options, logger } = this.#core;
    const { exposeErrors = true, expired } = options;
    const { task } = entry.lease;
    if (expired === "refuse" && entry.lifeLeftMs(clock.monotonic()) <= 0) return outcomes.expired;
    entry.start(clock);
    const known = this.#finished?.get(identity(task));
    if (known !== undefined) return { kind: "ack", output: known.output };
    this.#watch(entry);
    this.#onStart(entry);
    const { served, handle } = this.#lanes.get(task.capability)!;
    const log = scoped(logger, { leaseId: entry.leaseId, taskId: task.taskId });
    entry.reports = new ProgressReports(this.#core, entry, log);
    const context = new LeaseRunContext(clock, entry, log, entry.reports);
    const outcome = await runLease({ entry, served, schemas: this.#schemas, context, handle, exposeErrors });
    if (outcome.kind === "ack") this.#finished?.set(identity(task), { output: outcome.output });
    return outcome;
  }

  async #answer(entry: LeaseEntry, outcome: Outcome): Promise<void> {
    this.leases.release(entry); // the gateway counts leases itself, and an answer may take long
    const flushed = entry.reports?.flush();
    if (flushed !== undefined) await flushed;
    const { logger, events } = this.#core;
    const { answer, delivered, error } = await deliver(entry, outcome, this.#core);
    const { leaseId } = entry;
    if (delivered) {
      this.#answered.set(leaseId, true);
    } else {
      const reason = errorText(error);
      logger.error("a lease could not be answered", { leaseId, answer: answer.type, reason });
      events.emit("error", error instanceof Error ? error : new Error(reason));
    }
    events.emit("lease:answered", { task: entry.lease.task, answer, delivered });
  }
}

/** What stays the same when a task is delivered again. */
function identity({ capability, workflowId, taskId }: TaskPayload): string {
  return JSON.stringify([capability, workflowId, taskId]);
}
