/**
 * Compensation: the request that undoes a job, carried by the job's own request (CAP spec 11). What a template
 * leaves empty is inherited from the job.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CompensationSchema, JobRequest } from "../../../gen/cap/index.js";
import type { JobRequestInit } from "../client.js";
import { InvalidInputError } from "../errors.js";
import { createPacket } from "../packet.js";
import { validatePacket } from "../validate.js";

/** A template of a compensation. */
export type CompensationInit = MessageInitShape<typeof CompensationSchema>;

/** Throws an InvalidInputError unless a template, made a request, keeps the rules of one. */
export function assertCompensation(template: CompensationInit): void {
  const { topic, priority, env, labels, meta, budget } = template;
  const value: JobRequestInit = {
    jobId: "compensation",
    topic: topic || "inherited",
    ...(priority === undefined ? {} : { priority }),
    ...(env === undefined ? {} : { env }),
    ...(labels === undefined ? {} : { labels }),
    ...(meta === undefined ? {} : { meta }),
    ...(budget === undefined ? {} : { budget }),
  };
  const packet = createPacket({ case: "jobRequest", value }, { senderId: "compensation" });
  const issues = validatePacket(packet).map(({ field, message }) => ({
    field: `compensation.${field}`,
    message,
  }));
  if (issues.length === 0) return;
  const text = issues.map(({ field, message }) => `${field}: ${message}`).join("; ");
  throw new InvalidInputError(`invalid compensation: ${text}`, { details: { issues } });
}

/**
 * A template for the `compensation` of a job request.
 *
 * @throws InvalidInputError for one that breaks a rule of a job request; `details.issues` lists them.
 */
export function compensation(template: CompensationInit): CompensationInit {
  assertCompensation(template);
  return template;
}

/**
 * The request that undoes a job: its template, completed from the job. Its job id and its idempotency key are
 * made of the job's id, so that a rollback that is started twice undoes the job once. Undefined for a job
 * without a template.
 */
export function compensationRequest(job: JobRequest): JobRequestInit | undefined {
  const { compensation: template } = job;
  if (template === undefined) return undefined;
  const meta = template.meta ?? job.meta;
  const filled = <T extends object>(own: T, inherited: T): T =>
    Object.keys(own).length > 0 ? own : inherited;
  return {
    jobId: `compensate-${job.jobId}`,
    topic: template.topic || job.topic,
    contextPtr: template.contextPtr || job.contextPtr,
    priority: template.priority || job.priority,
    adapterId: template.adapterId || job.adapterId,
    env: filled(template.env, job.env),
    memoryId: template.memoryId || job.memoryId,
    ...optional("contextHints", template.contextHints ?? job.contextHints),
    ...optional("budget", template.budget ?? job.budget),
    tenantId: template.tenantId || job.tenantId,
    principalId: template.principalId || job.principalId,
    labels: filled(template.labels, job.labels),
    meta: { ...meta, idempotencyKey: `compensate:${job.jobId}` } as NonNullable<JobRequestInit["meta"]>,
    ...optional("identity", template.identity ?? job.identity),
    // Whom the job was dispatched to says nothing of who undoes it, and a reference belongs to its pointer.
    ...optional("dispatch", template.dispatch),
    ...optional("contextRef", template.contextRef ?? (template.contextPtr ? undefined : job.contextRef)),
    parentJobId: job.jobId,
    workflowId: job.workflowId,
    stepIndex: job.stepIndex,
  };
}

/** The requests that undo jobs, the last job first. Jobs without a template have nothing to undo. */
export function rollbackRequests(jobs: readonly JobRequest[]): JobRequestInit[] {
  return [...jobs].reverse().flatMap((job) => compensationRequest(job) ?? []);
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]: V });
}
