/** Times as text, in the form of RFC 3339. */
import { ValidationError } from "./errors.js";

/**
 * A time in milliseconds since the epoch as `2026-01-31T12:00:00.000Z`: UTC, three digits of a second.
 * Throws a `ValidationError` for a time outside the years 0 to 9999.
 */
export function formatTime(ms: number): string {
  const date = new Date(ms);
  const text = Number.isNaN(date.getTime()) ? "" : date.toISOString();
  if (!/^\d{4}-/.test(text))
    throw new ValidationError(`${ms} ms is outside the range of RFC 3339 times (years 0 to 9999)`);
  return text;
}

const form =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))?$/;

/** Options of {@link parseTime}. */
export interface ParseTimeOptions {
  /** Take a time without a zone as UTC; without this it is refused. Default: false. */
  readonly assumeUtc?: boolean;
}

/**
 * Reads an RFC 3339 time with any offset and any number of digits of a second (cut to milliseconds); a leap
 * second counts as the second after it. Undefined for what is not such a time, such as the 30th of February.
 */
export function parseTime(text: string, options: ParseTimeOptions = {}): number | undefined {
  const found = form.exec(text);
  if (!found) return undefined;
  const at = (index: number): number => Number(found[index] ?? 0);
  const hasZone = /[Zz]$/.test(text) || found[8] !== undefined;
  if (!hasZone && !options.assumeUtc) return undefined;
  const [year, month, day, hour, minute, second] = [at(1), at(2), at(3), at(4), at(5), at(6)];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1) return undefined; // such as the 30th of February
  if (hour > 23 || minute > 59 || second > 60 || at(9) > 23 || at(10) > 59) return undefined;
  const milliseconds = Number((found[7] ?? "").slice(0, 3).padEnd(3, "0"));
  const offsetMinutes = (found[8] === "-" ? -1 : 1) * (at(9) * 60 + at(10));
  return date.getTime() + ((hour * 60 + minute - offsetMinutes) * 60 + second) * 1_000 + milliseconds;
}
