/** What a handler receives besides its input, and how it reports progress. */
import type { ProgressFrame, TaskPayload } from "../../gen/neuron/index.js";
import type { Clock } from "../core/clock.js";
import { Cut } from "../core/cut.js";
import { errorText, TimeoutError } from "../core/errors.js";
import { jsonCopy } from "../core/json-form.js";
import type { Logger } from "../core/logger.js";
import { formatTime } from "../core/time.js";
import {
  HandlerFailure,
  type ProgressUpdate,
  type HandlerContext as SharedContext,
  type Handler as SharedHandler,
} from "../handler/index.js";
import type { NeuronCore } from "./core.js";
import { checkClientFrame, postFrame } from "./frames.js";
import type { LeaseEntry } from "./lease.js";

/** The context that a neuron passes to a handler with its input. */
export interface HandlerContext extends SharedContext {
  /** The whole task. `taskId` stays the same when the task is delivered again; the leaseId does not. */
  readonly task: TaskPayload;
  /** The lease the gateway holds for this delivery. */
  readonly leaseId: string;
}

/** Serves a capability: receives the input and returns the output, or a promise for it. */
export type Handler<Input = unknown, Output = unknown> = SharedHandler<Input, Output, HandlerContext>;

/** Reports that wait to be sent for one lease; a further one replaces the oldest. */
const waitingReports = 64;

/** How long an answer waits for the reports before it, in milliseconds; reports that are late are dropped. */
const flushMs = 500;

/** The progress reports of one lease: in order, one at a time, none after its answer. */
export class ProgressReports {
  readonly #core: NeuronCore;
  readonly #entry: LeaseEntry;
  readonly #log: Logger;
  readonly #waiting: ProgressFrame[] = [];
  #sending: Promise<void> | undefined;
  readonly #ended = new Cut([]);
  #closed = false;

  constructor(core: NeuronCore, entry: LeaseEntry, log: Logger) {
    this.#core = core;
    this.#entry = entry;
    this.#log = log;
  }

  /** Queues a report. One that the protocol does not allow is dropped with a warning. Never throws. */
  add(update: ProgressUpdate | undefined): void {
    if (this.#closed) return;
    const log = this.#log;
    let frame: ProgressFrame;
    try {
      const { percent, message, data } = update ?? {};
      frame = {
        type: "progress",
        leaseId: this.#entry.leaseId,
        ...(percent === undefined ? {} : { percent }),
        ...(message === undefined ? {} : { message }),
        // As it is now: the report may wait, and the handler goes on.
        ...(data === undefined ? {} : { data: jsonCopy(data, "data") }),
        sentAt: formatTime(this.#core.clock.now()),
      };
      checkClientFrame(frame);
    } catch (error) {
      return log.warn("a progress report is not sent", { reason: errorText(error) });
    }
    this.#waiting.push(frame);
    if (this.#waiting.length > waitingReports) {
      this.#waiting.shift();
      log.warn("progress is reported faster than it can be sent; dropped the oldest report");
    }
    this.#sending ??= this.#send();
  }

  /** Takes no more reports; resolves when all are sent, or after half a second without the rest. */
  flush(): Promise<void> | undefined {
    this.#closed = true;
    if (this.#sending === undefined) return undefined;
    const { clock } = this.#core;
    const late = new TimeoutError("the handler has ended, and its answer does not wait for progress");
    const timer = clock.setTimeout(() => this.#ended.cut(late), flushMs);
    return this.#sending.finally(() => clock.clearTimeout(timer));
  }

  async #send(): Promise<void> {
    const ended = this.#ended;
    for (let frame = this.#waiting.shift(); frame && !ended.reason; frame = this.#waiting.shift()) {
      try {
        await ended.race(postFrame(this.#core.transport, frame, ended.signal));
      } catch (error) {
        this.#log.warn("a progress report was not sent", { reason: errorText(error) });
      }
    }
    this.#sending = undefined;
  }
}

const fail: HandlerContext["fail"] = (reason, options) => {
  throw new HandlerFailure(reason, options);
};

/** The context of one run. A class: the hidden classes of object literals with accessors outlive them. */
export class LeaseRunContext implements HandlerContext {
  readonly task: TaskPayload;
  readonly leaseId: string;
  readonly correlationId: string;
  readonly request: HandlerContext["request"];
  readonly log: Logger;
  readonly deadlineMoves = true;
  readonly progress: HandlerContext["progress"];
  readonly fail = fail;
  readonly #clock: Clock;
  readonly #entry: LeaseEntry;

  constructor(clock: Clock, entry: LeaseEntry, log: Logger, reports: ProgressReports) {
    this.task = entry.lease.task;
    this.leaseId = entry.leaseId;
    this.correlationId = entry.lease.task.taskId;
    this.request = entry.lease;
    this.log = log;
    this.progress = (update) => reports.add(update);
    this.#clock = clock;
    this.#entry = entry;
  }

  /** Created on request: most handlers never ask. */
  get signal(): AbortSignal {
    return this.#entry.signal;
  }

  get deadline(): number | undefined {
    return this.#entry.deadline(this.#clock);
  }
}
