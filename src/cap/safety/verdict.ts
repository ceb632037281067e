/** What is asked of the safety kernel about a job, and what its answer, or an error of Connect or gRPC, means. */
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  DecisionType,
  type JobRequest,
  type PolicyCheckRequest,
  PolicyCheckRequestSchema,
  type PolicyCheckResponse,
  PolicyCheckResponseSchema,
  type PolicyConstraints,
  type PolicyRemediation,
} from "../../../gen/cap/index.js";
import * as errors from "../../core/errors.js";
import { type AgentwireErrorOptions, PolicyDeniedError, RateLimitError } from "../../core/errors.js";
import { SafetyDeniedError } from "../errors.js";

/** A decision about a job. */
export interface PolicyVerdict {
  /**
   * What is to be done: ALLOW, ALLOW_WITH_CONSTRAINTS, REQUIRE_HUMAN, THROTTLE or DENY. An ALLOW that needs an
   * approval is REQUIRE_HUMAN here; every other number, known or not, is DENY.
   */
  readonly decision: DecisionType;
  /** Whether the job may run now. */
  readonly allowed: boolean;
  readonly reason: string;
  readonly ruleId: string;
  /** Hash of the policies that decided. */
  readonly policySnapshot: string;
  /** What the job must keep to when it runs. */
  readonly constraints?: PolicyConstraints | undefined;
  readonly approvalRequired: boolean;
  readonly approvalRef: string;
  /** Where not empty, to be used in place of the job's `context_ptr`. */
  readonly redactedContextPtr: string;
  /** What would be allowed instead: other topics, capabilities, labels. */
  readonly remediations: readonly PolicyRemediation[];
  /** True when the kernel gave no answer, so that the verdict was made here. */
  readonly failed: boolean;
  /** The answer as it came. */
  readonly response?: PolicyCheckResponse | undefined;
}

const ALLOWS = new Set([DecisionType.ALLOW, DecisionType.ALLOW_WITH_CONSTRAINTS]);
const DECISIONS = new Set([...ALLOWS, DecisionType.REQUIRE_HUMAN, DecisionType.THROTTLE, DecisionType.DENY]);

/** Reads an answer of the kernel. */
export function verdictOf(response: PolicyCheckResponse): PolicyVerdict {
  const { reason, ruleId, policySnapshot, approvalRequired, approvalRef, remediations } = response;
  const known = DECISIONS.has(response.decision);
  const asks = approvalRequired && ALLOWS.has(response.decision);
  const decision = !known ? DecisionType.DENY : asks ? DecisionType.REQUIRE_HUMAN : response.decision;
  return {
    decision,
    allowed: ALLOWS.has(decision),
    reason: known ? reason : reason || `unknown decision ${response.decision}`,
    ruleId,
    policySnapshot,
    constraints: response.constraints,
    approvalRequired: decision === DecisionType.REQUIRE_HUMAN,
    approvalRef,
    redactedContextPtr: response.redactedContextPtr,
    remediations,
    failed: false,
    response,
  };
}

/** The verdict when the kernel gave no answer. */
export function failedVerdict(reason: string, failOpen: boolean): PolicyVerdict {
  const decision = failOpen ? DecisionType.ALLOW : DecisionType.DENY;
  const verdict = verdictOf(create(PolicyCheckResponseSchema, { decision, reason }));
  return { ...verdict, failed: true, response: undefined };
}

/** How long the scheduler waits before it asks again about a throttled job. */
const THROTTLE_MS = 5_000;

/**
 * Returns when the job may run.
 *
 * @throws SafetyDeniedError for DENY (`details.remediations` says what would be allowed), PolicyDeniedError
 * `APPROVAL_REQUIRED` for REQUIRE_HUMAN, RateLimitError `SAFETY_THROTTLE` for THROTTLE.
 */
export function assertAllowed(verdict: PolicyVerdict): void {
  if (verdict.allowed) return;
  const { decision, reason, ruleId, policySnapshot, approvalRef, remediations } = verdict;
  const details = { ruleId, policySnapshot };
  if (decision === DecisionType.THROTTLE)
    throw new RateLimitError(reason || "throttled by the safety kernel", {
      code: "SAFETY_THROTTLE",
      retryAfterMs: THROTTLE_MS,
      details,
    });
  if (decision === DecisionType.REQUIRE_HUMAN)
    throw new PolicyDeniedError(reason || "a human has to approve this", {
      code: "APPROVAL_REQUIRED",
      details: { ...details, approvalRef },
    });
  throw new SafetyDeniedError(reason || "denied by the safety kernel", {
    details: { ...details, remediations },
  });
}

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

type ErrorClass = new (message: string, info?: AgentwireErrorOptions) => errors.AgentwireError;

const CLASSES: Partial<Record<Code, ErrorClass>> = {
  [Code.Canceled]: errors.AbortError,
  [Code.InvalidArgument]: errors.ValidationError,
  [Code.OutOfRange]: errors.ValidationError,
  [Code.DeadlineExceeded]: errors.TimeoutError,
  [Code.NotFound]: errors.NotFoundError,
  [Code.AlreadyExists]: errors.ConflictError,
  [Code.Aborted]: errors.ConflictError,
  [Code.FailedPrecondition]: errors.ConflictError,
  [Code.PermissionDenied]: errors.PolicyDeniedError,
  [Code.Unauthenticated]: errors.AuthError,
  [Code.ResourceExhausted]: errors.RateLimitError,
  [Code.Unimplemented]: errors.UnsupportedError,
  [Code.Unavailable]: errors.ConnectionError,
};

/** The class that says what a caller can do; the text is the peer's. */
export function rpcError(error: unknown): errors.AgentwireError {
  if (error instanceof errors.AgentwireError) return error;
  const { code, rawMessage } = ConnectError.from(error);
  const Class = CLASSES[code] ?? errors.UpstreamError;
  return new Class(rawMessage || errors.errorText(error), { cause: error });
}
