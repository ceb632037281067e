/** `agentwire tap`: what goes over the bus, decoded and verified, live or from a capture. */
import { BusPacketSchema } from "../../../gen/cap/index.js";
import { linkSignals } from "../../core/abort.js";
import { errorText, ValidationError } from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import { onAbort } from "../../core/on-abort.js";
import { type CliCommand, choice, type JsonOption, repeated, wholeNumber } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { interpret, readBytes } from "../input.js";
import type { Io } from "../io.js";
import { readKeyFiles } from "../key-files.js";
import { type Captured, type TapFilter, tapLine, tapRecord, wanted } from "./tap-record.js";

/** All CAP subjects; other subjects of the server are ignored. */
const SUBJECTS = ["sys.>", "job.>", "worker.>"];
const KINDS = BusPacketSchema.oneofs[0]!.fields.map(({ localName }) => localName);

interface TapOptions extends JsonOption {
  readonly nats?: string;
  readonly from?: string;
  readonly key?: readonly string[];
  readonly job?: string;
  readonly sender?: string;
  readonly kind?: string;
  readonly refused?: boolean;
  readonly data?: boolean;
  readonly count?: number;
  readonly timeoutMs?: number;
}

/** `agentwire tap`. */
export const tapCommand: CliCommand = {
  configure: (command) =>
    command
      .argument("[subjects...]", "subjects, with * and > (default: sys.> job.> worker.>)")
      .option("--nats <url>", "NATS server (default: NATS_URL, else nats://127.0.0.1:4222)")
      .option("--from <file>", "a capture of --json --data, or - for the standard input")
      .option("--key <sender=pem>", "public key of a sender, to verify its packets", repeated)
      .option("--job <id>", "only packets about this job")
      .option("--sender <id>", "only packets of this sender")
      .addOption(choice("--kind <payload>", "only packets with this payload", KINDS))
      .option("--refused", "only what does not verify, violates the protocol or is not a packet")
      .option("--data", "with --json: include the bytes of each message. They may contain tokens")
      .option("--count <n>", "exit after this many messages", wholeNumber(1))
      .option(
        "--timeout-ms <n>",
        "exit after this time; exit code 1 if --count was not reached",
        wholeNumber(1),
      ),
  stops: true,
  notes:
    "It subscribes without a queue group, so it takes no job from a worker. --json prints one line for each message.\n" +
    "Exits on Ctrl-C, with exit code 0.",
  examples: [
    ["tap", "all CAP packets on NATS_URL"],
    ["tap 'sys.job.>' --key w=w.pub.pem --refused", "what a receiver with this key would refuse"],
    ["tap --json --data --count 100 > capture.jsonl", "writes a capture"],
    ["tap --from capture.jsonl --kind jobResult", "reads it"],
  ],
  async run(options: TapOptions, io, given) {
    const { from, job, sender, kind, refused = false, count: limit = Infinity } = options;
    const subjects = given.length > 0 ? [...new Set(given)] : from === undefined ? SUBJECTS : [">"];
    const show = await printer(options, io, { subjects, job, sender, kind, refused });
    const exitCode =
      from === undefined
        ? await listen(options, io, subjects, show, limit)
        : await replay(from, show, limit, io);
    return { exitCode };
  },
};

/** Prints a message if it is wanted. Resolves with whether it was. */
type Printer = (captured: Captured) => Promise<boolean>;

async function printer(
  { json = false, key, data = false }: TapOptions,
  io: Io,
  filter: TapFilter,
): Promise<Printer> {
  const keys = await readKeyFiles(key);
  return async (captured) => {
    const record = await tapRecord(captured, { keys, withData: json && data });
    if (!wanted(record, filter)) return false;
    io.out(json ? `${JSON.stringify(record)}\n` : tapLine(record, io));
    return true;
  };
}

async function listen(
  { nats: servers, timeoutMs }: TapOptions,
  io: Io,
  subjects: readonly string[],
  show: Printer,
  limit: number,
): Promise<number> {
  const { connectNats } = await import("../../cap/nats/index.js");
  const bus = await connectNats({ servers, name: "agentwire tap", env: io.env, signal: io.signal });
  const link = linkSignals([io.signal], { timeoutMs, what: "listening" });
  const ended = new Ending(link.signal);
  let shown = 0;
  let queue = Promise.resolve();
  // One after the other, so that the lines keep the order of the messages.
  const take = (captured: Captured): void => {
    queue = queue
      .then(async () => {
        if (shown < limit && (await show(captured)) && ++shown >= limit) ended.now();
      })
      .catch(ended.now);
  };
  const off = bus.onStatus((status, error) => {
    io.err(`${status}${error === undefined ? "" : `: ${errorText(error)}`}\n`);
    if (status === "closed") ended.now(error);
  });
  try {
    for (const wanted of subjects) {
      await bus.subscribe(wanted, ({ subject, data }) =>
        take({ at: new Date().toISOString(), subject, data }),
      );
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

async function replay(path: string, show: Printer, limit: number, io: Io): Promise<number> {
  const bytes = path === "-" ? await io.readInput() : await readBytes(path);
  const input = interpret(bytes, "json");
  let shown = 0;
  for (const [at, value] of (input.kind === "json" ? input.values : []).entries()) {
    if (shown >= limit) break;
    if (await show(capturedOf(value, at + 1))) shown++;
  }
  return limit !== Infinity && shown < limit ? EXIT.no : EXIT.ok;
}

function capturedOf(value: unknown, line: number): Captured {
  if (!isObject(value) || typeof value.subject !== "string" || typeof value.data !== "string") {
    const text = `line ${line}: expected a message of tap --json --data`;
    throw new ValidationError(text, { code: "BAD_INPUT" });
  }
  const at = typeof value.at === "string" ? value.at : "";
  return { at, subject: value.subject, data: new Uint8Array(Buffer.from(value.data, "base64")) };
}
