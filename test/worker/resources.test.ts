import { describe, expect, it } from "vitest";
import { sleep } from "../../src/core/clock.js";
import { TimeoutError } from "../../src/core/errors.js";
import { safeLogger } from "../../src/core/logger.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { Resources } from "../../src/worker/resources.js";

describe("what a worker opens", () => {
  it("has its time without the time that its code takes to load", async () => {
    const clock = new FakeClock();
    const resources = new Resources(clock, safeLogger(false), 5_000);
    const opener = (openMs: number) =>
      Object.assign(() => sleep(openMs, { clock }).then(() => ({})), {
        load: () => sleep(20_000, { clock }),
      });
    await clock.until(resources.open("the store", opener(4_000), () => {}));
    const late = resources.open("the store", opener(6_000), () => {});
    await expect(clock.until(late)).rejects.toThrow(TimeoutError);
    expect(clock.monotonic()).toBe(24_000 + 25_000);
  });
});
