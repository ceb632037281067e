import { describe, expect, it } from "vitest";
import { sleep } from "../../src/core/clock.js";
import { TimeoutError } from "../../src/core/errors.js";
import { safeLogger } from "../../src/core/logger.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { Resources } from "../../src/worker/resources.js";

describe("what a worker opens", () => {
  it("may load its code on a busy machine, and does not wait for ever", async () => {
    const clock = new FakeClock();
    const resources = new Resources(clock, safeLogger(false), 5_000);
    const slow = async () => {
      await sleep(20_000, { clock });
      return {};
    };
    await clock.until(resources.open("the store", slow, () => {}));
    const never = resources.open(
      "the bus",
      () => new Promise<object>(() => {}),
      () => {},
    );
    await expect(clock.until(never)).rejects.toThrow(TimeoutError);
    expect(clock.monotonic()).toBe(55_000);
  });
});
