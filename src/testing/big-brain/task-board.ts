/** Tasks on their way: waiting for a neuron, leased, tried again, done. */
import type { AckFrame, NackFrame, ProgressFrame } from "../../../gen/neuron/index.js";
import { ConflictError } from "../../core/errors.js";
import type { EventStream } from "./event-stream.js";
import type { Gateway } from "./gateway.js";
import { deliverLease } from "./lease-delivery.js";
import type { LeaseAnswer, LeaseRecord, TaskOutcome, TaskSubmission } from "./types.js";

/** A task in flight. */
export interface Task {
  readonly taskId: string;
  readonly spec: TaskSubmission;
  readonly leases: LeaseRecord[];
  readonly progress: ProgressFrame[];
  retries: number;
  cancelReason?: string;
  outcome?: TaskOutcome;
  settle(outcome: TaskOutcome): void;
}

/** The queues of all capabilities, and who is given what. */
export class TaskBoard {
  readonly #gateway: Gateway;
  readonly #tasks = new Map<string, Task>();
  readonly #queues = new Map<string, Set<Task>>();
  readonly #streams = new Map<number, EventStream>();
  #next = 1;
  #closed = false;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  /** Tasks without an outcome. */
  get pending(): number {
    let count = 0;
    for (const { outcome } of this.#tasks.values()) if (outcome === undefined) count++;
    return count;
  }

  /** @throws ConflictError when a task of this id exists */
  submit(spec: TaskSubmission): Promise<TaskOutcome> {
    const taskId = spec.taskId ?? `task-${this.#next++}`;
    if (this.#tasks.has(taskId)) throw new ConflictError(`a task with the id ${taskId} already exists`);
    return new Promise((resolve) => {
      const task: Task = { taskId, spec, leases: [], progress: [], retries: 0, settle: resolve };
      this.#tasks.set(taskId, task);
      this.#forget();
      if (this.#closed) this.#end(task, { status: "abandoned" });
      else this.#enqueue(task);
    });
  }

  /** Cancels a task. False when it is unknown or has ended. */
  cancel(taskId: string, reason: string): boolean {
    const task = this.#tasks.get(taskId);
    if (task === undefined || task.outcome !== undefined || task.cancelReason !== undefined) return false;
    task.cancelReason = reason;
    for (const lease of task.leases) {
      if (lease.answers.length === 0) this.#gateway.sendCancel(lease, reason);
    }
    if (!task.leases.some(({ state }) => state === "open")) this.#end(task, { status: "cancelled", reason });
    return true;
  }

  /** The reason why the task of this lease was cancelled, if it was. */
  cancelReason(lease: LeaseRecord): string | undefined {
    return this.#tasks.get(lease.taskId)?.cancelReason;
  }

  /** A stream takes leases from now on. */
  attach(stream: EventStream): void {
    this.#streams.set(stream.number, stream);
  }

  /** A stream is gone. With `giveOut`, its open leases go back to the queue. */
  detach(stream: EventStream, giveOut: boolean): void {
    this.#streams.delete(stream.number);
    if (giveOut) for (const lease of this.#gateway.leases.openOf(stream.number)) this.#lose(lease);
  }

  /** Returns what nobody renewed. */
  reap(): void {
    const { leases, clock } = this.#gateway;
    for (const lease of leases.expired(clock.now())) this.#lose(lease);
  }

  /** Takes the first answer to a lease. `wasOpen`: the lease had not been given up. */
  answered(lease: LeaseRecord, answer: LeaseAnswer, wasOpen: boolean): void {
    if (wasOpen) this.#free(lease);
    const task = this.#tasks.get(lease.taskId);
    if (task !== undefined && task.outcome === undefined) {
      if (answer.type === "ack") this.#end(task, completed(answer));
      // What was given out again meanwhile is decided by the later lease, unless this one brings a result.
      else if (wasOpen) this.#nacked(task, lease, answer);
    }
    this.pump(lease.capability);
  }

  /** Writes down a report. */
  reported(lease: LeaseRecord, frame: ProgressFrame): void {
    lease.progress.push(frame);
    this.#tasks.get(lease.taskId)?.progress.push(frame);
  }

  /** Gives out all that can be given out of one capability. */
  pump(type: string): void {
    const queue = this.#queues.get(type);
    if (queue === undefined) return;
    for (const task of queue) {
      const free = [...this.#streams.values()].filter((stream) => freeSlots(stream, type) > 0);
      if (free.length === 0) return;
      const stream = free
        .filter((candidate) => mayTake(candidate, type, task))
        .reduce<EventStream | undefined>(
          (best, next) => (best && freeSlots(best, type) >= freeSlots(next, type) ? best : next),
          undefined,
        );
      if (stream === undefined) continue;
      queue.delete(task);
      this.#grant(task, stream);
    }
  }

  /** Ends every task that is in flight. */
  close(): void {
    this.#closed = true;
    for (const task of this.#tasks.values()) this.#end(task, { status: "abandoned" });
  }

  #grant(task: Task, stream: EventStream): void {
    const { clock, leases, options } = this.#gateway;
    const { capability } = task.spec;
    const served = stream.served.get(capability)!;
    served.unanswered++;
    const lease = leases.grant(
      {
        taskId: task.taskId,
        capability,
        neuronId: stream.neuronId,
        stream: stream.number,
        attempt: task.leases.length,
      },
      clock.now(),
      task.spec.leaseTtlMs ?? served.capability.leaseTtlMs ?? options.leaseTtlMs ?? 30_000,
    );
    task.leases.push(lease);
    deliverLease(this.#gateway, stream, lease, task);
  }

  #enqueue(task: Task): void {
    const { capability } = task.spec;
    const queue = this.#queues.get(capability) ?? new Set();
    this.#queues.set(capability, queue.add(task));
    this.pump(capability);
  }

  #lose(lease: LeaseRecord): void {
    this.#free(lease);
    this.#gateway.leases.lose(lease);
    this.#gateway.emitter.emit("lost", lease);
    const task = this.#tasks.get(lease.taskId);
    if (task === undefined || task.outcome !== undefined) return this.pump(lease.capability);
    if (task.cancelReason === undefined) this.#enqueue(task);
    else this.#end(task, { status: "cancelled", reason: task.cancelReason });
  }

  #nacked(task: Task, lease: LeaseRecord, nack: NackFrame): void {
    const { kind, reason, code, details } = nack;
    if (task.cancelReason !== undefined) {
      return this.#end(task, { status: "cancelled", reason: task.cancelReason });
    }
    if (kind === "retryable" && code === undefined) {
      // Nobody ran it: another neuron may, or this one after it has registered again.
      this.#streams.get(lease.stream)?.handedBack.add(task.taskId);
      return this.#enqueue(task);
    }
    const { retry } = task.spec;
    if (kind === "retryable" && retry !== undefined && task.retries < retry.maxRetries) {
      const { backoffMs = 0, backoffMultiplier = 1, maxBackoffMs = Infinity } = retry;
      const waitMs = Math.min(backoffMs * backoffMultiplier ** task.retries++, maxBackoffMs);
      const again = (): void => {
        if (task.outcome === undefined) this.#enqueue(task);
      };
      if (waitMs > 0) this.#gateway.clock.setTimeout(again, waitMs, { unref: true });
      else again();
      return;
    }
    const extra = { ...(code !== undefined && { code }), ...(details !== undefined && { details }) };
    this.#end(task, { status: "failed", kind, reason, ...extra });
  }

  /** The slot of a lease is free again. */
  #free({ stream, capability }: LeaseRecord): void {
    const served = this.#streams.get(stream)?.served.get(capability);
    if (served !== undefined && served.unanswered > 0) served.unanswered--;
  }

  #end(task: Task, result: Ending): void {
    if (task.outcome !== undefined) return;
    this.#queues.get(task.spec.capability)?.delete(task);
    task.outcome = {
      taskId: task.taskId,
      attempts: task.leases.length,
      progress: task.progress,
      ...result,
    };
    task.settle(task.outcome);
    this.#gateway.emitter.emit("outcome", task.outcome);
  }

  #forget(): void {
    if (this.#tasks.size <= (this.#gateway.options.remember ?? 100_000)) return;
    for (const [id, { outcome }] of this.#tasks) {
      if (outcome === undefined) continue;
      this.#tasks.delete(id);
      return;
    }
  }
}

type Ending = TaskOutcome extends infer Outcome
  ? Outcome extends TaskOutcome
    ? Omit<Outcome, "taskId" | "attempts" | "progress">
    : never
  : never;

function completed({ output }: AckFrame): Ending {
  return { status: "completed", output };
}

function freeSlots(stream: EventStream, type: string): number {
  const served = stream.served.get(type);
  return served === undefined || !stream.open ? 0 : served.capability.concurrency - served.unanswered;
}

function mayTake(stream: EventStream, type: string, { taskId, spec }: Task): boolean {
  const { scope } = stream.served.get(type)!.capability;
  if (stream.handedBack.has(taskId)) return false;
  return scope === "any" || scope.onBehalfOf === spec.onBehalfOf;
}
