/**
 * The low-level worker: takes job requests off one subject, runs a handler, publishes results (CAP spec 04;
 * `run_worker` of cap-sdk-python 2.17.0).
 */
import { compose } from "../core/middleware.js";
import { onAbort } from "../core/on-abort.js";
import { checkOption, checkOptions } from "../core/options.js";
import { BusWorker } from "./agent/bus-worker.js";
import type { WorkerOptions } from "./agent/options.js";
import type { ServedTopic, Service } from "./agent/runtime.js";
import { assertSubject } from "./bus.js";

/** A running worker. */
export class Worker extends BusWorker {
  readonly #options: WorkerOptions;

  /** @internal Use {@link runWorker}. */
  constructor(options: WorkerOptions) {
    super("worker", "cap-worker", options);
    checkOptions(options, { signal: "signal" });
    checkOption("handler", options.handler, "function");
    assertSubject(options.subject, { wildcards: true });
    this.#options = options;
  }

  /** @internal */
  protected override async service(): Promise<Service> {
    const { subject, handler, middleware = [] } = this.#options;
    const wrapped = compose(middleware, async ({ input, ctx }) => handler(input, ctx));
    const handle: ServedTopic["handle"] =
      middleware.length === 0
        ? async ({ ctx }) => handler(ctx.request, ctx)
        : (call) => wrapped({ ...call, input: call.ctx.request });
    const served = { retries: 0, backoffMs: () => 0, handle };
    return { topics: new Map([[subject, served]]), isScheduled: false };
  }
}

/**
 * Starts a worker on a subject. Resolves once it is subscribed; the worker runs until it is closed. It heeds neither
 * `sys.job.cancel` nor deadlines; an `Agent` does.
 *
 * @throws ValidationError `INVALID_KEY` or `INVALID_SUBJECT`; what {@link Bus.subscribe} and a function given as `bus`
 * throw.
 */
export async function runWorker(options: WorkerOptions): Promise<Worker> {
  const worker = new Worker(options);
  await worker.start();
  const { signal } = options;
  const off = signal && onAbort(signal, () => void worker.close());
  worker.on("state", (state) => state === "closed" && off?.());
  if (signal?.aborted) await worker.close();
  return worker;
}
