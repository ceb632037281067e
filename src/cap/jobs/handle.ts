/** A job that was submitted: its progress, its end, and the way to stop it. */
import type { JobProgress } from "../../../gen/cap/index.js";
import type { Stored } from "../durable.js";
import type { JobOutcome } from "./output.js";

/** A job that is under way. `JobClient.start` gives one. */
export interface JobHandle<T = unknown> {
  readonly jobId: string;
  readonly traceId: string;
  /** What the stream said of the request, for a client with a durable bus. */
  readonly stored: Stored | undefined;
  /** Resolves and rejects as `JobClient.submitAndWait` does. It need not be awaited. */
  readonly result: Promise<JobOutcome<T>>;
  /**
   * How far the job is, for one reader, from the submission on; the newest 256 are kept until they are read. Ends with
   * the job. Progress is best effort: packets may be missing.
   */
  progress(): AsyncIterableIterator<JobProgress>;
  /** Asks for the job to be stopped. "ok" means published. */
  cancel(reason?: string): Promise<void>;
}
