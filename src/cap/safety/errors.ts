/** Errors of Connect and gRPC as errors of this package. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { AgentwireErrorOptions } from "../../core/errors.js";
import * as errors from "../../core/errors.js";

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
