/** The short run of every fuzz target. `pnpm fuzz` is the long one. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { targets } from "./targets.ts";

describe("fuzz", () => {
  it.each(targets.map((target) => [target.name, target] as const))("%s", async (_, target) => {
    const count = { refused: 0 };
    await fc.assert(target.property(count) as fc.IAsyncProperty<[unknown]>, { numRuns: target.short });
    if (target.name !== "event streams") expect(count.refused).toBeGreaterThan(0);
  });
});
