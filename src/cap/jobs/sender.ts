/** How a client's requests get out: on the bus, or into a stream that confirms them. */
import {
  labelledMessageId,
  MESSAGE_ID_LABEL,
  requestMessageId,
  SUBJECT_SUBMIT,
} from "../../../gen/cap/index.js";
import type { JobRequestInit } from "../client.js";
import type { DurableBus, Stored } from "../durable.js";
import type { Party } from "../party.js";

/** What became of a request. */
export interface SentRequest {
  readonly traceId: string;
  /** What the stream said, where there is one. */
  readonly stored: Stored | undefined;
}

/** Sends a job request. @throws What `Party.send` and `DurableBus.publish` throw. */
export async function sendRequest(
  party: Party,
  durable: DurableBus | undefined,
  value: JobRequestInit & { readonly jobId: string },
  traceId: string | undefined,
): Promise<SentRequest> {
  let stored: Stored | undefined;
  const messageId = messageIdOf(value);
  const store =
    durable &&
    (async (subject: string, bytes: Uint8Array) => {
      stored = await durable.publish(subject, bytes, { messageId });
    });
  const sent = await party.send(SUBJECT_SUBMIT, { case: "jobRequest", value }, traceId, store);
  return { traceId: sent.traceId, stored };
}

function messageIdOf({ jobId, labels }: JobRequestInit & { readonly jobId: string }): string {
  const label = labels?.[MESSAGE_ID_LABEL];
  return label ? labelledMessageId(SUBJECT_SUBMIT, label) : requestMessageId(jobId);
}
