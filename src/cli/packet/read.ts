/** A packet in any form of input. */
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { BusPacketSchema } from "../../../gen/cap/index.js";
import { encodePacket } from "../../cap/packet.js";
import { errorText, ValidationError } from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import type { Input } from "../input.js";

/** The bytes of a packet in ProtoJSON, or in a line of `tap`. Undefined for anything else. */
export function packetBytes(value: unknown): Uint8Array | undefined {
  if (!isObject(value)) return undefined;
  if (typeof value.raw === "string" && value.protocol === "cap") {
    return new Uint8Array(Buffer.from(value.raw, "base64"));
  }
  const known = BusPacketSchema.fields.some(({ name, jsonName }) => jsonName in value || name in value);
  if (!known || typeof value.type === "string") return undefined;
  try {
    return encodePacket(fromJson(BusPacketSchema, value as JsonValue));
  } catch (error) {
    throw new ValidationError(`not a packet in ProtoJSON: ${errorText(error)}`, { code: "BAD_INPUT" });
  }
}

/** The bytes of the packet in an input. @throws ValidationError `BAD_INPUT` for what holds none */
export function onePacket(input: Input): Uint8Array {
  if (input.kind === "bytes") return input.bytes;
  const bytes = input.kind === "json" ? packetBytes(input.values[0]) : undefined;
  if (bytes !== undefined) return bytes;
  throw new ValidationError(`expected a CAP packet, found ${input.format}`, { code: "BAD_INPUT" });
}
