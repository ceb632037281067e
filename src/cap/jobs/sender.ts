/** How a client's requests get out: on the bus, or into a stream that confirms them. */
import type { JobRequest } from "../../../gen/cap/index.js";
import {
  labelledMessageId,
  MESSAGE_ID_LABEL,
  requestMessageId,
  SUBJECT_SUBMIT,
} from "../../../gen/cap/index.js";
import type { JobRequestInit } from "../client.js";
import type { SigningKey } from "../crypto/backend.js";
import { toSigningKey } from "../crypto/key-ring.js";
import type { DurableBus, Stored } from "../durable.js";
import { createPacket, sealPacket } from "../packet.js";
import type { Party, PartyOptions } from "../party.js";

/** What became of a request. */
export interface SentRequest {
  readonly traceId: string;
  /** What the stream said, where there is one. */
  readonly stored: Stored | undefined;
}

/** Sends job requests. @throws ValidationError `invalid_key` for a key that is none, when it is made. */
export class RequestSender {
  readonly #party: Party;
  readonly #options: PartyOptions;
  readonly #durable: DurableBus | undefined;
  readonly #key: SigningKey | undefined;

  constructor(party: Party, options: PartyOptions, durable: DurableBus | undefined) {
    this.#party = party;
    this.#options = options;
    this.#durable = durable;
    const { privateKey } = options;
    if (durable !== undefined && privateKey !== undefined) this.#key = toSigningKey(privateKey, options);
  }

  /** @throws What `Party.send` and `DurableBus.publish` throw. */
  async send(value: JobRequestInit, traceId: string | undefined): Promise<SentRequest> {
    const payload = { case: "jobRequest", value } as const;
    if (this.#durable === undefined) {
      const sent = await this.#party.send(SUBJECT_SUBMIT, payload, traceId);
      return { traceId: sent.traceId, stored: undefined };
    }
    const { senderId, clock, sessionToken, mapOrder } = this.#options;
    const packet = createPacket(payload, {
      senderId,
      ...(traceId === undefined ? {} : { traceId }),
      ...(clock === undefined ? {} : { clock }),
    });
    const data = await sealPacket(packet, { key: this.#key, sessionToken, mapOrder });
    const messageId = messageIdOf(packet.payload.value as JobRequest);
    const stored = await this.#durable.publish(SUBJECT_SUBMIT, data, { messageId });
    return { traceId: packet.traceId, stored };
  }
}

function messageIdOf({ jobId, labels }: JobRequest): string {
  const label = labels[MESSAGE_ID_LABEL];
  return label ? labelledMessageId(SUBJECT_SUBMIT, label) : requestMessageId(jobId);
}
