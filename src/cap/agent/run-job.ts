/** One job from its input to its output: the steps of the `Agent` of cap-sdk-python 2.17.0, and their texts. */
import { create } from "@bufbuild/protobuf";
import { JobResultSchema, JobStatus, type ResourceRef } from "../../../gen/cap/index.js";
import { sleep } from "../../core/clock.js";
import { errorText, NotFoundError, TimeoutError, ValidationError } from "../../core/errors.js";
import { refusal } from "../../core/validate.js";
import { HandlerFailure } from "../../handler/index.js";
import { type BlobStore, keyFromPointer, pointerFor, resultKey, valueBytes } from "../blob-store.js";
import { CAPError } from "../errors.js";
import { coded, givenUp, JobFailure, logField } from "../failures.js";
import { blobResolver, checkBeside, Resources } from "../production/resource.js";
import { FullContext, MAX_BYTES } from "./context.js";
import { type Job, PlainContext } from "./job.js";
import type { JobResultInit } from "./options.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Where an output is; under CAP-PRODUCTION also what it is. */
type Written = Pick<JobResultInit, "resultPtr" | "resultRef">;

/**
 * Reads the input, runs the handler, writes the output. `onStart` is called when the handler starts.
 *
 * @throws JobFailure; once the job is cut short, anything.
 */
export async function runJob(job: Job, onStart: () => void): Promise<JobResultInit> {
  const store = job.runtime.store!;
  const input = await loadInput(job, store);
  onStart();
  const output = await runAttempts(job, input, new FullContext(job, store));
  const executionMs = job.elapsedMs;
  const written = await writeOutput(job, output, store);
  return { status: JobStatus.SUCCEEDED, ...written, executionMs, artifactPtrs: job.artifacts };
}

/**
 * Runs a handler that gets the request and returns the result, and mends what a scheduler would choke on.
 *
 * @throws JobFailure.
 */
export async function runPlain(job: Job): Promise<JobResultInit> {
  const { clock, workerId } = job.runtime;
  job.startedMs = clock.monotonic();
  const given = (await runAttempts(job, job.request, new PlainContext(job))) as JobResultInit | undefined;
  if (given === undefined || given === null) throw handlerFailed("handler returned null");
  try {
    // Not by spreading into a literal: that costs a hidden class, and more time than encoding the result.
    const result = create(JobResultSchema, given.$typeName === undefined ? given : { ...given });
    if (given.status === undefined) result.status = JobStatus.SUCCEEDED;
    if (given.executionMs === undefined) result.executionMs = job.elapsedMs;
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

async function loadInput(job: Job, store: BlobStore): Promise<unknown> {
  const bytes = await fetchContext(job, store);
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (error) {
    // The platform's message quotes the text, which may hold a secret.
    const position = /position \d+/.exec(errorText(error))?.[0];
    const text = error instanceof SyntaxError ? `not JSON${position ? ` at ${position}` : ""}` : "not UTF-8";
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
    message = job.runtime.options.exposeErrors ? errorText(error) : "the schema failed";
  }
  throw new JobFailure("INVALID_INPUT", `input validation failed: ${message}`);
}

async function fetchContext(job: Job, store: BlobStore): Promise<Uint8Array> {
  const { maxContextBytes: maxBytes = MAX_BYTES, production } = job.runtime.options;
  const { contextPtr, contextRef } = job.request;
  const ref = production && contextRef;
  const invalid = (error: unknown) =>
    new JobFailure("INVALID_INPUT", `${ref ? "context reference: " : ""}${errorText(error)}`);
  let key = "";
  try {
    if (ref === undefined) key = keyFromPointer(contextPtr);
    else checkBeside(contextPtr, ref);
  } catch (error) {
    throw invalid(error);
  }
  const read = async (): Promise<unknown> => (ref ? resource(job, ref, store, maxBytes) : store.get(key));
  let bytes: unknown;
  try {
    bytes = await job.bounded("context fetch", read);
  } catch (error) {
    if (ref !== undefined && error instanceof ValidationError) throw invalid(error);
    if (ref === undefined || !(error instanceof NotFoundError)) {
      if (job.cutBy === undefined)
        job.log.warn("could not read the input of a job", { reason: errorText(error) });
      const text = storeText(job, "context fetch", "context fetch failed", error);
      throw new JobFailure("CONTEXT_UNAVAILABLE", text, { isStoreDown: true });
    }
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
function resource(
  { runtime: { options, clock } }: Job,
  ref: ResourceRef,
  store: BlobStore,
  maxBytes: number,
): Promise<Uint8Array> {
  const resolvers = { redis: blobResolver(store), ...options.production?.resolvers };
  const expected = { mediaType: "application/json", ...(maxBytes > 0 && { maxBytes }) };
  return new Resources(resolvers, { clock }).get(ref, expected);
}

/** The store's own words may hold its password. */
function storeText({ runtime }: Job, what: string, failed: string, error: unknown): string {
  if (error instanceof TimeoutError) return `${what} timed out`;
  return runtime.options.exposeErrors ? `${failed}: ${errorText(error)}` : failed;
}

async function runAttempts(job: Job, input: unknown, context: PlainContext): Promise<unknown> {
  const { served, limits, request, runtime } = job;
  const { clock, events, options } = runtime;
  const maxAttempts = Math.min(served.retries, limits.maxRetries) + 1;
  for (let attempt = 1; ; attempt++) {
    job.attempt = attempt;
    job.artifacts = [];
    try {
      return await runHandler(job, input, context);
    } catch (error) {
      if (job.cutBy !== undefined) throw job.cutBy;
      if (error instanceof HandlerFailure) throw givenUp(error);
      if (error instanceof JobFailure) throw error;
      const exceptionType = logField(error instanceof Error ? error.name : typeof error);
      job.log.error("handler failed", { attempt, maxAttempts, exceptionType, error });
      events.emit("handlerError", { jobId: request.jobId, topic: request.topic, attempt, error });
      if (attempt >= maxAttempts) {
        // The text of an exception stays here unless it is wanted; a registered code of its class says nothing secret.
        const message = options.exposeErrors ? errorText(error) : "handler failed";
        const code = error instanceof CAPError ? error.numericCode : 0;
        throw code === 0 ? handlerFailed(message) : coded(message, code, "", true);
      }
      const waitMs = served.backoffMs(attempt);
      if (waitMs > 0) await sleep(waitMs, { clock, signal: job.signal });
    }
  }
}

async function runHandler(job: Job, input: unknown, ctx: PlainContext): Promise<unknown> {
  job.runtime.stats.runs++;
  const { jobId: id, topic: name } = job.request;
  const output = await job.served.handle({ protocol: "cap", id, name, input, ctx });
  if (job.cutBy !== undefined) throw job.cutBy;
  const { outputCheck } = job.served;
  if (outputCheck === undefined) return output;
  const verdict = await job.race(
    outputCheck.check(output).catch((error: unknown) => {
      const isUnwritable = error instanceof ValidationError && error.code === "NOT_SERIALIZABLE";
      throw isUnwritable ? unwritable(error, job) : error;
    }),
  );
  if (verdict.ok) return verdict.value;
  const error = refusal("the output", verdict.issues);
  job.log.warn("the output does not match its schema", { reason: errorText(error) });
  throw error;
}

async function writeOutput(job: Job, output: unknown, store: BlobStore): Promise<Written> {
  const { clock, options } = job.runtime;
  const { maxResultBytes = MAX_BYTES, production } = options;
  let bytes: Uint8Array;
  try {
    bytes = valueBytes(output === undefined ? null : output);
  } catch (error) {
    throw unwritable(error, job);
  }
  if (maxResultBytes > 0 && bytes.length > maxResultBytes)
    throw new JobFailure("RESOURCE_EXHAUSTED", "result write failed: result exceeds max size");
  const name = resultKey(job.identity.jobId);
  const resultPtr = pointerFor(name);
  const put = { resolverId: "redis", name, mediaType: "application/json", purpose: "job.result" };
  try {
    if (production === undefined) await job.bounded("result write", () => store.set(name, bytes));
    else {
      const resources = new Resources({ redis: blobResolver(store) }, { clock });
      const resultRef = await job.bounded("result write", () => resources.put(bytes, put));
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
    const text = storeText(job, "result write", "the store failed", error);
    const kind = { isStoreDown: true, mayRetry: true };
    throw new JobFailure("RESULT_WRITE_FAILED", `result write failed: ${text}`, kind);
  }
  return { resultPtr };
}

function unwritable(error: unknown, { log }: Job): JobFailure {
  log.warn("output is not JSON serializable", { reason: errorText(error) });
  const text = error instanceof ValidationError ? "output is not JSON serializable" : "unknown error";
  return new JobFailure("RESULT_WRITE_FAILED", `result write failed: ${text}`);
}

function handlerFailed(message: string): JobFailure {
  return new JobFailure("HANDLER_FAILED", message, { mayRetry: true });
}
