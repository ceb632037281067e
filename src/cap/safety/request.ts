/** What a scheduler asks the safety kernel about a job. */
import { create } from "@bufbuild/protobuf";
import type { JobRequest, PolicyCheckRequest } from "../../../gen/cap/index.js";
import { PolicyCheckRequestSchema } from "../../../gen/cap/index.js";

/**
 * The question about a job: its ids, topic, tenant, labels, metadata and budget; never its input. The tenant
 * is the request's own, else `env.tenant_id`, else `default`, as Cordum's scheduler has it.
 */
export function policyCheckRequest(request: JobRequest): PolicyCheckRequest {
  const { jobId, topic, priority, budget, principalId, labels, memoryId, meta, identity, env } = request;
  return create(PolicyCheckRequestSchema, {
    jobId,
    topic,
    tenant: request.tenantId || env.tenant_id || "default",
    priority,
    principalId,
    labels: { ...labels },
    memoryId,
    effectiveConfig: new TextEncoder().encode(env.CORDUM_EFFECTIVE_CONFIG ?? ""),
    budget,
    meta,
    identity,
  });
}
