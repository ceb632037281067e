/** Errors of Connect and gRPC as errors of this package. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { AgentwireErrorOptions } from "../../core/errors.js";
import {
  AbortError,
  AgentwireError,
  AuthError,
  ConflictError,
  ConnectionError,
  errorText,
  NotFoundError,
  PolicyDeniedError,
  RateLimitError,
  TimeoutError,
  UnsupportedError,
  UpstreamError,
  ValidationError,
} from "../../core/errors.js";

const CLASSES: Partial<Record<Code, new (message: string, info?: AgentwireErrorOptions) => AgentwireError>> =
  {
    [Code.Canceled]: AbortError,
    [Code.InvalidArgument]: ValidationError,
    [Code.OutOfRange]: ValidationError,
    [Code.DeadlineExceeded]: TimeoutError,
    [Code.NotFound]: NotFoundError,
    [Code.AlreadyExists]: ConflictError,
    [Code.Aborted]: ConflictError,
    [Code.FailedPrecondition]: ConflictError,
    [Code.PermissionDenied]: PolicyDeniedError,
    [Code.Unauthenticated]: AuthError,
    [Code.ResourceExhausted]: RateLimitError,
    [Code.Unimplemented]: UnsupportedError,
    [Code.Unavailable]: ConnectionError,
  };

/** The class that says what a caller can do; the text is the peer's. */
export function rpcError(error: unknown): AgentwireError {
  if (error instanceof AgentwireError) return error;
  const { code, rawMessage } = ConnectError.from(error);
  const Class = CLASSES[code] ?? UpstreamError;
  return new Class(rawMessage || errorText(error), { cause: error });
}
