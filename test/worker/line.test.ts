import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Line, type Place } from "../../src/worker/slots.js";
import { runs } from "../runs.ts";

describe("a line", () => {
  it("is a list to whose end values go, and from which any of them can be taken", () => {
    // A number adds that value; undefined takes out the one in the middle.
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(), { nil: undefined })), (steps) => {
        const line = new Line<number>();
        const places: Place<number>[] = [];
        for (const step of steps) {
          if (step !== undefined) places.push(line.add(step));
          else if (places.length > 0) line.remove(places.splice(Math.floor(places.length / 2), 1)[0]!);
          expect(line.values()).toEqual(places.map(({ value }) => value));
          expect([line.size, line.first]).toEqual([places.length, places[0]]);
        }
      }),
      { numRuns: runs(1_000) },
    );
  });

  it("keeps nothing of a value that left", () => {
    const line = new Line<string>();
    const [, middle] = [line.add("a"), line.add("b"), line.add("c")];
    line.remove(middle);
    expect(middle).toEqual({ value: "b", before: undefined, after: undefined });
  });
});
