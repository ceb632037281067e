/**
 * The errors every wire throws: one base class, one subclass per decision a caller can take.
 *
 * `instanceof` compares brands, not constructors, so it also holds for an error that came from a second
 * copy of this package.
 */

const brandsKey = Symbol.for("agentwire.error.brands");

/** What an {@link AgentwireError} can carry besides its message. */
export interface AgentwireErrorOptions {
  /** Stable code, shown in front of the message. Default: the code of the class. */
  readonly code?: string;
  /** True when the same call may succeed if it is made again. Default: that of the class. */
  readonly retryable?: boolean;
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** HTTP status of the answer, where there was one. */
  readonly status?: number;
  /** The id under which the peer logged this call. */
  readonly correlationId?: string;
  /** The id under which the peer logged this call. */
  readonly requestId?: string;
  /** Headers of the answer, where there was one. */
  readonly headers?: Headers;
  /** Requests that the call made. */
  readonly attempts?: number;
  /** False when the request provably never left. */
  readonly sent?: boolean;
  /** How long the peer asked to wait before the next try, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Facts about the failure, safe to log. */
  readonly details?: unknown;
  /** The peer's answer as it came (parsed JSON or text). */
  readonly body?: unknown;
}

type ErrorClass = abstract new (...args: never[]) => unknown;

interface Branded {
  readonly [brandsKey]?: readonly string[];
}

/** The brands of a class: its own and those of its ancestors, from the static `brands` of each. */
function brandsOf(type: ErrorClass): readonly string[] {
  const found: string[] = [];
  for (
    let at: unknown = type;
    typeof at === "function" && at !== Function.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    if (Object.hasOwn(at, "brands")) found.push(...(at as unknown as { brands: readonly string[] }).brands);
  }
  return found;
}

/**
 * Base of every error this package throws on purpose.
 *
 * The message reads `[code] text`. A subclass names itself in a static `brands` list; it may add the brand of
 * a second class there, and is then an instance of both.
 */
export class AgentwireError extends Error {
  /** The names under which `instanceof` knows this class. The first one is the class's own. */
  static readonly brands: readonly string[] = ["AgentwireError"];
  /** Code used when none is given. */
  static readonly defaultCode: string = "error";
  /** Value of `retryable` when none is given. */
  static readonly defaultRetryable: boolean = false;

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (typeof value !== "object" || value === null) return false;
    const own = Object.hasOwn(this, "brands") ? this.brands[0] : undefined;
    if (own === undefined) return Function.prototype[Symbol.hasInstance].call(this, value);
    return (value as Branded)[brandsKey]?.includes(own) ?? false;
  }

  /** Stable code; a program may compare it. */
  readonly code: string;
  /** True when the same call may succeed if it is made again. */
  readonly retryable: boolean;
  /** HTTP status of the answer, where there was one. */
  declare readonly status?: number;
  /** The id under which the peer logged this call. */
  declare readonly correlationId?: string;
  declare readonly requestId?: string;
  declare readonly headers?: Headers;
  declare readonly attempts?: number;
  declare readonly sent?: boolean;
  /** How long the peer asked to wait before the next try, in milliseconds. */
  declare readonly retryAfterMs?: number;
  /** Facts about the failure, safe to log. */
  declare readonly details?: unknown;
  /** The peer's answer as it came. Not enumerable, so that printing the error does not print it. */
  declare readonly body?: unknown;

  constructor(message: string, info: AgentwireErrorOptions = {}) {
    const type = new.target as typeof AgentwireError;
    const code = info.code ?? type.defaultCode;
    super(`[${code}] ${message}`, info.cause === undefined ? undefined : { cause: info.cause });
    this.name = type.brands[0] ?? type.name;
    this.code = code;
    this.retryable = info.retryable ?? type.defaultRetryable;
    for (const key of [
      "status",
      "correlationId",
      "requestId",
      "attempts",
      "sent",
      "retryAfterMs",
      "details",
    ] as const) {
      if (info[key] !== undefined) Object.defineProperty(this, key, { value: info[key], enumerable: true });
    }
    if (info.headers !== undefined) Object.defineProperty(this, "headers", { value: info.headers });
    if (info.body !== undefined) Object.defineProperty(this, "body", { value: info.body });
    Object.defineProperty(this, "name", { enumerable: false });
    Object.defineProperty(this, brandsKey, { value: brandsOf(type) });
  }
}

/** The peer does not accept who we are: missing, wrong or expired credentials. */
export class AuthError extends AgentwireError {
  static override readonly brands: readonly string[] = ["AuthError"];
  static override readonly defaultCode: string = "auth";
}

/** The peer knows who we are and says no: a policy, a permission, a safety decision. */
export class PolicyDeniedError extends AgentwireError {
  static override readonly brands: readonly string[] = ["PolicyDeniedError"];
  static override readonly defaultCode: string = "policy_denied";
}

/** Too many calls; `retryAfterMs` says how long to wait where the peer said so. */
export class RateLimitError extends AgentwireError {
  static override readonly brands: readonly string[] = ["RateLimitError"];
  static override readonly defaultCode: string = "rate_limit";
  static override readonly defaultRetryable: boolean = true;
}

/** What was given does not fit: options, input, output, a message that breaks a rule of its wire. */
export class ValidationError extends AgentwireError {
  static override readonly brands: readonly string[] = ["ValidationError"];
  static override readonly defaultCode: string = "validation";
}

/** The thing named does not exist. */
export class NotFoundError extends AgentwireError {
  static override readonly brands: readonly string[] = ["NotFoundError"];
  static override readonly defaultCode: string = "not_found";
}

/** The thing exists in a state that does not allow this call. */
export class ConflictError extends AgentwireError {
  static override readonly brands: readonly string[] = ["ConflictError"];
  static override readonly defaultCode: string = "conflict";
}

/** The peer, or something behind it, failed. */
export class UpstreamError extends AgentwireError {
  static override readonly brands: readonly string[] = ["UpstreamError"];
  static override readonly defaultCode: string = "upstream";
  static override readonly defaultRetryable: boolean = true;
}

/** The time allowed for the call is over. Whether the peer did the work is not known. */
export class TimeoutError extends AgentwireError {
  static override readonly brands: readonly string[] = ["TimeoutError"];
  static override readonly defaultCode: string = "timeout";
  static override readonly defaultRetryable: boolean = true;
}

/** The caller's signal fired. */
export class AbortedError extends AgentwireError {
  static override readonly brands: readonly string[] = ["AbortedError"];
  static override readonly defaultCode: string = "aborted";
}

/** The peer could not be reached, or the connection broke. */
export class ConnectionError extends AgentwireError {
  static override readonly brands: readonly string[] = ["ConnectionError"];
  static override readonly defaultCode: string = "connection";
  static override readonly defaultRetryable: boolean = true;
}

/** Bytes, a frame or a signature that are not what the protocol says. */
export class ProtocolError extends AgentwireError {
  static override readonly brands: readonly string[] = ["ProtocolError"];
  static override readonly defaultCode: string = "protocol";
}

/** The object was closed; it takes no more calls. */
export class ClosedError extends AgentwireError {
  static override readonly brands: readonly string[] = ["ClosedError"];
  static override readonly defaultCode: string = "closed";
}

/** This cannot be done here: a missing optional package, a platform without the means, a peer of another kind. */
export class UnsupportedError extends AgentwireError {
  static override readonly brands: readonly string[] = ["UnsupportedError"];
  static override readonly defaultCode: string = "unsupported";
}

/** The text of anything that was thrown. */
export function errorText(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  try {
    return String(error);
  } catch {
    return "unprintable value";
  }
}

export type ErrorInfo = AgentwireErrorOptions;
