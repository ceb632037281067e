/** `agentwire verify`: is the signature of a packet right, and if not, why? */
import { ValidationError } from "../../core/errors.js";
import { type Command, UsageError } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { INPUT_OPTIONS, type Input, readInput } from "../input.js";
import { columns, type Io, oneLine, paint, printJson } from "../io.js";
import { readKeyFiles } from "../key-files.js";
import { packetBytes } from "./decode.js";
import { diagnose } from "./diagnose.js";
import { isPacket } from "./packet-view.js";
import type { Verdict } from "./verdict.js";

/** Options, help and run of `agentwire verify`. */
export const verifyCommand: Command = {
  options: [
    {
      name: "key",
      value: "SENDER=PEM",
      multiple: true,
      about: "file with the public key of a sender; without SENDER= it is tried for every one",
    },
    {
      name: "map-order",
      value: "spec|upb|any",
      about: "accept only signatures over maps in this order, as a peer with one order does (default: any)",
    },
    {
      name: "accept-raw-order",
      about: "accept signatures over the bytes as received, as older Go SDKs make them",
    },
    { name: "allow-p384", about: "accept keys on P-384, as cap-sdk-python does" },
    ...INPUT_OPTIONS,
  ],
  maxArguments: 1,
  notes:
    "Exit code 1 with the reason: malformed, wrong_version, unknown_payload, missing_signature, unknown_sender,\n" +
    "wrong_key, sender_changed, map_order, not_canonical, unknown_fields_dropped, token_changed, signature_not_der,\n" +
    "signature_has_more_bytes, hashed_twice, other_hash, wrong_signature, broken_rule.",
  examples: [
    ["verify packet.bin --key client-1=client-1.pub.pem", "one sender"],
    ["verify --key keys/a.pub.pem --json < packet.b64", "whoever sent it, for a program"],
    ["verify packet.bin --key w=w.pub.pem --map-order spec", "would a peer in Go take it?"],
  ],
  async run(args, io) {
    const mapOrder = args.choice("map-order", ["any", "spec", "upb"], "any");
    if (args.texts("key").length === 0) throw new UsageError("a key is missing: --key SENDER=public.pem");
    const files = await readKeyFiles(args, "key");
    const bytes = onePacket(await readInput(args, io, isPacket));
    const verdict = await diagnose(bytes, files, {
      mapOrder: mapOrder === "any" ? undefined : mapOrder,
      acceptRawOrder: args.flag("accept-raw-order"),
      allowP384: args.flag("allow-p384"),
    });
    if (args.flag("json")) printJson(io, verdict);
    else io.out(format(verdict, io));
    return verdict.ok ? EXIT.ok : EXIT.no;
  },
};

/** The bytes of a packet in any form of input. @throws ValidationError for what holds none */
export function onePacket(input: Input): Uint8Array {
  if (input.kind === "bytes") return input.bytes;
  const bytes = input.kind === "json" ? packetBytes(input.values[0]) : undefined;
  if (bytes === undefined) {
    throw new ValidationError(`the input is ${input.format}, but no CAP packet`, { code: "BAD_INPUT" });
  }
  return bytes;
}

function format(verdict: Verdict, io: Io): string {
  const { ok, problem, text, advice, sender, payload, signedOver } = verdict;
  const title = ok ? paint(io, "green", "verified") : paint(io, "red", `NOT VERIFIED (${problem})`);
  return `${title}: ${oneLine(text)}\n${columns(
    [
      ["sender", sender === undefined ? undefined : oneLine(sender) || "none"],
      ["payload", payload],
      ["signed over", signedOver],
      [ok ? "note" : "what to do", advice && oneLine(advice)],
    ].filter((row): row is [string, string] => row[1] !== undefined),
    "  ",
  )}`;
}
