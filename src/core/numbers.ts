/** Options that take a number. */
import { ValidationError } from "./errors.js";

/** @throws ValidationError unless `value` is a whole number of at least `least`, or `Infinity` */
export function wholeNumber(name: string, value: number, least = 1): number {
  if (value === Infinity || (Number.isInteger(value) && value >= least)) return value;
  throw new ValidationError(
    `${name} must be a whole number of at least ${least}, or Infinity, found ${String(value)}`,
  );
}

/** @throws ValidationError unless `value` is a number of at least 0, `Infinity` included */
export function milliseconds(name: string, value: number): number {
  if (typeof value === "number" && value >= 0) return value;
  throw new ValidationError(
    `${name} must be a number of milliseconds of at least 0, or Infinity, found ${String(value)}`,
  );
}

/** A time limit: 0, like `Infinity`, and undefined mean none. */
export function limitOf(name: string, ms: number | undefined): number {
  return ms === undefined ? Infinity : milliseconds(name, ms) || Infinity;
}
