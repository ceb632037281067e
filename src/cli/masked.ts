/** Data of packets and frames without their secrets. */
import { mask } from "../core/mask.js";

/** Bounds that no packet and no frame reaches, so that nothing but secrets is left out. */
const WHOLE = { depth: 120, entries: 1_000_000, text: 16_777_216 };

/** All of a value but its secrets: see `mask`. */
export function masked(value: unknown): unknown {
  return mask(value, WHOLE);
}
