/** Null in V1: on the wire it means the same as a member that is not there. */
import { keyMap } from "../../gen/aureus/v1/keys.js";
import type { KeyMap, Shape } from "../core/keys.js";
import type { HttpOperation } from "../http/index.js";

const KEYS: KeyMap = keyMap;

/** Members whose null is a value of its own, by object. */
const VALUES: Readonly<Record<string, string>> = { Commit: "data" };

/**
 * A body of the protocol without the null members of its objects. What belongs to the user is not looked into.
 * Objects are changed in place: they were made for the protocol. A part that the caller owns has no shape.
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
  const rows = KEYS[shape];
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

/** Takes the nulls out of a request body, which the key map has made, so it is ours to change. */
export function leaveNullsOut(body: unknown, { shapes }: HttpOperation): unknown {
  dropNulls(body, shapes?.request);
  return body;
}
