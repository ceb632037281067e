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

/** Codes of version 2, of the platform below it, and class names of version 3. Without a class, what was attempted decides. */
type Problem = readonly [name: string, codes: string, type?: typeof AgentwireError, info?: object];
const TLS: Problem = ["tls", "SERVER_OPT_NA TLS", ConnectionError, { code: "TLS", retryable: false }];
const UNKNOWN: Problem = ["unknown", ""];
const PROBLEMS: readonly Problem[] = [
  ["auth", "ACCOUNT_EXPIRED AUTHENTICATION_EXPIRED AUTHENTICATION_TIMEOUT BAD_CREDS", AuthError],
  ["auth", "AUTHORIZATION_VIOLATION BAD_AUTHENTICATION AuthorizationError", AuthError],
  ["auth", "UserAuthenticationExpiredError", AuthError],
  ["closed", "CONNECTION_CLOSED CONNECTION_DRAINING SUB_CLOSED", ClosedError],
  ["closed", "ClosedConnectionError DrainingConnectionError", ClosedError],
  ["disconnected", "CONNECTION_REFUSED DISCONNECT ConnectionError"],
  ["invalid", "BAD_SUBJECT INVALID_OPTION InvalidArgumentError InvalidSubjectError", ValidationError],
  ["no_responders", "503 NoResponders", ConnectionError, { code: "NO_RESPONDERS" }],
  ["payload", "MAX_PAYLOAD_EXCEEDED", PublishFailedError, { retryable: false }],
  ["permission", "PERMISSIONS_VIOLATION PermissionViolationError", PublishFailedError, { retryable: false }],
  ["timeout", "CONNECTION_TIMEOUT TIMEOUT TimeoutError", TimeoutError],
  TLS,
];
const BY_CODE = new Map(PROBLEMS.flatMap((row) => row[1].split(" ").map((code) => [code, row] as const)));
const ATTEMPTS: { readonly [_ in NatsAction]?: typeof AgentwireError } = {
  connect: ConnectionError,
  publish: PublishFailedError,
  subscribe: SubscribeFailedError,
};

function problemOf(error: unknown): Problem {
  const { code, name, cause } = (error ?? {}) as { code?: unknown; name?: unknown; cause?: unknown };
  const known = BY_CODE.get(String(code));
  if (known !== undefined) return known;
  // OpenSSL's and Node's codes of a handshake: ERR_TLS_…, ERR_SSL_…, CERT_HAS_EXPIRED, DEPTH_ZERO_SELF_SIGNED_CERT …
  if (typeof code === "string" && /CERT|SIGNATURE|TLS|SSL/.test(code)) return TLS;
  if (cause instanceof Error && (name === "ConnectionError" || name === "RequestError")) {
    const inner = problemOf(cause);
    if (inner !== UNKNOWN) return inner;
  }
  return BY_CODE.get(String(name)) ?? UNKNOWN;
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
  const [problem, , Known, more] = problemOf(error);
  const about = subject === undefined ? "" : ` ${subject}`;
  const text =
    action === "connect"
      ? `cannot connect to NATS at${about}: ${errorText(error)}${problem === "disconnected" ? "; is the server running, and is its URL right?" : ""}`
      : `NATS ${action}${about}: ${errorText(error)}`;
  const info = { cause: error, details: { problem, ...(subject === undefined ? {} : { subject }) } };
  const Attempted = ATTEMPTS[action] ?? ConnectionLostError;
  const isDenied = problem === "permission" && action === "subscribe";
  return new (isDenied ? SubscribeFailedError : (Known ?? Attempted))(text, { ...info, ...more });
}
