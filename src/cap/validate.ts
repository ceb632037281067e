/**
 * The rules every packet must keep, checked before it is sent and after it was received (CAP spec 02; the
 * verdicts and texts are those of cap-sdk-python 2.17.0). The checks of fields are generated.
 */
import { WireType } from "@bufbuild/protobuf/wire";
import type { BusPacket, PacketIssue } from "../../gen/cap/index.js";
import { capProtocol, type PacketProtocol } from "./protocol.js";

export type { PacketIssue } from "../../gen/cap/index.js";

/**
 * What is wrong with a packet; an empty list means it may travel. The issue of a payload that this version does not
 * know names the number of its field: the packet can be decoded, verified, encoded and forwarded all the same.
 */
export function validatePacket(packet: BusPacket, protocol: PacketProtocol = capProtocol): PacketIssue[] {
  const issues: PacketIssue[] = [];
  protocol.checkEnvelope(packet, issues);
  const entry = protocol.payloads[packet.payload.case ?? ""];
  if (entry === undefined) issues.push({ field: "payload", message: withoutPayload(packet) });
  else if (entry.travels === "packet") protocol.checkPayload(packet, issues);
  else issues.push({ field: "payload", message: "is a worker trust phase, which is not an ordinary packet" });
  return issues;
}

/** A oneof case of a newer version arrives as an unknown field that holds a message. */
function withoutPayload({ payload, $unknown = [] }: BusPacket): string {
  if (payload.case !== undefined) return `is not known to this version: ${payload.case}`;
  const numbers = $unknown
    .filter(({ wireType }) => wireType === WireType.LengthDelimited)
    .map(({ no }) => no);
  if (numbers.length === 0) return "must not be nil";
  return `is not known to this version: field ${[...new Set(numbers)].join(", ")}`;
}
