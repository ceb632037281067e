/** Results of finished jobs as a store keeps them: the canonical bytes of the JobResult. */
import { type JobResult, JobResultSchema } from "../../../gen/cap/index.js";
import { ProtocolError } from "../../core/errors.js";
import { isUnderWay } from "../outcome.js";
import { decodeMessage } from "../wire/decode.js";
import { encodeCanonical } from "../wire/encode.js";

/** The bytes of a result. */
export function finishedBytes(result: JobResult): Uint8Array {
  return encodeCanonical(JobResultSchema, result).bytes;
}

/**
 * The result behind the bytes.
 *
 * @throws ProtocolError for bytes that are not the result of a finished job.
 */
export function readFinished(bytes: Uint8Array): JobResult {
  const message = decodeMessage(JobResultSchema, bytes);
  if (message.jobId !== "" && !isUnderWay(message)) return message;
  throw new ProtocolError("what is kept is not the result of a finished job");
}
