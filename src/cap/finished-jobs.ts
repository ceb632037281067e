/**
 * Results of finished jobs, kept so that a job that comes again is answered instead of done again. Everything
 * on a CAP bus may come more than once.
 */
import type { JobResult } from "../../gen/cap/index.js";

/** What makes two requests the same job. Another tenant's or principal's job is another one, whatever its id. */
export interface JobIdentity {
  readonly jobId: string;
  /** `meta.idempotency_key`; "" for none. */
  readonly idempotencyKey: string;
  /** Keys of idempotency are the tenant's own. */
  readonly tenantId: string;
  /** "" for none. */
  readonly principalId: string;
}

/** The name of a job among those of all tenants and principals. */
export function jobKey({ tenantId, principalId, jobId }: JobIdentity): string {
  return JSON.stringify([tenantId, principalId, jobId]);
}

/** The name of an idempotency key among those of all tenants; undefined for a job without one. */
export function idempotencyKeyOf({ tenantId, idempotencyKey }: JobIdentity): string | undefined {
  return idempotencyKey === "" ? undefined : JSON.stringify([tenantId, idempotencyKey]);
}

/** A bounded store of results. Several workers may share one. */
export interface FinishedJobs {
  /** The result of this job, or of the one that had its idempotency key before. */
  find(job: JobIdentity): Promise<JobResult | undefined>;
  /**
   * Keeps a result unless one is there, and returns the one that counts: what a worker publishes. The first
   * wins, so that all results of a job are the same, byte for byte.
   */
  keep(job: JobIdentity, result: JobResult): Promise<JobResult>;
  /** Lets go of what the store holds. Repeated calls are fine. */
  close(): Promise<void>;
}
