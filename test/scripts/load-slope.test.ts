import { expect, it } from "vitest";
import { isWithinNoise, slopeOf } from "../../bench/load/slope.ts";

/** Heap of a run: 9 MB, 1.5 MB less at the start, noise of about 50 kB, and so many bytes left by each job. */
function heap(jobs: number, leak: number): [number, number][] {
  return Array.from({ length: 20 }, (_, i) => {
    const done = ((i + 1) * jobs) / 20;
    const warmUp = i < 5 ? -1_500_000 / (i + 1) : 0;
    return [done, 9_000_000 + warmUp + 50_000 * Math.sin(i * 2.4) + leak * done];
  });
}

it.each([
  [0, true],
  [40, false],
  [1_000, false],
])("a leak of %i bytes a job: within the noise %s", (leak, within) => {
  expect(isWithinNoise(slopeOf(heap(100_000, leak)), slopeOf(heap(10_000, leak)))).toBe(within);
});

it("the slope is that of the second half", () => {
  const { perPiece, error } = slopeOf([
    [1, 500],
    [2, 3],
    [3, 6],
    [4, 8],
    [5, 10],
    [6, 12],
  ]);
  expect(perPiece).toBeCloseTo(2);
  expect(error).toBeCloseTo(0);
});
