/**
 * Compensation: the request that undoes a job, carried by the job's own request (CAP spec 11). What a template
 * leaves empty is inherited from the job.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CompensationSchema, JobRequest } from "../../../gen/cap/index.js";
import { InvalidInputError } from "../errors.js";
import { createPacket, validatePacket } from "../packet.js";
import type { JobRequestInit } from "./submission.js";

/** A template of a compensation. */
export type CompensationInit = MessageInitShape<typeof CompensationSchema>;

/**
 * A template for the `compensation` of a job request.
 *
 * @throws InvalidInputError for one that breaks a rule of a job request; `details.issues` lists them.
 */
export function compensation(template: CompensationInit): CompensationInit {
  const { $typeName: _, ...fields } = template;
  const value = { ...fields, jobId: "compensation", topic: fields.topic || "inherited" } as JobRequestInit;
  const packet = createPacket({ case: "jobRequest", value }, { senderId: "compensation" });
  const issues = validatePacket(packet).map(({ field, message }) => ({
    field: `compensation.${field}`,
    message,
  }));
  if (issues.length === 0) return template;
  const text = issues.map(({ field, message }) => `${field}: ${message}`).join("; ");
  throw new InvalidInputError(`invalid compensation: ${text}`, { details: { issues } });
}

/**
 * The request that undoes a job: its template, completed from the job. Its job id and its idempotency key are
 * made of the job's id, so that a rollback that is started twice undoes the job once. Undefined for a job
 * without a template.
 */
export function compensationRequest(job: JobRequest): JobRequestInit | undefined {
  // Whom the job was dispatched to says nothing of who undoes it, and a reference belongs to its pointer.
  const { $typeName, $unknown, compensation: template, dispatch, contextRef, ...inherited } = job;
  if (template === undefined) return undefined;
  const { $typeName: _, ...fields } = template;
  return {
    ...inherited,
    ...(template.contextPtr || contextRef === undefined ? {} : { contextRef }),
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => isSet(value))),
    jobId: `compensate-${job.jobId}`,
    parentJobId: job.jobId,
    meta: {
      ...(template.meta ?? job.meta),
      idempotencyKey: `compensate:${job.jobId}`,
    } as NonNullable<JobRequestInit["meta"]>,
  };
}

/** The requests that undo jobs, the last job first. Jobs without a template have nothing to undo. */
export function rollbackRequests(jobs: readonly JobRequest[]): JobRequestInit[] {
  return [...jobs].reverse().flatMap((job) => compensationRequest(job) ?? []);
}

function isSet(value: unknown): boolean {
  return typeof value === "object" ? Object.keys(value ?? {}).length > 0 : Boolean(value);
}
