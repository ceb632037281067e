/** `agentwire sign`: a signed packet from ProtoJSON or from bytes. */
import { createHash } from "node:crypto";
import type { BusPacket } from "../../../gen/cap/index.js";
import { toSigningKey } from "../../cap/crypto/key-ring.js";
import {
  assertValidPacket,
  canonicalBytes,
  createPacket,
  decodePacket,
  signPacket,
} from "../../cap/packet.js";
import { type CliCommand, choice, mapOrder, UsageError } from "../command.js";
import { writeNew } from "../files.js";
import { type Input, type InputOptions, readInput, takesInput } from "../input.js";
import { readPrivateKey } from "../key-files.js";
import { isPacket } from "./packet-view.js";
import { onePacket } from "./read.js";

interface SignOptions extends InputOptions {
  readonly key: string;
  readonly sender?: string;
  readonly mapOrder: "spec" | "upb";
  readonly out?: string;
  readonly as?: "base64" | "hex" | "raw";
  readonly exact?: boolean;
}

/** `agentwire sign`. */
export const signCommand: CliCommand = {
  configure: (command) =>
    takesInput(command)
      .requiredOption("--key <pem>", "file with the private key: PKCS8 or SEC1, P-256")
      .option("--sender <id>", "who signs (default: the packet's sender_id)")
      .addOption(mapOrder("order of map entries; upb for Python-only fleets"))
      .option("--out <file>", "write the bytes to this file; never overwrites one")
      .addOption(
        choice("--as <form>", "form of the output (default: base64; with --out: raw)", [
          "base64",
          "hex",
          "raw",
        ]),
      )
      .option("--exact", "do not add a missing trace_id, created_at or protocol_version"),
  notes:
    "A packet that is already signed gets a new signature; its unknown fields are kept. A packet that violates the\n" +
    "protocol is not signed: exit code 1.",
  examples: [
    ["sign packet.json --key client-1.key.pem --sender client-1", "ProtoJSON in, base64 out"],
    ["sign packet.bin --key client-1.key.pem --out signed.bin", "bytes in, bytes out"],
    ["sign - --key k.pem --json < packet.json", "with signature and digest"],
  ],
  async run(options: SignOptions, io, [given]) {
    const { mapOrder, out, as = out === undefined ? "base64" : "raw" } = options;
    if (as === "raw" && out === undefined) throw new UsageError("--as raw requires --out FILE");
    const key = toSigningKey(await readPrivateKey(options.key));
    const packet = packetOf(await readInput(options, io, given, isPacket), options);
    assertValidPacket(packet);
    const { bytes, signature, ordersDiffer } = await signPacket(packet, key, mapOrder);
    const written = as === "raw" ? bytes : `${Buffer.from(bytes).toString(as)}\n`;
    if (out !== undefined) await writeNew(out, written);
    if (ordersDiffer) {
      const other = mapOrder === "spec" ? "cap-sdk-python" : "Go and the specification";
      io.err(
        `agentwire sign: map keys share a prefix; ${other} may sort them differently and refuse the packet\n`,
      );
    }
    return {
      text: out === undefined ? String(written) : `${out}: ${bytes.length} bytes, signed\n`,
      result: {
        sender: packet.senderId,
        payload: packet.payload.case,
        packet: Buffer.from(bytes).toString("base64"),
        signature: Buffer.from(signature).toString("base64"),
        sha256: createHash("sha256").update(canonicalBytes(packet, mapOrder).bytes).digest("hex"),
        mapOrder,
        ordersDiffer,
        ...(out === undefined ? {} : { file: out }),
      },
    };
  },
};

function packetOf(input: Input, { sender, exact }: SignOptions): BusPacket {
  const packet = decodePacket(onePacket(input), Infinity);
  if (sender !== undefined) packet.senderId = sender;
  if (exact) return packet;
  const fresh = createPacket({ case: undefined }, { senderId: packet.senderId });
  packet.traceId ||= fresh.traceId;
  packet.protocolVersion ||= fresh.protocolVersion;
  if (fresh.createdAt !== undefined) packet.createdAt ??= fresh.createdAt;
  return packet;
}
