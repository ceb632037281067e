/** Results of calls that were asked for in the background and done at once, because no gateway has jobs. */
import { uuid } from "../core/ids.js";
import { Lru } from "../core/lru.js";
import type { JobResponse } from "./types.js";

/** Keeps the last thousand. */
export class Jobs {
  readonly #jobs = new Lru<string, JobResponse>(1_000);

  /** Keeps a result. @returns the id of its job */
  keep(result: unknown): string {
    const jobId = `local-${uuid()}`;
    this.#jobs.set(jobId, { jobId, status: "done", result });
    return jobId;
  }

  /** The job, if it is one of these. */
  find(jobId: string): JobResponse | undefined {
    return this.#jobs.get(jobId);
  }
}
