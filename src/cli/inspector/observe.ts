/** The record of everything that goes through a stack, and the state that follows from it. */
import { createWriteStream, type WriteStream } from "node:fs";
import { ValidationError } from "../../core/errors.js";
import { VERSION } from "../../index.js";
import type { KeyFiles } from "../key-files.js";
import { packetRecord } from "./packet-record.js";
import { type CaptureRecord, captureHeader } from "./record.js";
import { Recorder } from "./recorder.js";
import { Tracker } from "./tracker.js";

/** Options of {@link observe}. */
export interface ObserveOptions {
  readonly keys: KeyFiles;
  /** A new file for the capture. */
  readonly record?: string | undefined;
  /** Also write the bytes, which may hold secrets. */
  readonly raw?: boolean | undefined;
  readonly log: (part: string, text: string) => void;
}

/** What observes a stack. */
export interface Observed {
  readonly recorder: Recorder;
  readonly tracker: Tracker;
  /** Takes a message of the bus; messages keep their order. */
  onMessage(subject: string, data: Uint8Array): void;
  /** Resolves once everything that was seen is recorded, and written. */
  close(): Promise<void>;
}

/** Starts to observe. Rejects with a `ValidationError` for a file that exists or cannot be written. */
export async function observe({ keys, record, raw = false, log }: ObserveOptions): Promise<Observed> {
  const recorder = new Recorder({ raw });
  const tracker = new Tracker();
  recorder.onRecord(({ line }) => tracker.take(JSON.parse(line) as CaptureRecord));
  const file = record === undefined ? undefined : await openCapture(record, recorder.startedAt);
  file?.on("error", (error) => log("record", `cannot write ${record}: ${error.message}`));
  if (file !== undefined) recorder.onRecord(({ line }) => void file.write(`${line}\n`));
  let queue = Promise.resolve();
  return {
    recorder,
    tracker,
    onMessage: (subject, data) => {
      queue = queue
        .then(async () => void recorder.add(...(await packetRecord(subject, data, keys))))
        .catch((error: unknown) => log("record", `${subject}: ${String(error)}`));
    },
    async close() {
      await queue;
      if (file !== undefined) await new Promise<void>((resolve) => file.end(() => resolve()));
    },
  };
}

function openCapture(path: string, startedAt: string): Promise<WriteStream> {
  const file = createWriteStream(path, { flags: "wx", mode: 0o600 });
  return new Promise((resolve, reject) => {
    file.once("open", () => {
      file.write(captureHeader(VERSION, startedAt));
      resolve(file);
    });
    file.once("error", (error: NodeJS.ErrnoException) => {
      const exists = error.code === "EEXIST";
      const why = exists ? "it exists and is not overwritten" : error.message;
      const code = exists ? "FILE_EXISTS" : "UNWRITABLE_FILE";
      reject(new ValidationError(`cannot write --record ${path}: ${why}`, { code }));
    });
  });
}
