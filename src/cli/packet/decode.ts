/** `agentwire decode`: what is in a captured packet or frame. */
import { errorText, ValidationError } from "../../core/errors.js";
import type { CliCommand } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { type Input, type InputOptions, readInput, takesInput } from "../input.js";
import { columns, type Io, oneLine, paint } from "../io.js";
import { type FrameView, viewEvents, viewFrame } from "./frame-view.js";
import { isPacket, type PacketView, type SignedBytes, viewPacket } from "./packet-view.js";
import { packetBytes } from "./read.js";

interface DecodeOptions extends InputOptions {
  readonly showSecrets?: boolean;
  readonly out?: string;
}

/** `agentwire decode`. */
export const decodeCommand: CliCommand = {
  configure: (command) =>
    takesInput(command)
      .option("--show-secrets", "show tokens and the bytes that contain them")
      .option("--out <file>", "write the canonical unsigned bytes (spec order) of a packet to this file"),
  notes:
    "A packet is bytes, base64, hex, ProtoJSON or a line of `agentwire tap --json --raw`. A frame is JSON (several:\n" +
    "one on each line) or a captured event stream. Exit code 1: the input cannot be read or violates its protocol.",
  examples: [
    ["decode packet.bin", "bytes in a file"],
    ["decode CgV0LTEyMxIIY2xpZW50LTE=", "base64 or hex on the command line"],
    ["decode - --json < events.txt", "an event stream of a neuron, for a program"],
  ],
  async run(options: DecodeOptions, io, [given]) {
    const views = viewsOf(await readInput(options, io, given, isPacket), options);
    const [first] = views;
    if (options.out !== undefined) {
      if (first?.kind !== "cap-packet") throw new ValidationError("--out requires a packet: found a frame");
      if (first.canonical.spec.hex === undefined) {
        throw new ValidationError("the bytes contain a secret: --out requires --show-secrets");
      }
      const { writeNew } = await import("../files.js");
      await writeNew(options.out, Buffer.from(first.canonical.spec.hex, "hex"));
    }
    const good = (view: PacketView | FrameView): boolean =>
      view.kind === "cap-packet" ? view.issues.length === 0 : view.problem === undefined;
    return {
      exitCode: views.every(good) ? EXIT.ok : EXIT.no,
      text: views.map((view) => format(view, io)).join("\n"),
      result: views.length === 1 ? first : views,
    };
  },
};

function viewsOf(
  input: Input,
  options: { readonly showSecrets?: boolean },
): readonly (PacketView | FrameView)[] {
  if (input.kind === "bytes") return [viewBytes(input, options)];
  if (input.kind === "sse") {
    const views = viewEvents(input.bytes, options);
    if (views.length === 0) throw new ValidationError("the stream holds no event", { code: "BAD_INPUT" });
    return views;
  }
  return input.values.map((value) => {
    const bytes = packetBytes(value);
    return bytes === undefined ? viewFrame(value, options) : viewPacket(bytes, options);
  });
}

function viewBytes(
  { format, bytes }: Extract<Input, { kind: "bytes" }>,
  options: { readonly showSecrets?: boolean },
): PacketView {
  try {
    return viewPacket(bytes, options);
  } catch (error) {
    const isText = format === "raw" && /^[\s -~]+$/.test(Buffer.from(bytes).toString("latin1"));
    const what = isText
      ? "the input is text, but neither base64, hex, JSON nor an event stream"
      : "not a packet";
    throw new ValidationError(`${what}: ${errorText(error)}`, { code: "BAD_INPUT" });
  }
}

function format(view: PacketView | FrameView, io: Io): string {
  return view.kind === "cap-packet" ? formatPacket(view, io) : formatFrame(view, io);
}

function formatPacket(view: PacketView, io: Io): string {
  const { canonical, signature, unknownFields, issues } = view;
  const title = `CAP packet: ${view.payload ?? "no known payload"} from ${oneLine(view.sender) || "nobody"}, ${view.bytes} bytes`;
  const facts = [
    ["received bytes", view.received === "not canonical" ? view.received : `canonical, ${view.received}`],
    ["signature", signature === "" ? "none" : `${signature.length / 2} bytes: ${signature}`],
    [
      "map orders",
      canonical.ordersDiffer ? "spec and upb order give different bytes" : "both give the same bytes",
    ],
    ...signedRows(canonical.ordersDiffer ? "unsigned, spec" : "unsigned", canonical.spec),
    ...(canonical.upb === undefined ? [] : signedRows("unsigned, upb", canonical.upb)),
    ...(view.profile === undefined ? [] : signedRows(`signed, ${view.profile.name}`, view.profile.signed)),
    ...unknownFields.map(({ path, wireType, hex }) => ["unknown field", `${path} ${wireType} ${hex}`]),
    ...issues.map(({ field, message }) => ["broken rule", paint(io, "red", `${field}: ${message}`)]),
  ];
  return `${paint(io, "bold", title)}\n${jsonText(view.fields)}\n${columns(facts)}`;
}

function signedRows(name: string, { length, sha256, hex }: SignedBytes): string[][] {
  return [
    [name, `${length} bytes, sha256 ${sha256}`],
    ["", hex ?? "not shown, because it contains a secret; --show-secrets shows it"],
  ];
}

function formatFrame(view: FrameView, io: Io): string {
  const title = `neuron frame: ${oneLine(view.type ?? "without a type")}${view.direction === undefined ? "" : `, ${view.direction}`}`;
  const facts = [
    ["compact JSON", `${view.bytes} bytes, sha256 ${view.sha256}`],
    ...(view.eventId === undefined ? [] : [["event id", oneLine(view.eventId)]]),
    ...view.unknownMembers.map((member) => ["unknown member", oneLine(member)]),
    ["verdict", view.problem === undefined ? "fits" : paint(io, "red", oneLine(view.problem))],
  ];
  return `${paint(io, "bold", title)}\n${jsonText(view.fields)}\n${columns(facts)}`;
}

/** JSON escapes what could move the cursor, but for the controls of C1 and the marks that turn text round. */
function jsonText(value: unknown): string {
  return (JSON.stringify(value, null, 2) ?? "")
    .split("\n")
    .map((line) => oneLine(line))
    .join("\n");
}
