/** What a handler is told besides its input, and how it reports progress. */
import type { ProgressFrame, TaskPayload } from "../../gen/neuron/index.js";
import { errorText } from "../core/errors.js";
import type { Logger } from "../core/logger.js";
import { formatTime } from "../core/time.js";
import {
  HandlerFailure,
  type ProgressUpdate,
  type HandlerContext as SharedContext,
  type Handler as SharedHandler,
} from "../handler/index.js";
import { frameCheck } from "./frame-check.js";
import type { LeaseEntry } from "./lease.js";

/** What a handler of a lease is told besides its input. */
export interface HandlerContext extends SharedContext {
  /** The whole task. `taskId` stays the same when the task is delivered again; the leaseId does not. */
  readonly task: TaskPayload;
  /** The lease the gateway holds for this delivery. */
  readonly leaseId: string;
}

/** Serves a capability: gets the input, gives the output, at once or later. */
export type Handler<Input = unknown, Output = unknown> = SharedHandler<Input, Output, HandlerContext>;

/** What a context needs of its neuron. */
export interface ContextSources {
  readonly entry: LeaseEntry;
  readonly log: Logger;
  readonly now: () => number;
  /** Sends a frame once; what it rejects with is logged. */
  readonly post: (frame: ProgressFrame) => Promise<unknown>;
}

/** Reports that wait to be sent for one lease; a further one replaces the oldest. */
const waitingReports = 64;

/** The progress reports of one lease: in order, one at a time, all of them before its answer. */
export class ProgressReports {
  readonly #sources: ContextSources;
  readonly #waiting: ProgressFrame[] = [];
  #sending: Promise<void> | undefined;
  #closed = false;

  constructor(sources: ContextSources) {
    this.#sources = sources;
  }

  /** Queues a report. One that the protocol does not allow is dropped with a warning. */
  add(update: ProgressUpdate): void {
    if (this.#closed) return;
    const { log, now, entry } = this.#sources;
    const frame = { type: "progress", leaseId: entry.leaseId, ...given(update), sentAt: formatTime(now()) };
    const problem = frameCheck("ProgressFrame")(frame, "progress");
    if (problem !== undefined) return log.warn("a progress report is not sent", { problem });
    this.#waiting.push(frame as ProgressFrame);
    if (this.#waiting.length > waitingReports) {
      this.#waiting.shift();
      log.warn("progress comes faster than it can be sent; the oldest report is dropped");
    }
    this.#sending ??= this.#send();
  }

  /** Takes no more reports; resolves when all are sent. */
  flush(): Promise<void> | undefined {
    this.#closed = true;
    return this.#sending;
  }

  async #send(): Promise<void> {
    for (let frame = this.#waiting.shift(); frame !== undefined; frame = this.#waiting.shift()) {
      try {
        await this.#sources.post(frame);
      } catch (error) {
        this.#sources.log.warn("a progress report was not sent", { reason: errorText(error) });
      }
    }
    this.#sending = undefined;
  }
}

function given({ percent, message, data }: ProgressUpdate): ProgressUpdate {
  return {
    ...(percent === undefined ? {} : { percent }),
    ...(message === undefined ? {} : { message }),
    ...(data === undefined ? {} : { data }),
  };
}

/** Makes the context of one run. */
export function handlerContext(sources: ContextSources, reports: ProgressReports): HandlerContext {
  const { entry, log } = sources;
  return {
    task: entry.lease.task,
    leaseId: entry.leaseId,
    correlationId: entry.lease.task.taskId,
    request: entry.lease,
    // Made when it is asked for: most handlers never do.
    get signal() {
      return entry.signal;
    },
    log,
    get deadline() {
      return entry.deadline;
    },
    progress: (update) => reports.add(update),
    fail: (reason, options) => {
      throw new HandlerFailure(reason, options);
    },
  };
}
