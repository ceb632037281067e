/** One job from its input to its output: the steps of the `Agent` of cap-sdk-python 2.17.0, and their texts. */
import { create } from "@bufbuild/protobuf";
import { JobResultSchema, JobStatus, type ResourceRef } from "../../../gen/cap/index.js";
import { type Clock, sleep } from "../../core/clock.js";
import { errorText, NotFoundError, TimeoutError, ValidationError } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { refusal } from "../../core/validate.js";
import { withTimeout } from "../../core/with-timeout.js";
import { HandlerFailure } from "../../handler/index.js";
import type { BlobStore } from "../blob-store.js";
import { CAPError } from "../errors.js";
import { coded, givenUp, JobFailure, logField } from "../failures.js";
import { keyFromPointer, pointerFor } from "../pointer.js";
import { blobResolver, checkBeside, type ResourceResolver, Resources } from "../production/resource.js";
import { resultKey, valueBytes } from "../stores/values.js";
import { FullContext, MAX_BYTES, PlainContext } from "./context.js";
import type { Job } from "./job.js";
import type { Connections, JobResultInit, WorkerCore } from "./options.js";
import type { ProgressReporter } from "./progress.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Where an output is; under CAP-PRODUCTION also what it is. */
type Written = Pick<JobResultInit, "resultPtr" | "resultRef">;

/** Runs the jobs of one worker. */
export class JobRunner {
  readonly #core: WorkerCore;
  readonly #connections: Connections;
  readonly #progress: ProgressReporter;

  constructor(core: WorkerCore, connections: Connections, progress: ProgressReporter) {
    this.#core = core;
    this.#connections = connections;
    this.#progress = progress;
  }

  /**
   * Reads the input, runs the handler, writes the output. `onStart` is called when the handler starts.
   *
   * @throws JobFailure; once the job is cut short, anything.
   */
  async run(job: Job, onStart: () => void): Promise<JobResultInit> {
    const { clock } = this.#core;
    const store = this.#connections.store!;
    const input = await this.#loadInput(job, store);
    onStart();
    const context = new FullContext(job, this.#core, store, this.#progress);
    const output = await this.#attempts(job, input, context);
    const executionMs = elapsed(clock, job);
    const written = await this.#writeOutput(job, output, store);
    return { status: JobStatus.SUCCEEDED, ...written, executionMs, artifactPtrs: job.artifacts };
  }

  /**
   * Runs a handler that gets the request and returns the result, and mends what a scheduler would choke on.
   *
   * @throws JobFailure.
   */
  async runPlain(job: Job): Promise<JobResultInit> {
    const { clock, workerId } = this.#core;
    job.startedMs = clock.monotonic();
    const given = (await this.#attempts(job, job.request, new PlainContext(job))) as
      | JobResultInit
      | undefined;
    if (given === undefined || given === null) throw handlerFailed("handler returned null");
    try {
      // Not by spreading into a literal: that costs a hidden class, and more time than encoding the result.
      const result = create(JobResultSchema, given.$typeName === undefined ? given : { ...given });
      if (given.status === undefined) result.status = JobStatus.SUCCEEDED;
      if (given.executionMs === undefined) result.executionMs = elapsed(clock, job);
      if (result.workerId && result.workerId !== workerId) {
        // Peers silently drop such a result: the sender is the worker.
        const fields = { workerId: result.workerId };
        job.log.warn("the handler set another worker id; sent the worker's own instead", fields);
      }
      if (result.status === JobStatus.DENIED) {
        job.log.warn(
          "a worker cannot deny a job, because the scheduler would keep waiting; sent FAILED instead",
        );
        result.status = JobStatus.FAILED;
      }
      return result;
    } catch (error) {
      job.log.error("the handler's result cannot be read", { reason: errorText(error) });
      throw new JobFailure("RESULT_WRITE_FAILED", "result cannot be sent");
    }
  }

  async #loadInput(job: Job, store: BlobStore): Promise<unknown> {
    const bytes = await this.#fetchContext(job, store);
    let value: unknown;
    try {
      value = JSON.parse(utf8.decode(bytes));
    } catch (error) {
      // The platform's message quotes the text, which may hold a secret.
      const position = /position \d+/.exec(errorText(error))?.[0];
      const text =
        error instanceof SyntaxError ? `not JSON${position ? ` at ${position}` : ""}` : "not UTF-8";
      throw new JobFailure("INVALID_INPUT", `context decode failed: ${text}`);
    }
    const { inputCheck } = job.served;
    if (inputCheck === undefined) return value;
    let message: string;
    try {
      const verdict = await job.race(inputCheck.check(value));
      if (verdict.ok) return verdict.value;
      message = errorText(refusal("the input", verdict.issues));
    } catch (error) {
      if (job.cutBy === undefined) job.log.warn("the input's schema failed", { reason: errorText(error) });
      message = this.#core.options.exposeErrors ? errorText(error) : "the schema failed";
    }
    throw new JobFailure("INVALID_INPUT", `input validation failed: ${message}`);
  }

  async #fetchContext(job: Job, store: BlobStore): Promise<Uint8Array> {
    const { maxContextBytes: maxBytes = MAX_BYTES, production } = this.#core.options;
    const { contextPtr, contextRef } = job.request;
    const ref = production && contextRef;
    let read: () => Promise<unknown>;
    let bytes: unknown;
    try {
      if (ref !== undefined) checkBeside(contextPtr, ref);
      const key = ref === undefined ? keyFromPointer(contextPtr) : "";
      read = () => (ref === undefined ? store.get(key) : this.#resource(ref, store, maxBytes));
    } catch (error) {
      throw new JobFailure("INVALID_INPUT", `${ref ? "context reference: " : ""}${errorText(error)}`);
    }
    try {
      bytes = await this.#stored(job, "context fetch", read);
    } catch (error) {
      if (ref !== undefined && error instanceof ValidationError)
        throw new JobFailure("INVALID_INPUT", `context reference: ${error.message}`);
      if (ref !== undefined && error instanceof NotFoundError)
        throw new JobFailure("CONTEXT_NOT_FOUND", "context not found");
      if (job.cutBy === undefined)
        job.log.warn("could not read the input of a job", { reason: errorText(error) });
      const text = this.#storeText("context fetch", "context fetch failed", error);
      throw new JobFailure("CONTEXT_UNAVAILABLE", text, { isStoreDown: true });
    }
    if (bytes === undefined || bytes === null) throw new JobFailure("CONTEXT_NOT_FOUND", "context not found");
    if (!(bytes instanceof Uint8Array)) {
      job.log.error("the store returned something other than bytes", { type: typeof bytes });
      throw new JobFailure("CONTEXT_UNAVAILABLE", "context fetch failed");
    }
    if (maxBytes > 0 && bytes.length > maxBytes)
      throw new JobFailure("RESOURCE_EXHAUSTED", "context exceeds max size");
    return bytes;
  }

  /** The input behind a structured reference: its size, type, digest and expiry must be as it says. */
  #resource(ref: ResourceRef, store: BlobStore, maxBytes: number): Promise<Uint8Array> {
    const { options, clock } = this.#core;
    const resolvers = { redis: blobResolver(store), ...options.production?.resolvers };
    const expected = { mediaType: "application/json", ...(maxBytes > 0 && { maxBytes }) };
    return new Resources(resolvers, { clock }).get(ref, expected);
  }

  #resources(resolvers: Readonly<Record<string, ResourceResolver>>): Resources {
    return new Resources(resolvers, { clock: this.#core.clock });
  }

  #stored<T>(job: Job, what: string, work: () => Promise<T>): Promise<T> {
    const { ioTimeoutMs, clock } = this.#core;
    return job.race(withTimeout(what, ioTimeoutMs, clock, work));
  }

  /** The store's own words may hold its password. */
  #storeText(what: string, failed: string, error: unknown): string {
    if (error instanceof TimeoutError) return `${what} timed out`;
    return this.#core.options.exposeErrors ? `${failed}: ${errorText(error)}` : failed;
  }

  async #attempts(job: Job, input: unknown, context: PlainContext): Promise<unknown> {
    const { clock, events } = this.#core;
    const { served, limits, request } = job;
    const maxAttempts = Math.min(served.retries, limits.maxRetries ?? Infinity) + 1;
    for (let attempt = 1; ; attempt++) {
      job.attempt = attempt;
      job.artifacts = [];
      try {
        return await this.#runHandler(job, input, context);
      } catch (error) {
        if (job.cutBy !== undefined) throw job.cutBy;
        if (error instanceof HandlerFailure) throw givenUp(error);
        if (error instanceof JobFailure) throw error;
        const exceptionType = logField(error instanceof Error ? error.name : typeof error);
        job.log.error("handler failed", { attempt, maxAttempts, exceptionType, error });
        events.emit("handlerError", { jobId: request.jobId, topic: request.topic, attempt, error });
        if (attempt >= maxAttempts) throw this.#handlerFailed(error);
        const waitMs = served.backoffMs(attempt);
        if (waitMs > 0) await sleep(waitMs, { clock, signal: job.signal });
      }
    }
  }

  async #runHandler(job: Job, input: unknown, ctx: PlainContext): Promise<unknown> {
    this.#core.counts.runs++;
    const { jobId: id, topic: name } = job.request;
    const output = await job.served.handle({ protocol: "cap", id, name, input, ctx });
    if (job.cutBy !== undefined) throw job.cutBy;
    const { outputCheck } = job.served;
    if (outputCheck === undefined) return output;
    const verdict = await job.race(
      outputCheck.check(output).catch((error: unknown) => {
        if (error instanceof ValidationError && error.code === "NOT_SERIALIZABLE")
          throw unwritable(error, job.log);
        throw error;
      }),
    );
    if (verdict.ok) return verdict.value;
    const error = refusal("the output", verdict.issues);
    job.log.warn("the output does not match its schema", { reason: errorText(error) });
    throw error;
  }

  /** The text of an exception stays here unless it is wanted; a registered code of its class says nothing secret. */
  #handlerFailed(error: unknown): JobFailure {
    const message = this.#core.options.exposeErrors ? errorText(error) : "handler failed";
    const code = error instanceof CAPError ? error.numericCode : 0;
    return code === 0 ? handlerFailed(message) : coded(message, code, "", true);
  }

  async #writeOutput(job: Job, output: unknown, store: BlobStore): Promise<Written> {
    const { maxResultBytes = MAX_BYTES, production } = this.#core.options;
    const failed = "result write failed";
    let bytes: Uint8Array;
    try {
      bytes = valueBytes(output === undefined ? null : output);
    } catch (error) {
      throw unwritable(error, job.log);
    }
    if (maxResultBytes > 0 && bytes.length > maxResultBytes) {
      throw new JobFailure("RESOURCE_EXHAUSTED", `${failed}: result exceeds max size`);
    }
    const key = resultKey(job.identity.jobId);
    const resultPtr = pointerFor(key);
    const put = { resolverId: "redis", name: key, mediaType: "application/json", purpose: "job.result" };
    try {
      if (production === undefined) await this.#stored(job, "result write", () => store.set(key, bytes));
      else {
        const resources = this.#resources({ redis: blobResolver(store) });
        const resultRef = await this.#stored(job, "result write", () => resources.put(bytes, put));
        return { resultPtr, resultRef };
      }
    } catch (error) {
      // It is written, but a job id with such characters has no place in a reference.
      if (error instanceof ValidationError && error.code === "INVALID_RESOURCE") {
        job.log.warn("sent a result without a structured reference to its output", { reason: error.message });
        return { resultPtr };
      }
      if (job.cutBy === undefined)
        job.log.warn("could not write the output of a job", { reason: errorText(error) });
      const text = this.#storeText("result write", "the store failed", error);
      throw new JobFailure("RESULT_WRITE_FAILED", `${failed}: ${text}`, {
        isStoreDown: true,
        mayRetry: true,
      });
    }
    return { resultPtr };
  }
}

function elapsed(clock: Clock, job: Job): bigint {
  return BigInt(Math.max(0, Math.round(clock.monotonic() - job.startedMs!)));
}

function unwritable(error: unknown, log: Logger): JobFailure {
  log.warn("output cannot be written as JSON", { reason: errorText(error) });
  const text = error instanceof ValidationError ? "output is not JSON serializable" : "unknown error";
  return new JobFailure("RESULT_WRITE_FAILED", `result write failed: ${text}`);
}

function handlerFailed(message: string): JobFailure {
  return new JobFailure("HANDLER_FAILED", message, { mayRetry: true });
}
