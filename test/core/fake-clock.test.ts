import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sleep } from "../../src/core/clock.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";

describe("FakeClock", () => {
  it("stands still until it is moved", async () => {
    const clock = new FakeClock({ now: 1_000 });
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0]);
    await clock.advance(25);
    expect([clock.now(), clock.monotonic()]).toEqual([1_025, 25]);
  });

  it("runs timers in the order of their time, then of their setting", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(50), { maxLength: 40 }), async (delays) => {
        const clock = new FakeClock();
        const ran: { delay: number; index: number }[] = [];
        for (const [index, delay] of delays.entries()) {
          clock.setTimeout(() => ran.push({ delay: clock.monotonic(), index }), delay);
        }
        await clock.advance(50);
        const expected = delays
          .map((delay, index) => ({ delay, index }))
          .sort((a, b) => a.delay - b.delay || a.index - b.index);
        expect(ran).toEqual(expected);
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 25 },
    );
  });

  it("lets a chain of promises run between two timers, also when it sets new ones", async () => {
    const clock = new FakeClock();
    const seen: number[] = [];
    const work = (async () => {
      for (let turn = 0; turn < 3; turn++) {
        await sleep(10, { clock });
        await Promise.resolve();
        seen.push(clock.monotonic());
      }
    })();
    await clock.advance(30);
    expect(seen).toEqual([10, 20, 30]);
    await work;
  });

  it("moves to whatever a promise waits for", async () => {
    const clock = new FakeClock();
    const value = await clock.until(sleep(5_000, { clock }).then(() => "up"));
    expect([value, clock.monotonic()]).toEqual(["up", 5_000]);
    await expect(clock.until(new Promise(() => {}))).rejects.toThrow("no timer does");
    await expect(clock.until(sleep(20, { clock }), 10)).rejects.toThrow("did not settle in 10 ms");
    await expect(clock.until(Promise.reject(new Error("no")))).rejects.toThrow("no");
  });

  it("hands on what a timer throws and keeps the timers after it", async () => {
    const clock = new FakeClock();
    clock.setTimeout(() => {
      throw new Error("broken timer");
    }, 5);
    clock.setTimeout(() => {}, 6);
    await expect(clock.advance(10)).rejects.toThrow("broken timer");
    expect([clock.monotonic(), clock.pending, clock.nextInMs]).toEqual([5, 1, 1]);
  });

  it("refuses to go back and to be moved twice at once", async () => {
    const clock = new FakeClock();
    await expect(clock.advance(-1)).rejects.toThrow(RangeError);
    const first = clock.advance(1);
    await expect(clock.advance(1)).rejects.toThrow("already moving");
    await first;
  });

  it("can jump on the wall without moving a timer", async () => {
    const clock = new FakeClock({ now: 0 });
    clock.setTimeout(() => {}, 10);
    clock.shiftWallClock(-500);
    expect([clock.now(), clock.monotonic(), clock.nextInMs]).toEqual([-500, 0, 10]);
  });

  it("forgets a cleared timer and ignores a stranger", async () => {
    const clock = new FakeClock();
    const handle = clock.setTimeout(() => expect.unreachable(), 1);
    clock.clearTimeout(handle);
    clock.clearTimeout(handle);
    clock.clearTimeout({});
    clock.clearTimeout(undefined);
    expect(clock.pending).toBe(0);
    await clock.advance(2);
  });

  it("waits more turns of the event loop when told to", async () => {
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    for (const [turns, arrived] of [
      [undefined, false],
      [12, true],
    ] as const) {
      const clock = new FakeClock(turns === undefined ? {} : { turns });
      let done = false;
      const work = (async () => {
        for (let n = 0; n < 10; n++) await turn();
        done = true;
      })();
      await clock.settle();
      expect(done).toBe(arrived);
      await work;
    }
  });
});
