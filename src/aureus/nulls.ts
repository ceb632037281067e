/** Null in V1: on the wire it means the same as a member that is not there. */
import type { Shape } from "../../gen/aureus/v1/keys.js";
import { keyMap } from "../../gen/aureus/v1/keys.js";

/** Members whose null is a value of its own, by object. */
const VALUES: Readonly<Record<string, string>> = { Commit: "data" };

/**
 * A body of the wire without the null members of its objects. What belongs to the user is not looked into.
 * Returns the same object where there is nothing to leave out.
 */
export function withoutNulls(value: unknown, shape: Shape | undefined): unknown {
  if (shape === undefined || typeof value !== "object" || value === null) return value;
  if (typeof shape === "object" && "list" in shape) {
    return Array.isArray(value) ? value.map((item) => withoutNulls(item, shape.list)) : value;
  }
  const members = Object.entries(value);
  if (typeof shape === "object") {
    return Object.fromEntries(members.map(([key, item]) => [key, withoutNulls(item, shape.map)]));
  }
  const rows = keyMap[shape] ?? {};
  const kept = members.filter(([key, item]) => item !== null || VALUES[shape] === key);
  return Object.fromEntries(
    kept.map(([key, item]) => [
      key,
      withoutNulls(item, Object.hasOwn(rows, key) ? rows[key]![1] : undefined),
    ]),
  );
}
