/** One job from its input to its outcome: the steps of the `Agent` of cap-sdk-python 2.17.0, and their texts. */
import { JobStatus } from "../../../gen/cap/index.js";
import { type Clock, sleep } from "../../core/clock.js";
import { errorText, TimeoutError, ValidationError } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { refusal } from "../../core/validate.js";
import { HandlerFailure } from "../../handler/index.js";
import type { BlobStore } from "../blob-store.js";
import { CAPError } from "../errors.js";
import { keyFromPointer, pointerFor } from "../pointer.js";
import { resultKey } from "../stores/keys.js";
import { valueBytes } from "../stores/values.js";
import type { JobResultInit } from "../worker-options.js";
import type { AgentContext } from "./context.js";
import {
  AGENT_CODES,
  badInput,
  exhausted,
  failureResult,
  givenUp,
  JobFailure,
  legacyOf,
  logField,
  unavailable,
} from "./failures.js";
import { inTime } from "./in-time.js";
import type { Job } from "./job.js";

/** What a run needs of its agent. */
export interface RunParts {
  readonly store: BlobStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly context: AgentContext;
  readonly ioTimeoutMs: number;
  readonly maxContextBytes: number;
  readonly maxResultBytes: number;
  readonly exposeErrors: boolean;
  readonly granularStatus: boolean;
  /** Called with every run of the handler. */
  readonly onAttempt: () => void;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads the input, runs the handler, writes the output. Never rejects; the result says how it went. */
export async function runJob(job: Job, parts: RunParts): Promise<JobResultInit> {
  const { clock } = parts;
  let startedMs: number | undefined;
  let tookMs: number | undefined;
  const took = (): number =>
    startedMs === undefined ? 0 : Math.max(0, Math.round(clock.monotonic() - startedMs));
  try {
    const input = await loadInput(job, parts);
    startedMs = clock.monotonic();
    const output = await attempts(job, input, parts);
    tookMs = took();
    const resultPtr = await writeOutput(job, output, parts);
    const executionMs = BigInt(tookMs);
    return { status: JobStatus.SUCCEEDED, resultPtr, executionMs, artifactPtrs: job.artifacts };
  } catch (error) {
    const failure = job.stopped ?? (error instanceof JobFailure ? error : unexpected(error, parts));
    const result = failureResult(failure, parts.granularStatus);
    return { ...result, executionMs: BigInt(tookMs ?? took()), artifactPtrs: job.artifacts };
  }
}

function unexpected(error: unknown, { log }: RunParts): JobFailure {
  log.error("a job ended unexpectedly", { reason: errorText(error) });
  return new JobFailure("handler failed", { code: AGENT_CODES.HANDLER_FAILED, legacy: "HANDLER_FAILED" });
}

async function loadInput(job: Job, parts: RunParts): Promise<unknown> {
  const bytes = await fetchContext(job, parts);
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (error) {
    // The platform's message quotes the text, which may hold a secret.
    const position = /position \d+/.exec(errorText(error))?.[0];
    const text = error instanceof SyntaxError ? `not JSON${position ? ` at ${position}` : ""}` : "not UTF-8";
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
    if (job.stopped !== undefined) throw job.stopped;
    parts.log.warn("the input's schema failed", { reason: errorText(error) });
    message = parts.exposeErrors ? errorText(error) : "the schema failed";
  }
  throw badInput(`input validation failed: ${message}`);
}

async function fetchContext(job: Job, parts: RunParts): Promise<Uint8Array> {
  const { store, clock, ioTimeoutMs, maxContextBytes, log } = parts;
  let key: string;
  try {
    key = keyFromPointer(job.request.contextPtr);
  } catch (error) {
    throw badInput(errorText(error));
  }
  let bytes: unknown;
  try {
    bytes = await job.race(inTime("context fetch", ioTimeoutMs, clock, () => store.get(key)));
  } catch (error) {
    if (job.stopped !== undefined) throw job.stopped;
    log.warn("context not read", { reason: errorText(error) });
    throw unavailable(
      storeText("context fetch", "context fetch failed", error, parts),
      "CONTEXT_UNAVAILABLE",
    );
  }
  if (bytes === undefined || bytes === null) throw badInput("context not found", "CONTEXT_NOT_FOUND");
  if (!(bytes instanceof Uint8Array)) {
    log.error("the store gave something else than bytes", { type: typeof bytes });
    throw unavailable("context fetch failed", "CONTEXT_UNAVAILABLE");
  }
  if (maxContextBytes > 0 && bytes.length > maxContextBytes) throw exhausted("context exceeds max size");
  return bytes;
}

/** The store's own words may hold its password. */
function storeText(what: string, failed: string, error: unknown, { exposeErrors }: RunParts): string {
  if (error instanceof TimeoutError) return `${what} timed out`;
  return exposeErrors ? `${failed}: ${errorText(error)}` : failed;
}

async function attempts(job: Job, input: unknown, parts: RunParts): Promise<unknown> {
  const { served, limits, request, packet } = job;
  const maxAttempts = Math.min(served.retries, limits.maxRetries ?? Infinity) + 1;
  job.startRuntime();
  for (let attempt = 1; ; attempt++) {
    job.attempt = attempt;
    job.artifacts = [];
    try {
      return await runHandler(job, input, parts);
    } catch (error) {
      if (job.stopped !== undefined) throw job.stopped;
      if (error instanceof HandlerFailure) throw givenUp(error);
      if (error instanceof JobFailure) throw error;
      parts.log.error("handler failed", {
        jobId: logField(request.jobId),
        traceId: logField(packet.traceId),
        topic: logField(request.topic),
        senderId: logField(packet.senderId),
        attempt,
        maxAttempts,
        exceptionType: logField(error instanceof Error ? error.name : typeof error),
        error,
      });
      if (attempt >= maxAttempts) throw handlerFailed(error, parts);
      const waitMs = served.backoffMs(attempt);
      if (waitMs > 0) await job.race(sleep(waitMs, { clock: parts.clock, signal: job.signal }));
    }
  }
}

async function runHandler(job: Job, input: unknown, parts: RunParts): Promise<unknown> {
  parts.onAttempt();
  const running = job.served.handle({ input, context: parts.context });
  job.handler = running;
  const ended = (): void => {
    job.handler = undefined;
  };
  running.then(ended, ended);
  const output = await job.race(running);
  const { outputCheck } = job.served;
  if (outputCheck === undefined) return output;
  const verdict = await job.race(
    outputCheck.check(output).catch((error: unknown) => {
      if (error instanceof ValidationError && error.code === "NOT_SERIALIZABLE")
        throw unwritable(error, parts);
      throw error;
    }),
  );
  if (verdict.ok) return verdict.value;
  const error = refusal("the output", verdict.issues);
  parts.log.warn("output refused", { reason: errorText(error) });
  throw error;
}

/** The text of an exception stays here unless it is wanted; a registered code of its class says nothing secret. */
function handlerFailed(error: unknown, { exposeErrors }: RunParts): JobFailure {
  const message = exposeErrors ? errorText(error) : "handler failed";
  const code = error instanceof CAPError ? error.numericCode : 0;
  if (code !== 0) return new JobFailure(message, { code, legacy: legacyOf(code), mayRetry: true });
  return unavailable(message, "HANDLER_FAILED");
}

function unwritable(error: unknown, { log }: RunParts): JobFailure {
  log.warn("output cannot be written as JSON", { reason: errorText(error) });
  const text = error instanceof ValidationError ? "output is not JSON serializable" : "unknown error";
  const code = AGENT_CODES.RESULT_WRITE_FAILED;
  return new JobFailure(`result write failed: ${text}`, { code, legacy: "RESULT_WRITE_FAILED" });
}

async function writeOutput(job: Job, output: unknown, parts: RunParts): Promise<string> {
  const { store, clock, ioTimeoutMs, maxResultBytes, log } = parts;
  const failed = "result write failed";
  let bytes: Uint8Array;
  try {
    bytes = valueBytes(output === undefined ? null : output);
  } catch (error) {
    throw unwritable(error, parts);
  }
  if (maxResultBytes > 0 && bytes.length > maxResultBytes) {
    throw exhausted(`${failed}: result exceeds max size`);
  }
  const key = resultKey(job.request.jobId);
  try {
    await job.race(inTime("result write", ioTimeoutMs, clock, () => store.set(key, bytes)));
  } catch (error) {
    if (job.stopped !== undefined) throw job.stopped;
    log.warn("result not written", { reason: errorText(error) });
    throw unavailable(
      `${failed}: ${storeText("result write", "the store failed", error, parts)}`,
      "RESULT_WRITE_FAILED",
    );
  }
  return pointerFor(key);
}
