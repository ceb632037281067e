/** Parameters of tools for the log: masked by the name of the member, at any depth. */
import { masked } from "../core/mask-text.js";

const secretName = /password|token|key|secret|authorization|proof_?payload/i;

/** A copy in which every member whose name speaks of a secret reads `[secret]`. Bounded in depth. */
export function maskParams(value: unknown, depth = 8): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth === 0) return "[deep]";
  if (Array.isArray(value)) return value.map((item) => maskParams(item, depth - 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      secretName.test(name) ? masked : maskParams(item, depth - 1),
    ]),
  );
}
