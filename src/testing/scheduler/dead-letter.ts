/** The packets on `sys.job.dlq`: jobs that did not succeed, or never ran. */
import type { BusPacket, JobStatus } from "../../../gen/cap/index.js";
import { ErrorCode, SUBJECT_DLQ } from "../../../gen/cap/index.js";
import { toSigningKey } from "../../cap/crypto/key-ring.js";
import { createPacket, encodePacket, signPacket } from "../../cap/packet.js";
import type { PartyOptions } from "../../cap/party.js";

/** Why a job is there. */
export interface DeadLetter {
  readonly jobId: string;
  readonly status: JobStatus;
  readonly errorCode: string;
  readonly errorMessage: string;
  /** Default: the registered number for `errorCode`, 0 where there is none. */
  readonly errorCodeEnum?: ErrorCode;
}

const NUMBERS: Readonly<Record<string, ErrorCode>> = {
  safety_denied: ErrorCode.SAFETY_DENIED,
  safety_unknown: ErrorCode.SAFETY_DENIED,
  no_pool_mapping: ErrorCode.JOB_WORKER_UNAVAILABLE,
  dispatch_failed: ErrorCode.TRANSPORT_PUBLISH_FAILED,
  max_retries_exceeded: ErrorCode.JOB_RESOURCE_EXHAUSTED,
};

/**
 * Publishes a dead letter as Cordum's scheduler does: its trace is the job, its worker id is empty, so the
 * rules of packets are not applied to it and readers have to be lenient.
 */
export async function sendDeadLetter(
  party: PartyOptions & { readonly senderId: string },
  letter: DeadLetter,
): Promise<BusPacket> {
  const { privateKey, mapOrder, senderId, sessionToken, clock } = party;
  const errorCodeEnum = letter.errorCodeEnum || NUMBERS[letter.errorCode] || ErrorCode.UNSPECIFIED;
  const packet = createPacket(
    { case: "jobResult", value: { ...letter, errorCodeEnum, workerId: "" } },
    { senderId, traceId: letter.jobId, ...(clock === undefined ? {} : { clock }) },
  );
  const token = typeof sessionToken === "function" ? sessionToken() : sessionToken;
  if (token !== undefined) packet.authToken = token;
  const bytes =
    privateKey === undefined
      ? encodePacket(packet, mapOrder)
      : (await signPacket(packet, toSigningKey(privateKey, party), mapOrder)).bytes;
  await party.bus.publish(SUBJECT_DLQ, bytes);
  return packet;
}
