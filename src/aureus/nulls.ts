/** Null in V1: on the wire it means the same as a member that is not there. */
import { keyMap } from "../../gen/aureus/v1/keys.js";
import type { KeyMap, Shape } from "../core/keys.js";

const rowsOf: KeyMap = keyMap;

/** Members whose null is a value of its own, by object. */
const VALUES: Readonly<Record<string, string>> = { Commit: "data" };

/**
 * A body of the wire without the null members of its objects. What belongs to the user is not looked into.
 * Objects are changed in place: they were made for the wire. A part that the caller owns has no shape.
 */
export function dropNulls(value: unknown, shape: Shape | null | undefined): void {
  if (shape === undefined || shape === null || typeof value !== "object" || value === null) return;
  // What does not have its shape was not copied and still is the caller's.
  const isList = typeof shape === "object" && "list" in shape;
  if (Array.isArray(value) !== isList || "toJSON" in value) return;
  if (typeof shape === "object") {
    const of = "list" in shape ? shape.list : shape.map;
    for (const item of Object.values(value)) dropNulls(item, of);
    return;
  }
  const rows = rowsOf[shape];
  const members = value as Record<string, unknown>;
  for (const key in members) {
    const item = members[key];
    if (item === null) {
      if (VALUES[shape] !== key) delete members[key];
    } else if (typeof item === "object" && rows !== undefined && Object.hasOwn(rows, key)) {
      dropNulls(item, rows[key]);
    }
  }
}

/** The same as a copy: for a body that came over the wire, or that somebody else holds. */
export function withoutNulls(value: unknown, shape: Shape | undefined): unknown {
  const copy: unknown = structuredClone(value);
  dropNulls(copy, shape);
  return copy;
}
