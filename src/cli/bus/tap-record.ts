/** One record as `agentwire tap` filters and prints it. */
import { subjectMatches } from "../../cap/bus.js";
import type { CaptureRecord } from "../inspector/record.js";
import { type Io, oneLine, paint } from "../io.js";

/** Which records are shown. */
export interface TapFilter {
  readonly subjects: readonly string[];
  readonly job?: string | undefined;
  readonly sender?: string | undefined;
  readonly kind?: string | undefined;
  /** Only what does not verify, breaks a rule, or is not a packet. */
  readonly refused: boolean;
}

/** Whether a record passes. */
export function wanted(record: CaptureRecord, filter: TapFilter): boolean {
  const { job, sender, kind, refused, subjects } = filter;
  const { op = "", ids, from, status } = record;
  if (!subjects.some((pattern) => subjectMatches(pattern, op))) return false;
  if (job !== undefined && ids?.job !== job) return false;
  if (sender !== undefined && from !== sender) return false;
  if (kind !== undefined && record.kind !== kind) return false;
  return !refused || status === "refused";
}

const FINE = ["verified", "unsigned", "not_checked"];

/** The line a person reads. */
export function tapLine(record: CaptureRecord, io: Pick<Io, "color">): string {
  const { at, op = "-", kind = "-", from = "-", ids, status = "", sig, code, reason } = record;
  const verdict = sig?.verdict ?? "";
  const color = verdict === "verified" ? "green" : FINE.includes(verdict) ? "dim" : "red";
  const why = status === "ok" || status === "pending" ? undefined : [code, reason].filter(Boolean).join(": ");
  const cells = [
    paint(io, "dim", at.slice(11, 23)),
    oneLine(op).padEnd(22),
    kind.padEnd(12),
    oneLine(from).padEnd(18),
    oneLine(`${ids?.job ?? ""} ${status}`.trim()).padEnd(30),
    paint(io, color, verdict),
    why === undefined ? "" : paint(io, "red", oneLine(why)),
  ];
  return `${cells.join("  ").trimEnd()}\n`;
}
