/**
 * The errors every protocol throws: one base class, one subclass per decision a caller can take.
 *
 * `instanceof` compares brands, not constructors, so it also holds for an error that came from a second
 * copy of this package.
 */

import { neverSent } from "./never-sent.js";

const brandsKey = Symbol.for("agentwire.error.brands");

/**
 * The codes of this module's classes, and those that every protocol shares. A vendor's class, and a handler
 * that fails with a code of its own, add others.
 */
export type ErrorCode =
  | "ERROR"
  | "AUTH"
  | "POLICY_DENIED"
  | "RATE_LIMIT"
  | "VALIDATION"
  | "NOT_FOUND"
  | "CONFLICT"
  | "UPSTREAM"
  | "TIMEOUT"
  | "ABORTED"
  | "CONNECTION"
  | "PROTOCOL"
  | "CLOSED"
  | "UNSUPPORTED"
  | "EVENT_TOO_LARGE"
  | "INVALID_BASE_URL"
  | "INVALID_HEADER"
  | "INVALID_PATH"
  | "INVALID_PROXY"
  | "INVALID_TLS"
  | "INVALID_SCHEMA"
  | "INVALID_TEXT"
  | "INVALID_TOKEN"
  | "INVALID_URL"
  | "MISSING_PACKAGE"
  | "NOT_JSON"
  | "NOT_SERIALIZABLE"
  | "NO_CREDENTIALS"
  | "REDIRECT"
  | "SCHEMA_TOO_COMPLEX"
  | "SCHEMA_TOO_LARGE"
  | "TOO_LARGE"
  | "UNEXPECTED_RESPONSE"
  | "UNRESOLVABLE_REF"
  | (string & {});

/** Members of an {@link AgentwireError} besides its message. */
export interface AgentwireErrorOptions {
  /** Stable code, shown when the error is printed. Default: the code of the class. */
  readonly code?: ErrorCode;
  /** True if the same call may succeed when it is made again. Default: that of the class. */
  readonly retryable?: boolean;
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** The peer's own code or text for the failure, as it came over the protocol. */
  readonly reason?: string | undefined;
  /** HTTP status of the response, if there was one. */
  readonly status?: number | undefined;
  /** HTTP headers of the response, if there was one. */
  readonly headers?: Headers | undefined;
  /** The id under which the peer logged this call. */
  readonly requestId?: string | undefined;
  /** The id of this call that the caller or the client chose. */
  readonly correlationId?: string | undefined;
  /** How long the peer asked to wait before the next attempt, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** How many attempts were made, this one included. */
  readonly attempts?: number | undefined;
  /** `false` if the request provably never left, `true` if it did. Omit it if that is unknown. */
  readonly sent?: boolean | undefined;
  /** Facts about the failure, safe to log. */
  readonly details?: unknown;
  /** The peer's response body (parsed JSON or text); `[secret]` where it repeats a credential of the call. */
  readonly body?: unknown;
}

/** Options that become enumerable properties, in the order in which they are printed. */
const shownOptions = [
  "reason",
  "status",
  "requestId",
  "correlationId",
  "retryAfterMs",
  "attempts",
  "sent",
  "details",
] as const;

type ErrorClass = abstract new (...args: never[]) => unknown;

const traceKey = Symbol("trace");

interface Traced {
  readonly [traceKey]?: { readonly stack?: string };
}

interface Branded {
  readonly [brandsKey]?: readonly string[];
}

/** The brands of a class: its own and those of its ancestors, from the static `brands` of each. */
function brandsOf(type: ErrorClass): readonly string[] {
  const found: string[] = [];
  for (let at: unknown = type; typeof at === "function"; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, "brands")) found.push(...(at as unknown as { brands: readonly string[] }).brands);
  }
  return found;
}

/**
 * Base class of every error that this package throws on purpose.
 *
 * Printed, it reads `AuthError [AUTH]: text`; `message` is the text alone. A subclass names itself in a static
 * `brands` list; it may add the brand of a second class there, and is then an instance of both.
 */
export class AgentwireError extends Error {
  /** The names under which `instanceof` knows this class. The first one is the class's own. */
  static readonly brands: readonly string[] = ["AgentwireError"];
  /** Code used if none is given. */
  static readonly defaultCode: ErrorCode = "ERROR";
  /** Value of `retryable` if none is given. */
  static readonly defaultRetryable: boolean = false;

  static override [Symbol.hasInstance](value: unknown): boolean {
    const own = Object.hasOwn(this, "brands") ? this.brands[0] : undefined;
    if (own === undefined) return Function.prototype[Symbol.hasInstance].call(this, value);
    try {
      return (value as Branded | null | undefined)?.[brandsKey]?.includes(own) ?? false;
    } catch {
      // A revoked proxy, or one whose traps throw.
      return false;
    }
  }

  /** Stable UPPER_SNAKE code; a program may compare it. */
  readonly code: ErrorCode;
  /** True if the same call may succeed when it is made again. */
  readonly retryable: boolean;
  /** The peer's own code or text for the failure, as it came over the protocol. */
  declare readonly reason?: string;
  /** HTTP status of the response, if there was one. */
  declare readonly status?: number;
  /** HTTP headers of the response, if there was one. Not enumerable, so that printing the error omits them. */
  declare readonly headers?: Headers;
  /** The id under which the peer logged this call. */
  declare readonly requestId?: string;
  /** The id of this call that the caller or the client chose. */
  declare readonly correlationId?: string;
  /** How long the peer asked to wait before the next attempt, in milliseconds. */
  declare readonly retryAfterMs?: number;
  /** How many attempts were made. */
  declare readonly attempts?: number;
  /** `false` if the request provably never left, so that repeating it is safe. Undefined if unknown. */
  declare readonly sent?: boolean;
  /** Facts about the failure, safe to log. */
  declare readonly details?: unknown;
  /** The peer's response body; `[secret]` where it repeats a credential of the call. Not enumerable, so that printing the error omits it. */
  declare readonly body?: unknown;

  constructor(message: string, options: AgentwireErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const type = new.target as typeof AgentwireError;
    const name = type.brands[0] ?? type.name;
    this.code = options.code ?? type.defaultCode;
    Object.defineProperty(this, "name", { value: name, writable: true, configurable: true });
    this.retryable = options.retryable ?? type.defaultRetryable;
    for (const key of shownOptions) {
      const value = options[key];
      if (value !== undefined) Object.defineProperty(this, key, { value, enumerable: true });
    }
    for (const key of ["headers", "body"] as const) {
      if (options[key] !== undefined) Object.defineProperty(this, key, { value: options[key] });
    }
    Object.defineProperty(this, brandsKey, { value: brandsOf(type) });
    printCodeInStack(this, type);
  }

  /** `AuthError [AUTH]: text`. */
  override toString(): string {
    const { name, code, message } = this;
    return Error.prototype.toString.call({ name: `${name} [${code}]`, message });
  }

  /** Where the error was made, below what `toString` returns. */
  override get stack(): string {
    return (this as Traced)[traceKey]?.stack ?? "";
  }

  override set stack(stack: string) {
    Object.defineProperty(this, "stack", { value: stack, writable: true, configurable: true });
  }
}

/**
 * V8 makes the text of a stack when it is first read, from the name and the message of the object on which the stack
 * was captured. So it is captured on an object with the printed name, and not read before somebody asks for it. Other
 * engines write no such line and keep their own `stack`.
 */
function printCodeInStack(error: AgentwireError, type: ErrorClass): void {
  const { captureStackTrace } = Error as {
    readonly captureStackTrace?: (on: object, above: unknown) => void;
  };
  if (captureStackTrace === undefined) return;
  const trace = { name: `${error.name} [${error.code}]`, message: error.message };
  captureStackTrace(trace, type);
  Object.defineProperty(error, traceKey, { value: trace });
  Reflect.deleteProperty(error, "stack"); // uncovers the accessor of the class
}

/** The peer refused the credentials: they are missing, wrong or expired. */
export class AuthError extends AgentwireError {
  static override readonly brands: readonly string[] = ["AuthError"];
  static override readonly defaultCode: ErrorCode = "AUTH";
}

/** The peer refused the call because of a policy, a permission or a safety decision. */
export class PolicyDeniedError extends AgentwireError {
  static override readonly brands: readonly string[] = ["PolicyDeniedError"];
  static override readonly defaultCode: ErrorCode = "POLICY_DENIED";
}

/** Too many calls. `retryAfterMs` is how long to wait, if the peer said so. */
export class RateLimitError extends AgentwireError {
  static override readonly brands: readonly string[] = ["RateLimitError"];
  static override readonly defaultCode: ErrorCode = "RATE_LIMIT";
  static override readonly defaultRetryable: boolean = true;
}

/** Invalid options, input or output, or a message that violates a rule of its protocol. */
export class ValidationError extends AgentwireError {
  static override readonly brands: readonly string[] = ["ValidationError"];
  static override readonly defaultCode: ErrorCode = "VALIDATION";
}

/** The requested object does not exist. */
export class NotFoundError extends AgentwireError {
  static override readonly brands: readonly string[] = ["NotFoundError"];
  static override readonly defaultCode: ErrorCode = "NOT_FOUND";
}

/** The object is in a state that does not allow this call. */
export class ConflictError extends AgentwireError {
  static override readonly brands: readonly string[] = ["ConflictError"];
  static override readonly defaultCode: ErrorCode = "CONFLICT";
}

/** The peer, or something behind it, failed. */
export class UpstreamError extends AgentwireError {
  static override readonly brands: readonly string[] = ["UpstreamError"];
  static override readonly defaultCode: ErrorCode = "UPSTREAM";
  static override readonly defaultRetryable: boolean = true;
}

/** The call took longer than allowed. It is unknown whether the peer did the work. */
export class TimeoutError extends AgentwireError {
  static override readonly brands: readonly string[] = ["TimeoutError"];
  static override readonly defaultCode: ErrorCode = "TIMEOUT";
  static override readonly defaultRetryable: boolean = true;
}

/** The caller's signal fired. */
export class AbortError extends AgentwireError {
  static override readonly brands: readonly string[] = ["AbortError"];
  static override readonly defaultCode: ErrorCode = "ABORTED";
}

/** The peer could not be reached, or the connection broke. `sent` is `false` if `cause` proves it. */
export class ConnectionError extends AgentwireError {
  static override readonly brands: readonly string[] = ["ConnectionError"];
  static override readonly defaultCode: ErrorCode = "CONNECTION";
  static override readonly defaultRetryable: boolean = true;

  constructor(message: string, options: AgentwireErrorOptions = {}) {
    super(message, neverSent(options.cause) ? { sent: false, ...options } : options);
  }
}

/** The peer sent bytes, a frame or a signature that violate the protocol. */
export class ProtocolError extends AgentwireError {
  static override readonly brands: readonly string[] = ["ProtocolError"];
  static override readonly defaultCode: ErrorCode = "PROTOCOL";
}

/** The object was closed and accepts no more calls. */
export class ClosedError extends AgentwireError {
  static override readonly brands: readonly string[] = ["ClosedError"];
  static override readonly defaultCode: ErrorCode = "CLOSED";
}

/** Not possible here: an optional package is missing, or the platform or the peer does not support the call. */
export class UnsupportedError extends AgentwireError {
  static override readonly brands: readonly string[] = ["UnsupportedError"];
  static override readonly defaultCode: ErrorCode = "UNSUPPORTED";
}

/** What an error says about the call that it ended. */
export type ErrorFacts = Pick<AgentwireErrorOptions, "attempts" | "correlationId" | "sent">;

/** The same error as an object of its own, with other `facts`; undefined takes one away. */
export function copyWith<E extends AgentwireError>(error: E, facts: ErrorFacts): E {
  const members: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(error);
  for (const [name, value] of Object.entries(facts)) {
    if (value === undefined) delete members[name];
    else members[name] = { value, enumerable: true };
  }
  const copy = new Error();
  Reflect.deleteProperty(copy, "stack");
  return Object.defineProperties(Object.setPrototypeOf(copy, Object.getPrototypeOf(error)), members);
}

/** The text of anything that was thrown: its message, or the value as text or JSON. Never throws. */
export function errorText(error: unknown): string {
  try {
    const isError = error instanceof Error;
    const shown: unknown = isError ? error.message || error.name : error;
    const text = String(shown);
    return text.startsWith("[object ") ? JSON.stringify(shown) : text;
  } catch {
    return "unprintable value";
  }
}
