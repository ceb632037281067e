/** The output of a job, from the pointer in its result. */
import { type JobResult, JobStatus } from "../../../gen/cap/index.js";
import { raceSignal } from "../../core/abort.js";
import { checkerFor, refusal, type Schema } from "../../core/validate.js";
import type { BlobStore } from "../blob-store.js";
import { JobNotFoundError } from "../errors.js";
import type { WaitOptions } from "../job-client-options.js";
import { jobError } from "../outcome.js";
import { getBytes, getJson } from "../stores/values.js";

/** The result of a job that succeeded, with its output. */
export type JobOutcome<T = unknown> = JobResult & {
  /** What is behind `result_ptr`; undefined without a pointer or a store, or if nothing is stored there. */
  readonly output: T;
};

/** How an output is read. */
export interface OutputOptions<T = unknown> {
  /** What the output must be: a Standard Schema, or a JSON Schema. Default: anything. */
  readonly output?: Schema<T> | undefined;
  /** `bytes` returns the output as it is kept, `none` leaves it unread. Default: `json`. */
  readonly read?: "json" | "bytes" | "none" | undefined;
}

/**
 * The result of a job that succeeded, with its output.
 *
 * @throws What `jobError` makes of the result of another job; ValidationError for an output that does not match its schema
 * or is not JSON; JobNotFoundError with the result in `details.result` if there is a schema and nothing is stored under the
 * pointer; InvalidInputError for an invalid pointer; AbortError; what the store throws.
 */
export async function outcomeOf<T>(
  store: BlobStore | undefined,
  result: JobResult,
  options: WaitOptions<T>,
): Promise<JobOutcome<T>> {
  if (result.status !== JobStatus.SUCCEEDED) throw jobError(result);
  const output = (await raceSignal(readOutput(store, result, options), options.signal)) as T;
  return Object.assign(result, { output });
}

async function readOutput(
  store: BlobStore | undefined,
  result: JobResult,
  { output: schema, read }: OutputOptions<unknown>,
): Promise<unknown> {
  const { resultPtr } = result;
  let value: unknown;
  if (store !== undefined && read !== "none" && resultPtr !== "") {
    try {
      value = await (read === "bytes" ? getBytes(store, resultPtr) : getJson(store, resultPtr));
    } catch (error) {
      if (!(error instanceof JobNotFoundError)) throw error;
      // The job succeeded all the same: its worker may have no output, or keep it elsewhere.
      if (schema !== undefined) throw new JobNotFoundError(error.message, { details: { result } });
    }
  }
  if (schema === undefined) return value;
  const checked = await (await checkerFor(schema)).check(value);
  if (!checked.ok) throw refusal("the output", checked.issues);
  return checked.value;
}
