/** `agentwire tap`: what goes over the bus, decoded and verified, live or from a capture. */
import { BusPacketSchema } from "../../../gen/cap/index.js";
import { linkSignals } from "../../core/abort.js";
import { errorText, ValidationError } from "../../core/errors.js";
import { onAbort } from "../../core/on-abort.js";
import { VERSION } from "../../index.js";
import type { Args, Command } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { readBytes } from "../input.js";
import { packetRecord } from "../inspector/packet-record.js";
import { type CaptureRecord, captureHeader, parseCapture } from "../inspector/record.js";
import { Recorder, withoutSecrets } from "../inspector/recorder.js";
import type { Io } from "../io.js";
import { type KeyFiles, readKeyFiles } from "../key-files.js";
import { type TapFilter, tapLine, wanted } from "./tap-record.js";

/** Everything of CAP; other subjects of the server are not listened to. */
const SUBJECTS = ["sys.>", "job.>", "worker.>"];
const KINDS = BusPacketSchema.oneofs[0]!.fields.map(({ localName }) => localName);

/** Options, help and run of `agentwire tap`. */
export const tapCommand: Command = {
  options: [
    { name: "nats", value: "URL", about: "the server (default: NATS_URL, else nats://127.0.0.1:4222)" },
    {
      name: "from",
      value: "FILE",
      about: "a capture made with --json or by dev --record, or - for the standard input",
    },
    {
      name: "key",
      value: "SENDER=PEM",
      multiple: true,
      about: "public key of a sender, to verify its packets",
    },
    { name: "job", value: "ID", about: "only packets about this job" },
    { name: "sender", value: "ID", about: "only packets of this sender" },
    { name: "kind", value: "KIND", about: "only this payload: jobRequest, jobResult, heartbeat, …" },
    { name: "refused", about: "only what does not verify, breaks a rule or is not a packet" },
    { name: "raw", about: "with --json: the bytes of each message too. They may hold tokens" },
    { name: "count", value: "N", about: "end after so many" },
    { name: "timeout-ms", value: "N", about: "end after so long; exit code 1 when --count was not reached" },
  ],
  maxArguments: 20,
  stops: true,
  notes:
    "Arguments are subjects, with * and > (default: sys.> job.> worker.>). It only listens, in no queue group, so no\n" +
    "job is taken from a worker. --json prints a capture: one record on each line. Ends at Ctrl-C, with exit code 0.",
  examples: [
    ["tap", "everything of CAP on NATS_URL"],
    ["tap 'sys.job.>' --key w=w.pub.pem --refused", "what a receiver with this key would refuse"],
    ["tap --json --raw --count 100 > capture.jsonl", "a capture"],
    ["tap --from capture.jsonl --kind jobResult", "and what was in it"],
  ],
  async run(args, io) {
    const from = args.text("from");
    const kind = args.text("kind") === undefined ? undefined : args.choice("kind", KINDS, KINDS[0]!);
    const filter: TapFilter = {
      subjects: args.rest.length > 0 ? [...new Set(args.rest)] : from === undefined ? SUBJECTS : [">"],
      job: args.text("job"),
      sender: args.text("sender"),
      kind,
      refused: args.flag("refused"),
    };
    const limit = args.whole("count", 1) ?? Infinity;
    const keys = await readKeyFiles(args, "key");
    const json = args.flag("json");
    const show: Printer = (record) => {
      if (!wanted(record, filter)) return false;
      io.out(json ? `${JSON.stringify(record)}\n` : tapLine(record, io));
      return true;
    };
    if (json) io.out(captureHeader(VERSION, new Date().toISOString()));
    return from === undefined
      ? listen(args, io, filter.subjects, keys, show, limit)
      : replay(from, keys, show, args.flag("raw"), limit, io);
  },
};

/** Prints a record if it is wanted, and returns whether it was. */
type Printer = (record: CaptureRecord) => boolean;

async function listen(
  args: Args,
  io: Io,
  subjects: readonly string[],
  keys: KeyFiles,
  show: Printer,
  limit: number,
): Promise<number> {
  const { connectNats } = await import("../../cap/nats/index.js");
  const servers = args.text("nats");
  const bus = await connectNats({ servers, name: "agentwire tap", env: io.env, signal: io.signal });
  const link = linkSignals([io.signal], { timeoutMs: args.whole("timeout-ms", 1), what: "listening" });
  const ended = new Ending(link.signal);
  const recorder = new Recorder({ maxBytes: 0, raw: args.flag("raw") });
  let shown = 0;
  let queue = Promise.resolve();
  // One after the other, so that the lines keep the order of the messages.
  const take = (subject: string, data: Uint8Array): void => {
    queue = queue
      .then(async () => {
        if (shown >= limit) return;
        if (show(recorder.add(...(await packetRecord(subject, data, keys)))) && ++shown >= limit) ended.now();
      })
      .catch(ended.now);
  };
  const off = bus.onStatus((status, error) => {
    io.err(`${status}${error === undefined ? "" : `: ${errorText(error)}`}\n`);
    if (status === "closed") ended.now(error);
  });
  try {
    for (const wanted of subjects) {
      await bus.subscribe(wanted, ({ subject, data }) => take(subject, data));
    }
    io.err(`listening to ${subjects.join(" ")}\n`);
    await ended.promise;
    await queue;
  } finally {
    link.dispose();
    off();
    await bus.close();
  }
  return limit !== Infinity && shown < limit && !io.signal.aborted ? EXIT.no : EXIT.ok;
}

/** The end of listening: enough was seen, the time is over, Ctrl-C, or an error. */
class Ending {
  readonly promise: Promise<void>;
  readonly now: (error?: unknown) => void;

  constructor(signal: AbortSignal) {
    let now: (error?: unknown) => void = () => {};
    this.promise = new Promise((resolve, reject) => {
      now = (error) => (error === undefined ? resolve() : reject(error as Error));
    });
    this.promise.catch(() => {}); // it may fail while nobody waits for it yet
    this.now = now;
    if (signal.aborted) now();
    else onAbort(signal, () => now());
  }
}

/** Shows a capture; packets whose bytes it holds are verified again. */
async function replay(
  path: string,
  keys: KeyFiles,
  show: Printer,
  keepRaw: boolean,
  limit: number,
  io: Io,
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
    if (show(await verified(record, keys, keepRaw))) shown++;
  }
  return limit !== Infinity && shown < limit ? EXIT.no : EXIT.ok;
}

/** A packet whose bytes are there is decoded and verified again. */
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
