/**
 * The one record of what went over a protocol: one line of NDJSON in captures, in `tap --json`, in `/events.ndjson`
 * and in fixtures, and what the inspector page shows. Runs in browsers too.
 */

export type Protocol = "cap" | "neuron" | "aureus" | "4runr";
export type Status = "ok" | "failed" | "denied" | "refused" | "cancelled" | "timeout" | "pending";

/** Ids that join records to one trace. */
export interface RecordIds {
  readonly trace?: string | undefined;
  readonly job?: string | undefined;
  readonly lease?: string | undefined;
  readonly task?: string | undefined;
  readonly workflow?: string | undefined;
  readonly action?: string | undefined;
  readonly token?: string | undefined;
  readonly request?: string | undefined;
  readonly parent?: string | undefined;
}

/** What is said about an observation before it has a number and a time. Unset members are left out of the line. */
export interface Observation {
  readonly type: "message" | "request" | "response" | "event" | "state" | "log" | "gap";
  readonly protocol?: Protocol | undefined;
  readonly via?: "tap" | "server" | "client" | "file" | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly dir?: "in" | "out" | undefined;
  /** Subject of CAP, operation id over HTTP. */
  readonly op?: string | undefined;
  /** Kind of payload or frame. */
  readonly kind?: string | undefined;
  /** Topic, capability, `tool:action`, workflow. */
  readonly name?: string | undefined;
  /** Method and path of a request, such as `POST /api/proxy-request`. */
  readonly target?: string | undefined;
  /** `seq` of what this answers, and how long that took in milliseconds. */
  readonly re?: number | undefined;
  readonly ms?: number | undefined;
  readonly status?: Status | undefined;
  readonly code?: string | undefined;
  readonly http?: number | undefined;
  readonly reason?: string | undefined;
  readonly ids?: RecordIds | undefined;
  readonly attempt?: number | undefined;
  readonly bytes?: number | undefined;
  readonly sig?: Signature | undefined;
  readonly lease?:
    | { readonly ttlMs?: number; readonly expiresAt?: string; readonly renewals?: number }
    | undefined;
  readonly policy?: { readonly allowed: boolean; readonly rule?: string | undefined } | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: unknown;
  /** JSON pointers of what was masked in headers and body. */
  readonly masked?: readonly string[] | undefined;
  /** Bytes of the body that were left out. */
  readonly cut?: number | undefined;
  /** Base64 of the bytes, where they were asked for. They may hold secrets. */
  readonly raw?: string | undefined;
  /** Only in a `gap`: how many records are missing here. */
  readonly dropped?: number | undefined;
}

/** What is known of a packet's signature. */
export interface Signature {
  /** `verified`, `unsigned`, `not_checked`, or why it does not verify, as `agentwire verify` says it. */
  readonly verdict: string;
  readonly text?: string | undefined;
  readonly advice?: string | undefined;
  readonly sender?: string | undefined;
  readonly order?: string | undefined;
  /** SHA-256 of the canonical bytes, hex. */
  readonly digest?: string | undefined;
}

/** One observation. */
export interface CaptureRecord extends Observation {
  /** Counts up by one in its capture. */
  readonly seq: number;
  /** ISO 8601, with microseconds where they are known. */
  readonly at: string;
  /** Milliseconds of a clock that never goes back; durations are differences of it. */
  readonly mono: number;
}

/** A record without headers and body: what the timeline keeps of it. `text` is how its
 * body begins; of a packet, its payload. */
export type Summary = Omit<CaptureRecord, "headers" | "body" | "masked" | "raw"> & { readonly text?: string };

const TEXT_SHOWN = 160;

/** The summary of a record. */
export function summaryOf({ headers: _h, body, masked: _m, raw: _r, ...rest }: CaptureRecord): Summary {
  if (body === undefined) return rest;
  const payload =
    rest.protocol === "cap"
      ? (body as Readonly<Record<string, unknown>> | null)?.[rest.kind ?? ""]
      : undefined;
  const text = typeof body === "string" ? body : JSON.stringify(payload ?? body);
  return { ...rest, text: text.slice(0, TEXT_SHOWN) };
}

/** The first line of a capture. */
export function captureHeader(version: string, startedAt: string): string {
  const header = { v: 1, type: "capture", tool: `agentwire ${version}`, startedAt, masked: true };
  return `${JSON.stringify(header)}\n`;
}

/** The largest capture that is opened. */
export const MAX_CAPTURE_BYTES = 200_000_000;

/**
 * The records of a capture; its first line may be missing. Members that this version does not know are kept.
 *
 * @throws SyntaxError that names the line
 */
export function parseCapture(text: string): CaptureRecord[] {
  if (text.length > MAX_CAPTURE_BYTES) throw new SyntaxError("a capture may have 200 MB at most");
  const records: CaptureRecord[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const record = parseLine(line, at + 1);
    if (record !== undefined) records.push(record);
  }
  return records;
}

function parseLine(line: string, number: number): CaptureRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new SyntaxError(`line ${number} is not JSON; expected one record of a capture`);
  }
  const { type, v, seq, at, mono } = (value ?? {}) as Record<string, unknown>;
  if (type === "capture") {
    if (v === 1) return undefined;
    throw new SyntaxError(`line ${number}: version ${String(v)} of the format is not known; expected 1`);
  }
  if (
    typeof type !== "string" ||
    typeof seq !== "number" ||
    typeof at !== "string" ||
    typeof mono !== "number"
  ) {
    throw new SyntaxError(`line ${number} is not a record: type, seq, at and mono are required`);
  }
  return value as CaptureRecord;
}
