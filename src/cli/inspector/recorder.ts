/** Numbers, masks and keeps what was observed, in a bounded ring that many can read, each at its own pace. */
import { type Clock, systemClock } from "../../core/clock.js";
import { maskText } from "../../core/mask-text.js";
import { masked } from "../masked.js";
import { type CaptureRecord, type Observation, summaryOf } from "./record.js";

/** A record that is kept. */
export interface Kept {
  readonly seq: number;
  /** The record as JSON. */
  readonly line: string;
  /** Its summary as JSON. */
  readonly summary: string;
  /** The bytes of the packet or of the request, unmasked: only this process sees them. */
  readonly data: Uint8Array | undefined;
  /** Characters and bytes it takes. */
  readonly size: number;
}

/** What is known beside an observation. */
export interface Beside {
  readonly data?: Uint8Array | undefined;
  /** This begins something that another observation will answer, such as `job:j-1`. */
  readonly opens?: string | undefined;
  /** This belongs to what began so; `re` and `ms` are filled in. */
  readonly answers?: string | undefined;
}

/** Options of {@link Recorder}. */
export interface RecorderOptions {
  /** What the ring may hold. Default: 64 MiB. */
  readonly maxBytes?: number;
  /** Also write `raw`, which may hold secrets. Default: false. */
  readonly raw?: boolean;
  readonly clock?: Clock;
}

interface Began {
  readonly seq: number;
  readonly mono: number;
  readonly name: string | undefined;
}

const MAX_OPEN = 50_000;

/** Keeps what was observed. */
export class Recorder {
  readonly startedAt: string;
  readonly #began: { readonly now: number; readonly mono: number };
  readonly #clock: Clock;
  readonly #maxBytes: number;
  readonly #raw: boolean;
  readonly #open = new Map<string, Began>();
  readonly #listeners = new Set<(kept: Kept) => void>();
  #ring: Kept[] = [];
  #first = 1;
  #next = 1;
  #size = 0;

  constructor(options: RecorderOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
    this.#raw = options.raw ?? false;
    this.#began = { now: this.#clock.now(), mono: this.#clock.monotonic() };
    this.startedAt = new Date(this.#began.now).toISOString();
  }

  /** How many records the ring no longer holds. */
  get dropped(): number {
    return this.#first - 1;
  }

  /** The number of the last record; 0 before the first. */
  get last(): number {
    return this.#next - 1;
  }

  /** The clock of `CaptureRecord.mono`. */
  mono(): number {
    return this.#clock.monotonic();
  }

  /** Calls `listener` for every record until the returned function is called. */
  onRecord(listener: (kept: Kept) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes an observation; secrets are masked before anything is kept. */
  add(seen: Observation, { data, opens, answers }: Beside = {}): CaptureRecord {
    const [seq, mono] = [this.#next, this.#clock.monotonic()];
    const began = answers === undefined ? undefined : this.#open.get(answers);
    const now = this.#began.now + mono - this.#began.mono;
    const micros = String(Math.floor((now % 1) * 1_000)).padStart(3, "0");
    const at = new Date(now).toISOString().replace("Z", `${micros}Z`);
    const since = began && { re: began.seq, ms: round(mono - began.mono), name: began.name };
    const raw = this.#raw && data !== undefined ? Buffer.from(data).toString("base64") : undefined;
    const record: CaptureRecord = {
      seq,
      at,
      mono: round(mono),
      ...since,
      ...withoutSecrets(seen),
      ...(raw && { raw }),
    };
    this.#note(opens, { seq, mono, name: record.name });
    this.#keep(record, data);
    return record;
  }

  /** Takes a record of a capture under a number of this one; `re` follows it. */
  addCaptured(record: CaptureRecord, moved: (seq: number) => number | undefined): CaptureRecord {
    const re = record.re === undefined ? undefined : moved(record.re);
    const own: CaptureRecord = { ...record, seq: this.#next, via: "file", ...(re !== undefined && { re }) };
    this.#keep(own, record.raw === undefined ? undefined : new Uint8Array(Buffer.from(record.raw, "base64")));
    return own;
  }

  get(seq: number): Kept | undefined {
    return this.#ring[seq - this.#first];
  }

  /** At most `limit` records after `seq`, and how many of those that followed it are gone. */
  after(seq: number, limit: number): { readonly records: readonly Kept[]; readonly dropped: number } {
    const dropped = Math.max(0, this.#first - 1 - seq);
    const from = Math.max(0, seq + 1 - this.#first);
    return { records: this.#ring.slice(from, from + limit), dropped };
  }

  #note(key: string | undefined, began: Began): void {
    if (key === undefined || this.#open.has(key)) return;
    this.#open.set(key, began);
    if (this.#open.size > MAX_OPEN) this.#open.delete(this.#open.keys().next().value!);
  }

  #keep(record: CaptureRecord, data: Uint8Array | undefined): void {
    const [line, summary] = [JSON.stringify(record), JSON.stringify(summaryOf(record))];
    const size = line.length + summary.length + (data?.length ?? 0);
    const kept = { seq: record.seq, line, summary, data, size };
    this.#next = record.seq + 1;
    this.#ring.push(kept);
    this.#size += size;
    let gone = 0;
    while (this.#size > this.#maxBytes && gone < this.#ring.length - 1)
      this.#size -= this.#ring[gone++]!.size;
    if (gone > 0) this.#ring.splice(0, gone);
    this.#first += gone;
    for (const listener of this.#listeners) listener(kept);
  }
}

const round = (ms: number): number => Math.round(ms * 1_000) / 1_000;

/** Headers, body and every text without secrets, with the pointers of what was masked. */
export function withoutSecrets(seen: Observation): Observation {
  const pointers: string[] = [];
  const clean = <T>(member: string, value: T): T => {
    const shown = masked(value) as T;
    changes(value, shown, `/${member}`, pointers);
    return shown;
  };
  const { headers, body, reason, name, target, from } = seen;
  return {
    ...seen,
    ...(reason !== undefined && { reason: maskText(reason) }),
    ...(name !== undefined && { name: maskText(name) }),
    ...(from !== undefined && { from: maskText(from) }),
    ...(target !== undefined && { target: maskText(target) }),
    ...(headers !== undefined && { headers: clean("headers", headers) }),
    ...(body !== undefined && { body: clean("body", body) }),
    ...(pointers.length > 0 && { masked: pointers }),
  };
}

const isTree = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

function changes(before: unknown, after: unknown, path: string, out: string[]): void {
  if (isTree(before) && isTree(after)) {
    for (const name of Object.keys(before)) {
      changes(before[name], after[name], `${path}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`, out);
    }
  } else if (before !== after && before !== undefined) out.push(path);
}
