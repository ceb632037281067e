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

  it("is closed in the order it was opened, also after one that fails, and what was given is not", async () => {
    const clock = new FakeClock();
    const warned: unknown[] = [];
    const logger = { ...safeLogger(false), warn: (_: string, fields?: object) => void warned.push(fields) };
    const resources = new Resources(clock, logger, 5_000);
    const closed: string[] = [];
    const given = { name: "given" };
    const note = ({ name }: { name: string }) => {
      closed.push(name);
      if (name === "second") throw new Error("no");
      if (name === "third") return new Promise(() => {});
      return undefined;
    };
    expect(await resources.open("the bus", given, note)).toBe(given);
    for (const name of ["first", "second", "third", "fourth"])
      await resources.open(name, () => ({ name }), note);
    await clock.until(resources.close(100));
    expect(closed).toEqual(["first", "second", "third", "fourth"]);
    expect(clock.monotonic()).toBe(100);
    expect(warned).toMatchObject([{ stage: "second" }, { stage: "third" }]);
    await resources.close();
    expect(closed).toHaveLength(4);
  });

  it("is closed at once when it comes too late, and no failure of that is thrown", async () => {
    const clock = new FakeClock();
    const resources = new Resources(clock, safeLogger(false), 1_000);
    const closed: string[] = [];
    const late = resources.open(
      "the bus",
      () => sleep(2_000, { clock }).then(() => ({ name: "late" })),
      ({ name }) => {
        closed.push(name);
        throw new Error("no");
      },
    );
    await expect(clock.until(late)).rejects.toThrow(TimeoutError);
    expect(closed).toEqual([]);
    await clock.advance(1_000);
    expect(closed).toEqual(["late"]);
    await clock.until(resources.close());
    expect(closed).toEqual(["late"]);
  });
});
