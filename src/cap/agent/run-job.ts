/** One job from its input to its output: the steps of the `Agent` of cap-sdk-python 2.17.0, and their texts. */
import { JobStatus } from "../../../gen/cap/index.js";
import { sleep } from "../../core/clock.js";
import { errorText, TimeoutError, ValidationError } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { scoped, silentLogger } from "../../core/logger.js";
import { refusal } from "../../core/validate.js";
import { withTimeout } from "../../core/with-timeout.js";
import { HandlerFailure } from "../../handler/index.js";
import { CAPError } from "../errors.js";
import {
  AGENT_CODES,
  badInput,
  exhausted,
  givenUp,
  JobFailure,
  legacyOf,
  logField,
  unavailable,
} from "../failures.js";
import { keyFromPointer, pointerFor } from "../pointer.js";
import { resultKey } from "../stores/keys.js";
import { valueBytes } from "../stores/values.js";
import type { JobResultInit } from "../worker-options.js";
import { type AgentContext, JobContext, MAX_BYTES } from "./context.js";
import type { AgentCore, Connections } from "./core.js";
import type { Job } from "./job.js";
import type { ProgressReporter } from "./progress.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Runs the jobs of one agent. */
export class JobRunner {
  readonly #core: AgentCore;
  readonly #connections: Connections;
  readonly #progress: ProgressReporter;

  constructor(core: AgentCore, connections: Connections, progress: ProgressReporter) {
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
    const log = this.#logOf(job);
    const input = await this.#loadInput(job, log);
    onStart();
    const output = await this.#attempts(job, input, log);
    const executionMs = BigInt(Math.max(0, Math.round(this.#core.clock.monotonic() - job.startedMs!)));
    const resultPtr = await this.#writeOutput(job, output, log);
    return { status: JobStatus.SUCCEEDED, resultPtr, executionMs, artifactPtrs: job.artifacts };
  }

  #logOf({ packet, request }: Job): Logger {
    const { log } = this.#core;
    if (log === silentLogger) return log;
    return scoped(log, {
      jobId: logField(request.jobId),
      traceId: logField(packet.traceId),
      topic: logField(request.topic),
      senderId: logField(packet.senderId),
    });
  }

  async #loadInput(job: Job, log: Logger): Promise<unknown> {
    const bytes = await this.#fetchContext(job, log);
    let value: unknown;
    try {
      value = JSON.parse(utf8.decode(bytes));
    } catch (error) {
      // The platform's message quotes the text, which may hold a secret.
      const position = /position \d+/.exec(errorText(error))?.[0];
      const text =
        error instanceof SyntaxError ? `not JSON${position ? ` at ${position}` : ""}` : "not UTF-8";
      throw badInput(`context decode failed: ${text}`);
    }
    const { inputCheck } = job.served;
    if (inputCheck === undefined) return value;
    let message: string;
    try {
      const verdict = await job.race(inputCheck.check(value));
      if (verdict.ok) return verdict.value;
      message = errorText(refusal("the input", verdict.issues));
    } catch (error) {
      if (job.cutBy === undefined) log.warn("the input's schema failed", { reason: errorText(error) });
      message = this.#core.options.exposeErrors ? errorText(error) : "the schema failed";
    }
    throw badInput(`input validation failed: ${message}`);
  }

  async #fetchContext(job: Job, log: Logger): Promise<Uint8Array> {
    const { maxContextBytes = MAX_BYTES } = this.#core.options;
    let key: string;
    try {
      key = keyFromPointer(job.request.contextPtr);
    } catch (error) {
      throw badInput(errorText(error));
    }
    let bytes: unknown;
    try {
      bytes = await this.#stored(job, "context fetch", () => this.#connections.store.get(key));
    } catch (error) {
      if (job.cutBy === undefined) log.warn("context not read", { reason: errorText(error) });
      const text = this.#storeText("context fetch", "context fetch failed", error);
      throw unavailable(text, "CONTEXT_UNAVAILABLE", true);
    }
    if (bytes === undefined || bytes === null) throw badInput("context not found", "CONTEXT_NOT_FOUND");
    if (!(bytes instanceof Uint8Array)) {
      log.error("the store returned something other than bytes", { type: typeof bytes });
      throw unavailable("context fetch failed", "CONTEXT_UNAVAILABLE");
    }
    if (maxContextBytes > 0 && bytes.length > maxContextBytes) throw exhausted("context exceeds max size");
    return bytes;
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

  async #attempts(job: Job, input: unknown, log: Logger): Promise<unknown> {
    const { clock, events } = this.#core;
    const { served, limits, request } = job;
    const maxAttempts = Math.min(served.retries, limits.maxRetries ?? Infinity) + 1;
    const context = new JobContext(job, log, this.#core, this.#connections, this.#progress);
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
        log.error("handler failed", { attempt, maxAttempts, exceptionType, error });
        events.emit("handlerError", { jobId: request.jobId, topic: request.topic, attempt, error });
        if (attempt >= maxAttempts) throw this.#handlerFailed(error);
        const waitMs = served.backoffMs(attempt);
        if (waitMs > 0) await sleep(waitMs, { clock, signal: job.signal });
      }
    }
  }

  async #runHandler(job: Job, input: unknown, ctx: AgentContext): Promise<unknown> {
    this.#core.counts.runs++;
    const { jobId: id, topic: name } = job.request;
    const output = await job.served.handle({ protocol: "cap", id, name, input, ctx });
    if (job.cutBy !== undefined) throw job.cutBy;
    const { outputCheck } = job.served;
    if (outputCheck === undefined) return output;
    const verdict = await job.race(
      outputCheck.check(output).catch((error: unknown) => {
        if (error instanceof ValidationError && error.code === "NOT_SERIALIZABLE")
          throw unwritable(error, ctx.log);
        throw error;
      }),
    );
    if (verdict.ok) return verdict.value;
    const error = refusal("the output", verdict.issues);
    ctx.log.warn("output refused", { reason: errorText(error) });
    throw error;
  }

  /** The text of an exception stays here unless it is wanted; a registered code of its class says nothing secret. */
  #handlerFailed(error: unknown): JobFailure {
    const message = this.#core.options.exposeErrors ? errorText(error) : "handler failed";
    const code = error instanceof CAPError ? error.numericCode : 0;
    if (code !== 0) return new JobFailure(message, { code, legacy: legacyOf(code), mayRetry: true });
    return unavailable(message, "HANDLER_FAILED");
  }

  async #writeOutput(job: Job, output: unknown, log: Logger): Promise<string> {
    const { maxResultBytes = MAX_BYTES } = this.#core.options;
    const failed = "result write failed";
    let bytes: Uint8Array;
    try {
      bytes = valueBytes(output === undefined ? null : output);
    } catch (error) {
      throw unwritable(error, log);
    }
    if (maxResultBytes > 0 && bytes.length > maxResultBytes) {
      throw exhausted(`${failed}: result exceeds max size`);
    }
    const key = resultKey(job.request.jobId);
    try {
      await this.#stored(job, "result write", () => this.#connections.store.set(key, bytes));
    } catch (error) {
      if (job.cutBy === undefined) log.warn("result not written", { reason: errorText(error) });
      const text = this.#storeText("result write", "the store failed", error);
      throw unavailable(`${failed}: ${text}`, "RESULT_WRITE_FAILED", true);
    }
    return pointerFor(key);
  }
}

function unwritable(error: unknown, log: Logger): JobFailure {
  log.warn("output cannot be written as JSON", { reason: errorText(error) });
  const text = error instanceof ValidationError ? "output is not JSON serializable" : "unknown error";
  const code = AGENT_CODES.RESULT_WRITE_FAILED;
  return new JobFailure(`result write failed: ${text}`, { code, legacy: "RESULT_WRITE_FAILED" });
}
