/** Maps errors of `nats` 2.x (one class with codes) and `@nats-io` 3.x (classes without codes) to this package's. */
import {
  AgentwireError,
  AuthError,
  ClosedError,
  ConnectionError,
  errorText,
  TimeoutError,
  ValidationError,
} from "../../core/errors.js";
import { ConnectionLostError, PublishFailedError, SubscribeFailedError } from "../errors.js";
import type { NatsPermission, NatsStatus } from "./connection.js";

/** What failed. */
export type NatsAction = "connect" | "publish" | "subscribe" | "request" | "flush" | "drain" | "run";

type Problem =
  | "auth"
  | "closed"
  | "disconnected"
  | "invalid"
  | "no_responders"
  | "payload"
  | "permission"
  | "timeout"
  | "tls"
  | "unknown";

/** Codes of version 2, of the platform below it, and class names of version 3. */
const PROBLEMS: Readonly<Record<string, Problem>> = {
  "503": "no_responders",
  ACCOUNT_EXPIRED: "auth",
  AUTHENTICATION_EXPIRED: "auth",
  AUTHENTICATION_TIMEOUT: "auth",
  AUTHORIZATION_VIOLATION: "auth",
  BAD_AUTHENTICATION: "auth",
  BAD_CREDS: "auth",
  BAD_SUBJECT: "invalid",
  CONNECTION_CLOSED: "closed",
  CONNECTION_DRAINING: "closed",
  CONNECTION_REFUSED: "disconnected",
  CONNECTION_TIMEOUT: "timeout",
  DISCONNECT: "disconnected",
  INVALID_OPTION: "invalid",
  MAX_PAYLOAD_EXCEEDED: "payload",
  PERMISSIONS_VIOLATION: "permission",
  SERVER_OPT_NA: "tls",
  SUB_CLOSED: "closed",
  TIMEOUT: "timeout",
  TLS: "tls",
  AuthorizationError: "auth",
  ClosedConnectionError: "closed",
  ConnectionError: "disconnected",
  DrainingConnectionError: "closed",
  InvalidArgumentError: "invalid",
  InvalidSubjectError: "invalid",
  NoResponders: "no_responders",
  PermissionViolationError: "permission",
  TimeoutError: "timeout",
  UserAuthenticationExpiredError: "auth",
};

function problemOf(error: unknown): Problem {
  const { code, name, cause } = (error ?? {}) as { code?: unknown; name?: unknown; cause?: unknown };
  const known = PROBLEMS[String(code)];
  if (known !== undefined) return known;
  // OpenSSL's and Node's codes of a handshake: ERR_TLS_…, ERR_SSL_…, CERT_HAS_EXPIRED, DEPTH_ZERO_SELF_SIGNED_CERT …
  if (typeof code === "string" && /CERT|SIGNATURE|TLS|SSL/.test(code)) return "tls";
  if (cause instanceof Error && (name === "ConnectionError" || name === "RequestError")) {
    const inner = problemOf(cause);
    if (inner !== "unknown") return inner;
  }
  return PROBLEMS[String(name)] ?? "unknown";
}

/** What a permission error is about, of either client. */
export function permissionOf(status: NatsStatus): NatsPermission | undefined {
  const about = status.permissionContext ?? (status.error as Partial<NatsPermission> | undefined);
  return about?.operation === undefined || about.subject === undefined
    ? undefined
    : (about as NatsPermission);
}

/** The error of an `error` event. Version 2 reports its code only. */
export function statusError(status: NatsStatus): AgentwireError {
  const code = String(status.data);
  const error = status.error ?? Object.assign(new Error(code), { code });
  const about = permissionOf(status);
  if (about === undefined) return natsError(error, "run");
  return natsError(error, about.operation === "subscription" ? "subscribe" : "publish", about.subject);
}

/** An error of either client as one of this package, for what was attempted. One of this package stays as it is. */
export function natsError(error: unknown, action: NatsAction, subject?: string): AgentwireError {
  if (error instanceof AgentwireError) return error;
  const problem = problemOf(error);
  const about = subject === undefined ? "" : ` ${subject}`;
  const text =
    action === "connect"
      ? `cannot connect to NATS at${about}: ${errorText(error)}${problem === "disconnected" ? "; is the server running, and is its URL right?" : ""}`
      : `NATS ${action}${about}: ${errorText(error)}`;
  const info = { cause: error, details: { problem, ...(subject === undefined ? {} : { subject }) } };
  switch (problem) {
    case "auth":
      return new AuthError(text, info);
    case "closed":
      return new ClosedError(text, info);
    case "invalid":
      return new ValidationError(text, info);
    case "no_responders":
      return new ConnectionError(text, { ...info, code: "NO_RESPONDERS" });
    case "timeout":
      return new TimeoutError(text, info);
    case "tls":
      return new ConnectionError(text, { ...info, code: "TLS", retryable: false });
    case "payload":
      return new PublishFailedError(text, { ...info, retryable: false });
    case "permission":
      return new (action === "subscribe" ? SubscribeFailedError : PublishFailedError)(text, {
        ...info,
        retryable: false,
      });
    default:
  }
  if (action === "connect") return new ConnectionError(text, info);
  if (action === "publish") return new PublishFailedError(text, info);
  if (action === "subscribe") return new SubscribeFailedError(text, info);
  return new ConnectionLostError(text, info);
}
