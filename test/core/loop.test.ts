import { getEventListeners } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { sleep } from "../../src/core/clock.ts";
import { ClosedError } from "../../src/core/errors.ts";
import { type LoopOptions, startLoop } from "../../src/core/loop.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { req } from "../requirements/index.ts";

/** A loop whose runs note when they began; each takes `workMs`. */
function loop(clock: FakeClock, workMs: number, more: Partial<LoopOptions> = {}) {
  const starts: number[] = [];
  const running = startLoop({
    intervalMs: 100,
    clock,
    run: async (signal) => {
      starts.push(clock.monotonic());
      if (workMs > 0) await sleep(workMs, { clock, signal });
    },
    ...more,
  });
  return { running, starts };
}

describe("startLoop", () => {
  it("counts the interval from the end of a run", async () => {
    const clock = new FakeClock();
    const { running, starts } = loop(clock, 30);
    await clock.advance(500);
    expect(starts).toEqual([100, 230, 360, 490]);
    await running.stop();
    expect([running.active, clock.pending]).toEqual([false, 0]);
  });

  it.each([
    [{}, false],
    [{ unref: false }, false],
    [{ unref: true }, true],
  ])("with %j lets the process end while it waits: %s", async (options, unref) => {
    const clock = new FakeClock();
    const timers = vi.spyOn(clock, "setTimeout");
    await loop(clock, 0, options).running.stop();
    expect(timers.mock.calls).toEqual([[expect.any(Function), 100, { unref }]]);
  });

  it("starts at once when asked to, and asks for the interval after each run", async () => {
    const clock = new FakeClock();
    let next = 10;
    const { running, starts } = loop(clock, 0, {
      immediate: true,
      intervalMs: () => {
        next *= 2;
        return next;
      },
    });
    await clock.advance(300);
    expect(starts).toEqual([0, 40, 120, 280]);
    await running.stop();
  });

  it("runs on demand, counts anew from there, and never runs twice at a time", async () => {
    const clock = new FakeClock();
    const { running, starts } = loop(clock, 30);
    await clock.advance(50);
    expect(running.trigger()).toBe(true);
    expect(running.trigger()).toBe(false);
    await clock.advance(130);
    expect(starts).toEqual([50, 180]);
    await running.stop();
    expect(running.trigger()).toBe(false);
  });

  it(
    req("core.loop.errors", "gives every failure to onError and the log, throws nothing and goes on"),
    async () => {
      const clock = new FakeClock();
      const errors: unknown[] = [];
      const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
      const failures = [() => Promise.reject(new Error("rejected")), () => expect.fail("thrown")];
      const running = startLoop({
        name: "heartbeat",
        intervalMs: 10,
        clock,
        logger,
        run: () => failures.shift()?.(),
        onError: (error) => {
          errors.push(error);
          throw new Error("hook");
        },
      });
      await clock.advance(35);
      expect(errors.map((error) => (error as Error).message)).toEqual(["rejected", "thrown"]);
      expect(logger.warn.mock.calls.map(([, fields]) => fields.loop)).toEqual(["heartbeat", "heartbeat"]);
      expect(logger.error).toHaveBeenCalledTimes(2);
      expect(running.active).toBe(true);
      await running.stop();
    },
  );

  it("names itself in its lines, and needs no onError", async () => {
    const clock = new FakeClock();
    const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    const failing = { clock, logger, intervalMs: 10, run: () => expect.fail("run") };
    const silent = startLoop(failing);
    await clock.advance(10);
    await silent.stop();
    const error = expect.objectContaining({ message: "run" });
    expect(logger.warn.mock.calls).toEqual([[expect.any(String), { loop: "loop", error }]]);
    expect(logger.error).not.toHaveBeenCalled();
    const loud = startLoop({ ...failing, name: "beat", onError: () => expect.fail("hook") });
    await clock.advance(10);
    await loud.stop();
    const second = expect.objectContaining({ message: "hook" });
    expect(logger.error.mock.calls).toEqual([["onError failed", { loop: "beat", error: second }]]);
  });

  it("keeps the last interval when asking for it fails", async () => {
    const clock = new FakeClock();
    let asked = 0;
    const onError = vi.fn();
    const { running, starts } = loop(clock, 0, {
      onError,
      intervalMs: () => {
        if (asked++ > 0) throw new Error("no interval");
        return 10;
      },
    });
    await clock.advance(30);
    expect(starts).toEqual([10, 20, 30]);
    expect(onError).toHaveBeenCalledTimes(3);
    await running.stop();
  });

  it(
    req("core.loop.stop", "cuts the run in hand, reports nothing of that, and leaves no timer"),
    async () => {
      const clock = new FakeClock();
      const onError = vi.fn();
      const reasons: unknown[] = [];
      const running = startLoop({
        name: "beat",
        intervalMs: 10,
        immediate: true,
        clock,
        onError,
        run: async (signal) => {
          await sleep(1_000, { clock, signal }).catch((error: unknown) => {
            reasons.push(error);
            throw error;
          });
        },
      });
      const stopped = running.stop();
      expect(running.stop()).toBe(stopped);
      await stopped;
      expect(reasons).toMatchObject([{ code: "CLOSED", message: "beat is stopped" }]);
      expect(reasons[0]).toBeInstanceOf(ClosedError);
      expect([onError.mock.calls.length, clock.pending, clock.monotonic()]).toEqual([0, 0, 0]);
    },
  );

  it("waits for a run that does not heed its signal, but not for ever", async () => {
    const clock = new FakeClock();
    const slow = loop(clock, 0, { immediate: true, run: () => sleep(400, { clock }) });
    await clock.until(slow.running.stop());
    expect(clock.monotonic()).toBe(400);
    const deaf = loop(clock, 0, { immediate: true, run: () => new Promise<void>(() => {}), stopMs: 50 });
    await clock.until(deaf.running.stop());
    expect([clock.monotonic(), clock.pending]).toEqual([450, 0]);
  });

  it("stops with the caller's signal and forgets it when stopped otherwise", async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const { running, starts } = loop(clock, 0, { signal: controller.signal });
    await clock.advance(150);
    controller.abort();
    expect([running.active, clock.pending]).toEqual([false, 0]);
    await clock.advance(500);
    expect(starts).toEqual([100]);
    await running.stop();

    const other = new AbortController();
    const second = loop(clock, 0, { signal: other.signal });
    await second.running.stop();
    expect(getEventListeners(other.signal, "abort")).toHaveLength(0);
    loop(clock, 0, { signal: AbortSignal.abort() });
    expect(clock.pending).toBe(0);
    const born = loop(clock, 0, { signal: AbortSignal.abort(), immediate: true });
    expect([born.running.active, born.starts.length, clock.pending]).toEqual([false, 0, 0]);
  });

  it("may be stopped from inside a run", async () => {
    const clock = new FakeClock();
    let stopped: Promise<void> | undefined;
    const running = startLoop({
      intervalMs: 10,
      clock,
      run: async () => {
        stopped = running.stop();
      },
    });
    await clock.advance(10);
    await stopped;
    expect([running.active, clock.pending]).toEqual([false, 0]);
  });
});
