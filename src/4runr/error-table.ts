/** Which error an answer of the gateway stands for: by its text first, because a status may be an upstream's. */
import type { Clock } from "../core/clock.js";
import { AbortError, AgentwireError, ConnectionError, ProtocolError, TimeoutError } from "../core/errors.js";
import { retryAfterFromBody, retryAfterFromHeaders } from "../core/retry-after.js";
import type { HttpAnswer } from "../http/answer.js";
import type { GatewayErrorInfo } from "./errors.js";
import * as errors from "./errors.js";
import type { PolicyDenialKind } from "./policy.js";

/** What is known of the call besides its answer. */
export interface CallFacts {
  /** True for a question about a job: no gateway has jobs, and the framework says so with a 404. */
  readonly aboutJob?: boolean | undefined;
  readonly clientCorrelationId?: string | undefined;
  /** Texts that must not stand in an error, such as the token that was sent. */
  readonly secrets?: readonly string[] | undefined;
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
  const retryAfterMs = retryAfterFromBody(body) ?? retryAfterFromHeaders(headers, facts.clock);
  const details = members.details === undefined ? undefined : withoutSecrets(members.details, facts.secrets);
  const requestId = headers.get("x-correlation-id");
  const info: GatewayErrorInfo = {
    status,
    headers,
    ...(body !== undefined && { body }),
    ...(details !== undefined && { details }),
    ...(typeof members.reason === "string" && { reason: members.reason }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(requestId !== null && { requestId, correlationId: requestId }),
    clientCorrelationId: facts.clientCorrelationId,
  };
  const message = String(withoutSecrets(text ?? `HTTP ${status}`, facts.secrets));
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
  if (status === 401 || status === 403) return new errors.GatewayAuthError(message, info);
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
  const retryable = [429, 500, 502, 503, 504].includes(info.status!);
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

/** What the text of a refusal says: which rule it was, and for a quota when it begins anew. */
export function denialOf(reason: string): { kind?: PolicyDenialKind; resetAt?: Date } {
  const kind = KINDS.find(([pattern]) => pattern.test(reason))?.[1];
  const reset = Date.parse(/\(resets at ([^)]+)\)/.exec(reason)?.[1] ?? "");
  return { ...(kind && { kind }), ...(Number.isNaN(reset) ? {} : { resetAt: new Date(reset) }) };
}

/** A copy of JSON data in which none of `secrets` stands. */
export function withoutSecrets(value: unknown, secrets: readonly string[] = []): unknown {
  if (typeof value === "string") {
    return secrets.reduce(
      (text, secret) => (secret === "" ? text : text.replaceAll(secret, "[secret]")),
      value,
    );
  }
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, secrets));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutSecrets(item, secrets)]));
}

/** Any failure of a call as an error of the gateway family; an abort by the caller stays what it is. */
export function asGatewayError(error: unknown, facts: CallFacts): unknown {
  if (error instanceof errors.GatewayError || error instanceof AbortError) return error;
  if (!(error instanceof AgentwireError)) return error;
  const { message, details, status, headers, body, sent } = error;
  const info: GatewayErrorInfo = {
    cause: error,
    ...(headers !== undefined && { headers }),
    ...(body !== undefined && { body }),
    ...(sent !== undefined && { sent }),
    ...(details !== undefined && { details }),
    ...(status !== undefined && { status }),
    headers,
    sent,
    clientCorrelationId: facts.clientCorrelationId,
  };
  if (error instanceof TimeoutError) return new errors.GatewayTimeoutError(message, info);
  if (error instanceof ConnectionError) return new errors.GatewayNetworkError(message, info);
  if (error instanceof ProtocolError) {
    return new errors.GatewayProtocolError(message, { ...info, code: error.code });
  }
  return error;
}
