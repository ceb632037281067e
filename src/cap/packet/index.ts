/**
 * CAP packets, for custom peers and tools: create, sign, encode, decode and verify them. Agents, workers and clients of
 * `agentwire/cap` do this by themselves.
 */

export type { PacketIssue, PayloadInit as PacketInit } from "../packet.js";
export {
  canonicalBytes,
  createPacket,
  decodePacket,
  encodePacket,
  sealPacket,
  signPacket,
  validatePacket,
} from "../packet.js";
export type { PartyOptions as PacketLinkOptions } from "../party.js";
export { Party as PacketLink } from "../party.js";
export {
  alertPayload,
  cancelPayload,
  handshakePayload,
  heartbeatPayload,
  progressPayload,
} from "../payloads.js";
export type { OpenOptions, SignedForm as Verdict } from "../verify.js";
export { openPacket, verifyPacket } from "../verify.js";
export type { MapOrder } from "../wire/writer.js";
