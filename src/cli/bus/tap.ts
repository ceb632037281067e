/** `agentwire tap`: what goes over the bus, decoded and verified, live or from a capture. */
import { BusPacketSchema } from "../../../gen/cap/index.js";
import { linkSignals } from "../../core/abort.js";
import { errorText, ValidationError } from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import { onAbort } from "../../core/on-abort.js";
import type { Args, Command } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { interpret, readBytes } from "../input.js";
import type { Io } from "../io.js";
import { readKeyFiles } from "../key-files.js";
import { type Captured, type TapFilter, tapLine, tapRecord, wanted } from "./tap-record.js";

/** Everything of CAP; other subjects of the server are not listened to. */
const SUBJECTS = ["sys.>", "job.>", "worker.>"];
const KINDS = BusPacketSchema.oneofs[0]!.fields.map(({ localName }) => localName);

/** Options, help and run of `agentwire tap`. */
export const tapCommand: Command = {
  options: [
    { name: "nats", value: "URL", about: "the server (default: NATS_URL, else nats://127.0.0.1:4222)" },
    { name: "from", value: "FILE", about: "a capture made with --json --data, or - for the standard input" },
    {
      name: "key",
      value: "SENDER=PEM",
      multiple: true,
      about: "public key of a sender, to verify its packets",
    },
    { name: "job", value: "ID", about: "only packets about this job" },
    { name: "sender", value: "ID", about: "only packets of this sender" },
    { name: "kind", value: "KIND", about: "only this payload: jobRequest, jobResult, heartbeat, …" },
    { name: "refused", about: "only what does not verify, breaks a rule or is no packet" },
    { name: "data", about: "with --json: the bytes of each message too. They may hold tokens" },
    { name: "count", value: "N", about: "end after so many" },
    { name: "timeout-ms", value: "N", about: "end after so long; exit code 1 when --count was not reached" },
  ],
  maxArguments: 20,
  stops: true,
  notes:
    "Arguments are subjects, with * and > (default: sys.> job.> worker.>). It only listens, in no queue group, so no\n" +
    "job is taken from a worker. --json prints one line for each message. Ends at Ctrl-C, with exit code 0.",
  examples: [
    ["tap", "everything of CAP on NATS_URL"],
    ["tap 'sys.job.>' --key w=w.pub.pem --refused", "what a receiver with this key would refuse"],
    ["tap --json --data --count 100 > capture.jsonl", "a capture"],
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
    const show = await printer(args, io, filter);
    return from === undefined
      ? listen(args, io, filter.subjects, show, limit)
      : replay(from, show, limit, io);
  },
};

/** Prints a message if it is wanted. Resolves with whether it was. */
type Printer = (captured: Captured) => Promise<boolean>;

async function printer(args: Args, io: Io, filter: TapFilter): Promise<Printer> {
  const json = args.flag("json");
  const options = { keys: await readKeyFiles(args, "key"), withData: json && args.flag("data") };
  return async (captured) => {
    const record = await tapRecord(captured, options);
    if (!wanted(record, filter)) return false;
    io.out(json ? `${JSON.stringify(record)}\n` : tapLine(record, io));
    return true;
  };
}

async function listen(
  args: Args,
  io: Io,
  subjects: readonly string[],
  show: Printer,
  limit: number,
): Promise<number> {
  const { connectNats } = await import("../../cap/nats/index.js");
  const servers = args.text("nats");
  const bus = await connectNats({ servers, name: "agentwire tap", env: io.env, signal: io.signal });
  const link = linkSignals([io.signal], { timeoutMs: args.whole("timeout-ms", 1), what: "listening" });
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
    const text = `line ${line} is no message: a capture is made with tap --json --data`;
    throw new ValidationError(text, { code: "BAD_INPUT" });
  }
  const at = typeof value.at === "string" ? value.at : "";
  return { at, subject: value.subject, data: new Uint8Array(Buffer.from(value.data, "base64")) };
}
