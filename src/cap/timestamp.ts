import type { Timestamp } from "@bufbuild/protobuf/wkt";

const FIRST_SECOND = -62_135_596_800n; // 0001-01-01
const LAST_SECOND = 253_402_300_799n; // 9999-12-31

/** A time in milliseconds since the epoch, with fractions; undefined for none, and for one outside the years 1 to 9999. */
export function timestampMs(time: Timestamp | undefined): number | undefined {
  if (time === undefined || time.seconds < FIRST_SECOND || time.seconds > LAST_SECOND) return undefined;
  if (time.nanos < 0 || time.nanos > 999_999_999) return undefined;
  return Number(time.seconds) * 1000 + time.nanos / 1e6;
}

/** The fields of a timestamp for a time in milliseconds since the epoch. */
export function timestampOf(ms: number): { readonly seconds: bigint; readonly nanos: number } {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1_000_000) };
}
