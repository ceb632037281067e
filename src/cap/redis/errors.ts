/** Errors of the Redis clients as errors of this package. */
import { AgentwireError, ConnectionError, errorText, UpstreamError } from "../../core/errors.js";

const REPLIES = new Set(["ReplyError", "ErrorReply", "SimpleError", "BlobError"]);
/** Replies of a server that is not ready to serve the command now. */
const TEMPORARY = new Set([
  "LOADING",
  "READONLY",
  "MASTERDOWN",
  "CLUSTERDOWN",
  "TRYAGAIN",
  "BUSY",
  "NOREPLICAS",
]);
const ADVICE: Readonly<Record<string, string>> = {
  MOVED: "this server is a node of a Redis Cluster: set `cluster: true`, or use redis+cluster://",
  ASK: "this server is a node of a Redis Cluster: set `cluster: true`, or use redis+cluster://",
  READONLY: "this server is a replica: use redis+sentinel://, which follows the master",
};

/** The first word of an error reply is its code, as the protocol of Redis defines it. Undefined for other errors. */
export function replyCode(error: unknown): string | undefined {
  const { name, constructor: type } = (error ?? {}) as Partial<Error>;
  if (!REPLIES.has(String(name)) && !REPLIES.has(String(type?.name))) return undefined;
  return errorText(error).split(" ", 1)[0];
}

/**
 * The client's error without the error itself: that one holds the command with its arguments, which may include a
 * password. An UpstreamError `REDIS_REPLY` for what Redis refuses, retryable if it is not ready; else a ConnectionError,
 * with `lastFailure` as its text if there is one.
 */
export function redisError(error: unknown, lastFailure?: string): Error {
  if (error instanceof AgentwireError) return error;
  const code = replyCode(error);
  const text = `redis: ${errorText(error)}`;
  if (code === undefined) return new ConnectionError(lastFailure ? `redis: ${lastFailure}` : text);
  const advice = ADVICE[code];
  return new UpstreamError(advice === undefined ? text : `${text}; ${advice}`, {
    code: "REDIS_REPLY",
    retryable: TEMPORARY.has(code),
    details: { reply: code },
  });
}
