/** `agentwire sign`: a signed packet from ProtoJSON or from bytes. */
import { createHash } from "node:crypto";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import type { BusPacket } from "../../../gen/cap/index.js";
import { BusPacketSchema } from "../../../gen/cap/index.js";
import { toSigningKey } from "../../cap/crypto/key-ring.js";
import {
  assertValidPacket,
  canonicalBytes,
  createPacket,
  decodePacket,
  signPacket,
} from "../../cap/packet.js";
import { errorText, ValidationError } from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import { type Command, UsageError } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { writeNew } from "../files.js";
import { INPUT_OPTIONS, type Input, readInput } from "../input.js";
import { printJson } from "../io.js";
import { readPrivateKey } from "../key-files.js";
import { isPacket } from "./packet-view.js";

/** Options, help and run of `agentwire sign`. */
export const signCommand: Command = {
  options: [
    { name: "key", value: "PEM", about: "file with the private key: PKCS8 or SEC1, P-256" },
    { name: "sender", value: "ID", about: "who signs (default: the packet's sender_id)" },
    {
      name: "map-order",
      value: "spec|upb",
      about: "order of map entries (default: spec; upb for Python-only fleets)",
    },
    { name: "out", value: "FILE", about: "write the bytes there, and do not overwrite a file" },
    { name: "as", value: "base64|hex|raw", about: "how to write (default: base64; with --out: raw)" },
    { name: "exact", about: "do not fill trace_id, created_at and protocol_version where they are missing" },
    ...INPUT_OPTIONS,
  ],
  maxArguments: 1,
  notes:
    "A packet that is signed already is signed anew; its unknown fields are kept. One that breaks a rule of the\n" +
    "protocol is not signed: exit code 1.",
  examples: [
    ["sign packet.json --key client-1.key.pem --sender client-1", "ProtoJSON in, base64 out"],
    ["sign packet.bin --key client-1.key.pem --out signed.bin", "bytes in, bytes out"],
    ["sign - --key k.pem --json < packet.json", "with signature and digest"],
  ],
  async run(args, io) {
    const mapOrder = args.choice("map-order", ["spec", "upb"], "spec");
    const out = args.text("out");
    const as = args.choice("as", ["base64", "hex", "raw"], out === undefined ? "base64" : "raw");
    const keyFile = args.text("key");
    if (keyFile === undefined) throw new UsageError("a key is missing: --key private.pem");
    if (as === "raw" && out === undefined) throw new UsageError("--as raw wants --out FILE");
    const key = toSigningKey(await readPrivateKey(keyFile));
    const packet = packetOf(await readInput(args, io, isPacket), args.text("sender"), args.flag("exact"));
    assertValidPacket(packet);
    const { bytes, signature, ordersDiffer } = await signPacket(packet, key, mapOrder);
    const written = as === "raw" ? bytes : `${Buffer.from(bytes).toString(as)}\n`;
    if (out !== undefined) await writeNew(out, written);
    if (args.flag("json")) {
      printJson(io, {
        sender: packet.senderId,
        payload: packet.payload.case,
        packet: Buffer.from(bytes).toString("base64"),
        signature: Buffer.from(signature).toString("base64"),
        sha256: createHash("sha256").update(canonicalBytes(packet, mapOrder).bytes).digest("hex"),
        mapOrder,
        ordersDiffer,
        ...(out === undefined ? {} : { file: out }),
      });
    } else io.out(out === undefined ? String(written) : `${out}: ${bytes.length} bytes, signed\n`);
    if (ordersDiffer) {
      const other = mapOrder === "spec" ? "cap-sdk-python" : "Go and the specification";
      io.err(
        `agentwire sign: a map has keys that begin alike: ${other} may sort them the other way and refuse it\n`,
      );
    }
    return EXIT.ok;
  },
};

function packetOf(input: Input, sender: string | undefined, exact: boolean): BusPacket {
  const packet = readPacket(input);
  if (sender !== undefined) packet.senderId = sender;
  if (exact) return packet;
  const fresh = createPacket({ case: undefined }, { senderId: packet.senderId });
  packet.traceId ||= fresh.traceId;
  packet.protocolVersion ||= fresh.protocolVersion;
  if (fresh.createdAt !== undefined) packet.createdAt ??= fresh.createdAt;
  return packet;
}

function readPacket(input: Input): BusPacket {
  if (input.kind === "bytes") return decodePacket(input.bytes, Infinity).message;
  const value = input.kind === "json" ? input.values[0] : undefined;
  if (!isObject(value)) {
    throw new ValidationError(`the input is ${input.format}, but no CAP packet`, { code: "BAD_INPUT" });
  }
  try {
    return fromJson(BusPacketSchema, value as JsonValue);
  } catch (error) {
    throw new ValidationError(`not a packet in ProtoJSON: ${errorText(error)}`, { code: "BAD_INPUT" });
  }
}
