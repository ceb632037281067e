/** `agentwire inspect`: the inspector page on a real bus, or on a capture. It only reads. */
import { systemClock } from "../../core/clock.js";
import { errorText, ValidationError } from "../../core/errors.js";
import { onAbort } from "../../core/on-abort.js";
import { type CliCommand, type JsonOption, port, repeated, UsageError } from "../command.js";
import { readToken } from "../dev/token.js";
import { readBytes } from "../input.js";
import { observe } from "../inspector/observe.js";
import { CAP_SUBJECTS } from "../inspector/packet-record.js";
import { type CaptureRecord, MAX_CAPTURE_BYTES, parseCapture } from "../inspector/record.js";
import { Recorder } from "../inspector/recorder.js";
import { serveInspector } from "../inspector/server.js";
import { Tracker } from "../inspector/tracker.js";
import { type Io, oneLine } from "../io.js";
import { type KeyFiles, readKeyFiles } from "../key-files.js";

interface InspectOptions extends JsonOption {
  readonly nats?: string;
  readonly file?: string;
  readonly key?: readonly string[];
  readonly record?: string;
  readonly raw?: boolean;
  readonly port?: number;
  readonly tokenFile?: string;
}

/** Records, and how to let go of their source. */
interface Source {
  readonly mode: "inspect" | "file";
  readonly recorder: Recorder;
  readonly tracker: Tracker;
  close(): Promise<void>;
}

/** `agentwire inspect`. */
export const inspectCommand: CliCommand = {
  configure: (command) =>
    command
      .option("--nats <url>", "NATS server whose CAP packets are shown (default: NATS_URL)")
      .option("--file <file>", "show this capture instead")
      .option("--key <sender=pem>", "public key of a sender, to verify its packets", repeated)
      .option("--record <file>", "also write what is observed to this new capture")
      .option("--raw", "with --record: include the bytes of messages. They may contain tokens")
      .option("--port <n>", "port of the page (default: a free one)", port)
      .option("--token-file <file>", "keep the token of the page in this file, for a bookmark"),
  stops: true,
  notes: "It subscribes without a queue group and publishes nothing: the page has no way to send.",
  examples: [
    ["inspect --nats nats://127.0.0.1:4222 --key worker-1=worker-1.pub.pem", "a bus that is running"],
    ["inspect --file capture.ndjson", "a capture of dev --record, tap --json or the page"],
  ],
  async run(options: InspectOptions, io) {
    if (options.file !== undefined && (options.nats !== undefined || options.record !== undefined)) {
      throw new UsageError("--file cannot be combined with --nats or --record");
    }
    if (options.raw && options.record === undefined) throw new UsageError("--raw requires --record <file>");
    const token = await readToken(options.tokenFile);
    const keys = await readKeyFiles(options.key);
    const source =
      options.file === undefined ? await openBus(options, keys, io) : await openFile(options.file);
    const { mode, recorder, tracker } = source;
    try {
      const state = () => ({
        mode,
        now: recorder.mono(),
        env: {},
        parts: {},
        targets: [],
        approvals: [],
        ...tracker.state(),
      });
      const page = await serveInspector({ port: options.port ?? 0, recorder, token, state });
      try {
        if (options.json)
          io.out(
            `${JSON.stringify({ ok: true, command: "inspect", result: { inspector: page.pageUrl } })}\n`,
          );
        else io.out(`${page.pageUrl}\n`);
        await new Promise<void>((resolve) => onAbort(io.signal, resolve));
      } finally {
        await page.close();
      }
    } finally {
      await source.close();
    }
    return {};
  },
};

async function openBus({ nats, record, raw }: InspectOptions, keys: KeyFiles, io: Io): Promise<Source> {
  const { connectNats } = await import("../../cap/nats/index.js");
  const bus = await connectNats({ servers: nats, name: "agentwire inspect", env: io.env, signal: io.signal });
  try {
    const log = (part: string, text: string): void => io.err(`${part} ${oneLine(text)}\n`);
    const observed = await observe({ keys, record, raw, log });
    bus.onStatus((status, error) =>
      log("nats", `${status}${error === undefined ? "" : `: ${errorText(error)}`}`),
    );
    for (const subject of CAP_SUBJECTS) {
      await bus.subscribe(subject, ({ subject, data }) => observed.onMessage(subject, data));
    }
    const close = async (): Promise<void> => {
      await bus.close();
      await observed.close();
    };
    return { ...observed, mode: "inspect", close };
  } catch (error) {
    await bus.close();
    throw error;
  }
}

async function openFile(path: string): Promise<Source> {
  let records: CaptureRecord[];
  try {
    records = parseCapture(new TextDecoder().decode(await readBytes(path)));
  } catch (error) {
    throw new ValidationError(`${path} is not a capture: ${errorText(error)}`, { code: "BAD_INPUT" });
  }
  // Time stands still at the end of a capture.
  const end = records.at(-1)?.mono ?? 0;
  const recorder = new Recorder({
    maxBytes: 2 * MAX_CAPTURE_BYTES,
    clock: { ...systemClock, monotonic: () => end },
  });
  const tracker = new Tracker();
  const numbers = new Map<number, number>();
  for (const record of records) {
    const own = recorder.addCaptured(record, (seq) => numbers.get(seq));
    numbers.set(record.seq, own.seq);
    tracker.take(own);
  }
  return { mode: "file", recorder, tracker, close: async () => {} };
}
