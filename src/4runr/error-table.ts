/** Which error an answer of the gateway stands for: by its text first, because a status may be an upstream's. */
import type { Clock } from "../core/clock.js";
import {
  AgentwireError,
  AuthError,
  ConflictError,
  ConnectionError,
  NotFoundError,
  PolicyDeniedError,
  ProtocolError,
  RateLimitError,
  TimeoutError,
  UnsupportedError,
  UpstreamError,
  ValidationError,
} from "../core/errors.js";
import { retryAfterFromBody } from "../core/retry-after.js";
import type { HttpAnswer } from "../http/answer.js";
import { answerInfo } from "../http/error-table.js";
import type { GatewayErrorInfo } from "./errors.js";
import * as errors from "./errors.js";
import type { PolicyDenialKind } from "./policy.js";

/** What is known of the call besides its answer. */
export interface CallFacts {
  /** True for a question about a job: no gateway has jobs, and the framework says so with a 404. */
  readonly aboutJob?: boolean | undefined;
  readonly clock?: Clock | undefined;
}

const TOKEN_REFUSALS = new Set([
  "Token expired",
  "Token has been revoked",
  "Token not found in registry",
  "Token proof verification failed",
  "Invalid token signature",
  "Token decoding failed",
  "Token decryption failed",
]);

/** Refusals of a token that a fresh one overcomes. */
const RENEWABLE = new Set(["Token expired", "Invalid token signature", "Token not found in registry"]);

/** True when the gateway refused a token in a way that a fresh token overcomes; nothing was carried out. */
export function isRenewable(error: unknown): boolean {
  return (
    error instanceof errors.GatewayTokenError &&
    RENEWABLE.has((error.body as { error?: string } | undefined)?.error ?? "")
  );
}

/** The error for an answer of 400 or more; undefined for other statuses. */
export function errorFromGateway(answer: HttpAnswer, facts: CallFacts = {}): errors.GatewayError | undefined {
  const { status, headers, body } = answer;
  if (status < 400) return undefined;
  const members = (typeof body === "object" && body !== null ? body : {}) as Readonly<
    Record<string, unknown>
  >;
  const fromFramework = typeof members.statusCode === "number";
  const text = textOf(fromFramework ? members.message : members.error) ?? textOf(members.message);
  const { details } = members;
  // Before the header, which says less than the body.
  const retryAfterMs = retryAfterFromBody(body);
  const info: GatewayErrorInfo = {
    ...answerInfo(answer, facts.clock),
    // The gateway's own id: a proxy may add others.
    requestId: headers.get("x-correlation-id") ?? undefined,
    details,
    reason: typeof members.reason === "string" ? members.reason : undefined,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
  const message = text ?? `HTTP ${status}`;
  if (text === "External API request failed") return fromTool(message, details, info);
  if (status === 403 && text === "Policy denied") {
    return new errors.GatewayPolicyError(`${message}: ${info.reason ?? "no reason given"}`, {
      ...info,
      ...denialOf(info.reason ?? ""),
    });
  }
  const aboutToken = status === 403 && TOKEN_REFUSALS.has(text ?? "");
  if (aboutToken || (status === 400 && text?.startsWith("Invalid token format"))) {
    return new errors.GatewayTokenError(message, info);
  }
  if (status === 401 || status === 403 || status === 407) return new errors.GatewayAuthError(message, info);
  if (status === 429) return new errors.GatewayRateLimitError(message, info);
  if (status === 404 && fromFramework && facts.aboutJob) {
    return new errors.GatewayUnsupportedError("this gateway has no jobs", info);
  }
  if (status === 404) return new errors.GatewayNotFoundError(message, info);
  if (status === 409) return new errors.GatewayConflictError(message, info);
  if (status === 400 && !fromFramework && !isValidation(text) && /policy|scope/i.test(text ?? "")) {
    return new errors.GatewayPolicyError(message, info);
  }
  if ([400, 413, 415, 422].includes(status))
    return new errors.GatewayValidationError(describe(message, details), info);
  if ([502, 503, 504].includes(status)) {
    const retryable = !text?.includes("not configured");
    return new errors.GatewayUpstreamError(message, { ...info, retryable });
  }
  return new errors.GatewayError(message, { ...info, retryable: status >= 500 });
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, 500) : undefined;
}

function isValidation(text: string | undefined): boolean {
  return (
    text === "Parameter validation failed" || text === "Validation failed" || text === "Validation error"
  );
}

/** A failure of the tool or of what is behind it. */
function fromTool(message: string, details: unknown, info: GatewayErrorInfo): errors.GatewayError {
  const open = typeof details === "string" ? /Circuit breaker is OPEN for (\d+)ms/.exec(details) : null;
  const text = describe(message, details);
  if (open !== null) {
    return new errors.GatewayCircuitOpenError(text, { ...info, retryAfterMs: Number(open[1]) });
  }
  // A tool that fell over its parameters falls over them again.
  const isFault = typeof details === "string" && details.startsWith("Cannot read properties of");
  const retryable = !isFault && [429, 500, 502, 503, 504].includes(info.status!);
  return new errors.GatewayUpstreamError(text, { ...info, upstreamStatus: info.status, retryable });
}

function describe(message: string, details: unknown): string {
  const list = Array.isArray(details) ? details : [details];
  const texts = list
    .map((item: unknown) =>
      typeof item === "string" ? item : (item as { message?: unknown } | null)?.message,
    )
    .filter((item) => typeof item === "string");
  return texts.length === 0 ? message : `${message}: ${texts.join("; ").slice(0, 500)}`;
}

const KINDS: readonly (readonly [RegExp, PolicyDenialKind])[] = [
  // The second form is what the policy log has in place of the text.
  [/^(?:Scope '|scope_not_allowed$)/, "scope"],
  [/^(?:Intent mismatch|intent_mismatch$)/, "intent"],
  [/^Request size /, "size"],
  [/^Domain /, "domain"],
  [/^Request time /, "time"],
  [/^(?:Day|Current hour) /, "schedule"],
  [/^Quota exceeded /, "quota"],
];

/** What the text of a refusal says: which rule it was, and for a quota when it starts again. */
export function denialOf(reason: string): { kind?: PolicyDenialKind; resetAt?: Date } {
  const kind = KINDS.find(([pattern]) => pattern.test(reason))?.[1];
  const reset = Date.parse(/\(resets at ([^)]+)\)/.exec(reason)?.[1] ?? "");
  return { ...(kind && { kind }), ...(Number.isNaN(reset) ? {} : { resetAt: new Date(reset) }) };
}

/** The error in the gateway's family; an AbortError and a ClosedError, which are nobody's failure, stay what they are. */
export function asGatewayError(error: AgentwireError): AgentwireError {
  const found = FAMILIES.find(([type]) => error instanceof type);
  if (found === undefined || error instanceof errors.GatewayError) return error;
  const [type, ours] = found;
  const { message, code, retryable, reason, details, status, headers, body } = error;
  const { requestId, correlationId, attempts, sent, retryAfterMs } = error;
  return new ours(message, {
    cause: error,
    ...{ retryable, reason, details, status, headers, body, requestId, correlationId, attempts, sent },
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    // The code of our class takes the place of that of its own.
    ...(code !== type.defaultCode && { code }),
  });
}

/** What `work` returns. What it throws is in the gateway's family. */
export function checked<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof AgentwireError ? asGatewayError(error) : error;
  }
}

/** The gateway's class for each class of this package. */
const FAMILIES = [
  [TimeoutError, errors.GatewayTimeoutError],
  [ConnectionError, errors.GatewayNetworkError],
  [ProtocolError, errors.GatewayProtocolError],
  [ValidationError, errors.GatewayValidationError],
  [UnsupportedError, errors.GatewayUnsupportedError],
  [AuthError, errors.GatewayAuthError],
  [PolicyDeniedError, errors.GatewayPolicyError],
  [RateLimitError, errors.GatewayRateLimitError],
  [NotFoundError, errors.GatewayNotFoundError],
  [ConflictError, errors.GatewayConflictError],
  [UpstreamError, errors.GatewayUpstreamError],
] as const;
