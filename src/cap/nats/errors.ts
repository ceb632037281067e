/** The errors of `nats` 2.x (one class with codes) and of `@nats-io` 3.x (classes without), as ours. */
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

/** What was being done when the error came. */
export type NatsAction = "connect" | "publish" | "subscribe" | "request" | "flush" | "drain" | "run";

/** What an error of either client says, in the words of neither. */
type Meaning =
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

/** Codes of version 2 and of the platform below it. */
const CODES: Readonly<Record<string, Meaning>> = {
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
};

/** Class names of version 3. */
const NAMES: Readonly<Record<string, Meaning>> = {
  AuthorizationError: "auth",
  ClosedConnectionError: "closed",
  ConnectionError: "disconnected",
  DrainingConnectionError: "closed",
  InvalidArgumentError: "invalid",
  InvalidSubjectError: "invalid",
  NoRespondersError: "no_responders",
  PermissionViolationError: "permission",
  TimeoutError: "timeout",
  UserAuthenticationExpiredError: "auth",
};

function meaningOf(error: unknown): Meaning {
  const { code, name, cause } = (error ?? {}) as { code?: unknown; name?: unknown; cause?: unknown };
  const text = errorText(error);
  if (typeof code === "string" && CODES[code] !== undefined) return CODES[code];
  if (typeof code === "string" && /CERT|SIGNATURE|TLS|SSL/.test(code)) return "tls";
  if (/max_payload/.test(text)) return "payload";
  if (/server does not support 'tls'|TLS|self-signed|certificate/.test(text)) return "tls";
  if (name === "RequestError" && /no responders/.test(text)) return "no_responders";
  if (cause instanceof Error && (name === "ConnectionError" || name === "RequestError")) {
    const inner = meaningOf(cause);
    if (inner !== "unknown") return inner;
  }
  return (typeof name === "string" ? NAMES[name] : undefined) ?? "unknown";
}

/** An error of either client as one of ours, for what was being done. One of ours is returned as it is. */
export function natsError(error: unknown, action: NatsAction, about?: string): AgentwireError {
  if (error instanceof AgentwireError) return error;
  const meaning = meaningOf(error);
  const what = about === undefined ? action : `${action} ${about}`;
  const text = `NATS ${what}: ${errorText(error)}`;
  const info = { cause: error, details: { problem: meaning, ...(about === undefined ? {} : { about }) } };
  switch (meaning) {
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
      return refused(text, info, action);
    default:
      return lost(text, info, action);
  }
}

type Info = { readonly cause: unknown; readonly details: object };

function refused(text: string, info: Info, action: NatsAction): AgentwireError {
  const isSubscription = action === "subscribe" || /subscription/i.test(errorText(info.cause));
  const type = isSubscription ? SubscribeFailedError : PublishFailedError;
  return new type(text, { ...info, retryable: false });
}

function lost(text: string, info: Info, action: NatsAction): AgentwireError {
  switch (action) {
    case "connect":
      return new ConnectionError(text, info);
    case "publish":
      return new PublishFailedError(text, info);
    case "subscribe":
      return new SubscribeFailedError(text, info);
    default:
      return new ConnectionLostError(text, info);
  }
}
