/** `agentwire tap`: what goes over the bus, decoded and verified, live or from a capture. */
import { BusPacketSchema } from "../../../gen/cap/index.js";
import { timeLimit } from "../../core/abort.js";
import { Cut } from "../../core/cut.js";
import { ClosedError, errorText, ValidationError } from "../../core/errors.js";
import { VERSION } from "../../index.js";
import { type CliCommand, choice, type JsonOption, repeated, wholeNumber } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { readBytes } from "../input.js";
import { CAP_SUBJECTS, packetRecord } from "../inspector/packet-record.js";
import { type CaptureRecord, captureHeader, parseCapture } from "../inspector/record.js";
import { Recorder, withoutSecrets } from "../inspector/recorder.js";
import type { Io } from "../io.js";
import { type KeyFiles, readKeyFiles } from "../key-files.js";
import { tapLine, wanted } from "./tap-record.js";

const KINDS = BusPacketSchema.oneofs[0]!.fields.map(({ localName }) => localName);

interface TapOptions extends JsonOption {
  readonly nats?: string;
  readonly from?: string;
  readonly key?: readonly string[];
  readonly job?: string;
  readonly sender?: string;
  readonly kind?: string;
  readonly refused?: boolean;
  readonly raw?: boolean;
  readonly count?: number;
  readonly timeoutMs?: number;
}

/** `agentwire tap`. */
export const tapCommand: CliCommand = {
  configure: (command) =>
    command
      .argument("[subjects...]", "subjects, with * and > (default: sys.> job.> worker.>)")
      .option("--nats <url>", "NATS server (default: NATS_URL, else nats://127.0.0.1:4222)")
      .option("--from <file>", "a capture of --json or of dev --record, or - for the standard input")
      .option("--key <sender=pem>", "public key of a sender, to verify its packets", repeated)
      .option("--job <id>", "only packets about this job")
      .option("--sender <id>", "only packets of this sender")
      .addOption(choice("--kind <payload>", "only packets with this payload", KINDS))
      .option("--refused", "only what does not verify, violates the protocol or is not a packet")
      .option("--raw", "with --json: include the bytes of each message. They may contain tokens")
      .option("--count <n>", "exit after this many messages", wholeNumber(1))
      .option(
        "--timeout-ms <n>",
        "exit after this time; exit code 1 if --count was not reached",
        wholeNumber(1),
      ),
  stops: true,
  notes:
    "It subscribes without a queue group, so it takes no job from a worker. --json prints a capture, one record per line.\n" +
    "Exits on Ctrl-C, with exit code 0.",
  examples: [
    ["tap", "all CAP packets on NATS_URL"],
    ["tap 'sys.job.>' --key w=w.pub.pem --refused", "what a receiver with this key would refuse"],
    ["tap --json --raw --count 100 > capture.jsonl", "writes a capture"],
    ["tap --from capture.jsonl --kind jobResult", "reads it"],
  ],
  async run(options: TapOptions, io, given) {
    const { from, job, sender, kind, refused = false, json = false } = options;
    const subjects = given.length > 0 ? [...new Set(given)] : from === undefined ? CAP_SUBJECTS : [">"];
    const filter = { subjects, job, sender, kind, refused };
    const keys = await readKeyFiles(options.key);
    const show: Printer = (record) => {
      if (!wanted(record, filter)) return false;
      io.out(json ? `${JSON.stringify(record)}\n` : tapLine(record, io));
      return true;
    };
    if (json) io.out(captureHeader(VERSION, new Date().toISOString()));
    const exitCode =
      from === undefined
        ? await listen(options, io, subjects, keys, show)
        : await replay(from, options, io, keys, show);
    return { exitCode };
  },
};

/** Prints a record if it is wanted, and returns whether it was. */
type Printer = (record: CaptureRecord) => boolean;

async function listen(
  { nats: servers, timeoutMs, raw = false, count: limit = Infinity }: TapOptions,
  io: Io,
  subjects: readonly string[],
  keys: KeyFiles,
  show: Printer,
): Promise<number> {
  const { connectNats } = await import("../../cap/nats/index.js");
  const bus = await connectNats({ servers, name: "agentwire tap", env: io.env, signal: io.signal });
  const over = new Cut([io.signal], timeLimit({ timeoutMs, what: "listening" }));
  let failure: unknown;
  const end = (error?: unknown): void => {
    if (over.reason === undefined) failure = error;
    over.cut(new ClosedError("the tap has ended"));
  };
  const recorder = new Recorder({ maxBytes: 0, raw });
  let shown = 0;
  let queue = Promise.resolve();
  // One after the other, so that the lines keep the order of the messages.
  const take = (subject: string, data: Uint8Array): void => {
    queue = queue
      .then(async () => {
        if (shown >= limit) return;
        if (show(recorder.add(...(await packetRecord(subject, data, keys)))) && ++shown >= limit) end();
      })
      .catch(end);
  };
  const off = bus.onStatus((status, error) => {
    io.err(`${status}${error === undefined ? "" : `: ${errorText(error)}`}\n`);
    if (status === "closed") end(error);
  });
  try {
    for (const wanted of subjects) {
      await bus.subscribe(wanted, ({ subject, data }) => take(subject, data));
    }
    io.err(`listening to ${subjects.join(" ")}\n`);
    await new Promise<void>((resolve) => {
      over.on(() => resolve());
      if (over.reason !== undefined) resolve();
    });
    await queue;
    if (failure !== undefined) throw failure;
  } finally {
    over.done();
    off();
    await bus.close();
  }
  return limit !== Infinity && shown < limit && !io.signal.aborted ? EXIT.no : EXIT.ok;
}

/** Shows a capture; packets whose bytes it contains are verified again. */
async function replay(
  path: string,
  { raw = false, count: limit = Infinity }: TapOptions,
  io: Io,
  keys: KeyFiles,
  show: Printer,
): Promise<number> {
  const bytes = path === "-" ? await io.readInput() : await readBytes(path);
  let records: CaptureRecord[];
  try {
    records = parseCapture(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new ValidationError(`${path} is not a capture: ${errorText(error)}`, { code: "BAD_INPUT" });
  }
  let shown = 0;
  for (const record of records) {
    if (shown >= limit) break;
    if (show(await verified(record, keys, raw))) shown++;
  }
  return limit !== Infinity && shown < limit ? EXIT.no : EXIT.ok;
}

/** A packet whose bytes are known is decoded and verified again. */
async function verified(
  { raw, ...record }: CaptureRecord,
  keys: KeyFiles,
  keep: boolean,
): Promise<CaptureRecord> {
  const { protocol, op } = record;
  const bytes = keep && raw !== undefined ? { raw } : {};
  if (protocol !== "cap" || op === undefined || raw === undefined) return { ...record, ...bytes };
  const [seen] = await packetRecord(op, new Uint8Array(Buffer.from(raw, "base64")), keys);
  return { ...record, ...withoutSecrets(seen), ...bytes };
}
