/** What is on the dead letter queue, read leniently: the scheduler leaves `worker_id` empty there. */
import { type BusPacket, PROTOCOL_VERSION } from "../../../gen/cap/index.js";
import { InvalidInputError, VersionMismatchError } from "../errors.js";

/** Throws a VersionMismatchError or InvalidInputError unless a packet is the result of a job. */
export function assertDeadLetter({ payload, protocolVersion }: BusPacket): void {
  if (protocolVersion !== PROTOCOL_VERSION) {
    throw new VersionMismatchError(`protocol_version must equal ${PROTOCOL_VERSION}`);
  }
  if (payload.case !== "jobResult" || payload.value.jobId === "") {
    throw new InvalidInputError("a dead letter must be the result of a job");
  }
}
