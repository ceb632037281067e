/** The validators that every engine has, part one: presence, shape, order, size and your own predicate. */
import type { Commit } from "../../../gen/aureus/v1/models.js";
import { type FailureCode, fail, pass, type Validator } from "./validation.js";

/** Fails with MISSING_DATA when the data is null or undefined. */
export function notNull(): Validator {
  return ({ data }) =>
    data == null ? fail("MISSING_DATA", "Data is null or undefined") : pass("Data is not null");
}

/** The names that JavaScript's `typeof` gives. */
export type TypeofName =
  | "string"
  | "number"
  | "boolean"
  | "object"
  | "undefined"
  | "function"
  | "bigint"
  | "symbol";

/**
 * Every named field must be there (else MISSING_DATA) and have this `typeof` (else CONFLICT, as for data that is
 * no object). Fields are checked in order; the first failure decides. Other fields are fine.
 */
export function schema(fields: Readonly<Record<string, TypeofName>>): Validator {
  return ({ data }) => {
    if (typeof data !== "object" || data === null) return fail("CONFLICT", "Data is not an object");
    for (const [field, type] of Object.entries(fields)) {
      if (!(field in data)) return fail("MISSING_DATA", `Field '${field}' is missing`);
      const found = typeof (data as Record<string, unknown>)[field];
      if (found !== type) return fail("CONFLICT", `Field '${field}' must be a ${type}, is a ${found}`);
    }
    return pass("Data has the expected fields");
  };
}

/**
 * Fails with CONFLICT when `data.version` is less than `previousState.version`; both must be truthy to count and
 * equal ones are fine. Confidence 0.9 on success, 1 without a previous state. Data that is null while there is a
 * previous state with a version makes it throw, as it does in the engine.
 */
export function monotonic(): Validator {
  return ({ data, previousState }) => {
    if (!previousState) return pass("There is no previous state");
    const before = (previousState as { version?: number }).version;
    if (before && (data as { version?: number }).version) {
      const after = (data as { version: number }).version;
      if (after < before) return fail("CONFLICT", "The version went back");
    }
    return pass("The version did not go back", 0.9);
  };
}

/** Fails with OUT_OF_SCOPE when the data as JSON text is longer than `maxBytes` (UTF-16 units, as the engine counts). */
export function maxSize(maxBytes: number): Validator {
  return ({ data }) => {
    const size = JSON.stringify(data).length;
    return size <= maxBytes
      ? pass(`Data has ${size} of at most ${maxBytes} bytes`)
      : fail("OUT_OF_SCOPE", `Data has ${size} bytes, at most ${maxBytes} are allowed`);
  };
}

/**
 * Your own predicate. `reason` replaces the text of both verdicts; `code` is that of a failure, POLICY_VIOLATION
 * by default. What the predicate throws is thrown by the gate.
 */
export function custom(
  name: string,
  predicate: (commit: Commit) => boolean,
  reason?: string | null,
  code?: FailureCode | null,
): Validator {
  return (commit) =>
    predicate(commit)
      ? pass(reason || `${name} validation passed`)
      : fail(code || "POLICY_VIOLATION", reason || `${name} validation failed`);
}
