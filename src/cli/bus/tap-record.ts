/** One message of the bus, as `agentwire tap` shows it. */

import { type BusPacket, BusPacketSchema, JobStatus } from "../../../gen/cap/index.js";
import { subjectMatches } from "../../cap/bus.js";
import { decodePacket } from "../../cap/packet.js";
import { validatePacket } from "../../cap/validate.js";
import { errorText } from "../../core/errors.js";
import { type Io, oneLine, paint } from "../io.js";
import type { KeyFiles } from "../key-files.js";
import { masked } from "../masked.js";
import { diagnose } from "../packet/diagnose.js";
import { messageToJson } from "../packet/packet-json.js";

/** A message as it came. */
export interface Captured {
  /** When, ISO 8601. */
  readonly at: string;
  readonly subject: string;
  readonly data: Uint8Array;
}

/** What is known of it. `--json` prints one on each line. */
export interface TapRecord {
  readonly at: string;
  readonly subject: string;
  readonly bytes: number;
  readonly sender?: string;
  readonly payload?: string | undefined;
  readonly jobId?: string;
  readonly traceId?: string;
  readonly status?: string;
  /** `not checked`: no keys were given. Else why it does not verify. */
  readonly signature: string;
  /** What is wrong with it besides its signature. */
  readonly problem?: string;
  /** All fields; secrets are masked. */
  readonly packet?: unknown;
  /** The bytes in base64, where they were asked for. */
  readonly data?: string;
}

/** Which messages are shown. */
export interface TapFilter {
  readonly subjects: readonly string[];
  readonly job?: string | undefined;
  readonly sender?: string | undefined;
  readonly kind?: string | undefined;
  /** Only what does not verify, is broken, or is no packet. */
  readonly refused: boolean;
}

/** Looks at a message. */
export async function tapRecord(
  { at, subject, data }: Captured,
  options: { readonly keys: KeyFiles; readonly withData: boolean },
): Promise<TapRecord> {
  const about = { at, subject, bytes: data.length };
  const bytes = options.withData ? { data: Buffer.from(data).toString("base64") } : {};
  let message: BusPacket;
  try {
    ({ message } = decodePacket(data, Infinity));
  } catch (error) {
    return { ...about, signature: "no packet", problem: errorText(error), ...bytes };
  }
  const { senderId, traceId, payload } = message;
  const { jobId, status } = (payload.value ?? {}) as { jobId?: string; status?: JobStatus };
  const issues = validatePacket(message);
  return {
    ...about,
    sender: senderId,
    payload: payload.case,
    ...(jobId === undefined ? {} : { jobId }),
    traceId,
    ...(status === undefined ? {} : { status: JobStatus[status] ?? String(status) }),
    signature: await signatureOf(message, data, options.keys),
    ...(issues.length === 0
      ? {}
      : { problem: issues.map(({ field, message }) => `${field}: ${message}`).join("; ") }),
    packet: masked(messageToJson(BusPacketSchema, message).fields),
    ...bytes,
  };
}

async function signatureOf(message: BusPacket, data: Uint8Array, keys: KeyFiles): Promise<string> {
  if (keys.size === 0) return message.signature.length === 0 ? "unsigned" : "not checked";
  const { ok, problem } = await diagnose(data, keys);
  return ok || problem === "broken_rule" ? "verified" : problem!;
}

/** Whether a message is one of those that are wanted. */
export function wanted(record: TapRecord, filter: TapFilter): boolean {
  const { job, sender, kind, refused, subjects } = filter;
  if (!subjects.some((pattern) => subjectMatches(pattern, record.subject))) return false;
  if (job !== undefined && record.jobId !== job) return false;
  if (sender !== undefined && record.sender !== sender) return false;
  if (kind !== undefined && record.payload !== kind) return false;
  return !refused || record.problem !== undefined || !FINE.has(record.signature);
}

const FINE = new Set(["verified", "unsigned", "not checked"]);

/** The line a person reads. */
export function tapLine(record: TapRecord, io: Pick<Io, "color">): string {
  const { at, subject, payload = "-", sender = "-", jobId = "", status = "", signature, problem } = record;
  const color = signature === "verified" ? "green" : FINE.has(signature) ? "dim" : "red";
  const cells = [
    paint(io, "dim", at.slice(11, 23)),
    oneLine(subject).padEnd(22),
    payload.padEnd(12),
    oneLine(sender).padEnd(18),
    oneLine(`${jobId} ${status}`.trim()).padEnd(30),
    paint(io, color, signature),
    problem === undefined ? "" : paint(io, "red", oneLine(problem)),
  ];
  return `${cells.join("  ").trimEnd()}\n`;
}
