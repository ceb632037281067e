import { getEventListeners } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { sleep, systemClock } from "../../src/core/clock.ts";
import { AbortError, TimeoutError } from "../../src/core/errors.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { req } from "../requirements/index.ts";

describe("sleep", () => {
  it("resolves when the time has passed, not before", async () => {
    const clock = new FakeClock();
    const done = vi.fn();
    void sleep(100, { clock }).then(done);
    await clock.advance(99);
    expect(done).not.toHaveBeenCalled();
    await clock.advance(1);
    expect(done).toHaveBeenCalledOnce();
    expect(clock.pending).toBe(0);
  });

  it(req("core.abort.sleep", "rejects at once when its signal fires and leaves nothing behind"), async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const slept = sleep(60_000, { clock, signal: controller.signal });
    expect(clock.pending).toBe(1);
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(slept).rejects.toBeInstanceOf(AbortError);
    await expect(slept).rejects.toMatchObject({ code: "ABORTED", cause: reason });
    expect(clock.pending).toBe(0);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  it("rejects at once on a signal that fired before, without a timer", async () => {
    const clock = new FakeClock();
    await expect(sleep(5, { clock, signal: AbortSignal.abort("gone") })).rejects.toMatchObject({
      cause: "gone",
    });
    expect(clock.pending).toBe(0);
  });

  it("rejects with the deadline's own error when that is the reason", async () => {
    const over = new TimeoutError("over");
    await expect(sleep(5, { signal: AbortSignal.abort(over) })).rejects.toBe(over);
  });

  it("removes its listener after a full sleep", async () => {
    const clock = new FakeClock();
    const { signal } = new AbortController();
    const slept = sleep(5, { clock, signal });
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await clock.advance(5);
    await slept;
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe("systemClock", () => {
  it("tells the platform's time", () => {
    const before = Date.now();
    expect(systemClock.now()).toBeGreaterThanOrEqual(before);
    const first = systemClock.monotonic();
    expect(systemClock.monotonic()).toBeGreaterThanOrEqual(first);
  });

  it("runs a timer and forgets a cleared one", async () => {
    const cleared = vi.fn();
    systemClock.clearTimeout(systemClock.setTimeout(cleared, 0));
    await new Promise<void>((resolve) => systemClock.setTimeout(resolve, 0, { unref: false }));
    expect(cleared).not.toHaveBeenCalled();
    systemClock.clearTimeout(undefined);
  });

  it("waits as long as it is told", () => {
    vi.useFakeTimers();
    try {
      const run = vi.fn();
      systemClock.setTimeout(run, 50);
      vi.advanceTimersByTime(49);
      expect(run).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(run).toHaveBeenCalledOnce();
    } finally {
      vi.useRealTimers();
    }
  });

  it("keeps the process alive unless a timer is unref'd", () => {
    const holding = systemClock.setTimeout(() => {}, 60_000) as NodeJS.Timeout;
    expect(holding.hasRef()).toBe(true);
    systemClock.clearTimeout(holding);
    const handle = systemClock.setTimeout(() => {}, 60_000, { unref: true }) as NodeJS.Timeout;
    expect(handle.hasRef()).toBe(false);
    systemClock.clearTimeout(handle);
  });

  it("takes timers that are numbers, or that cannot be unref'd", () => {
    for (const handle of [5, {}]) {
      vi.stubGlobal("setTimeout", () => handle);
      const timer = systemClock.setTimeout(() => {}, 1, { unref: true });
      vi.unstubAllGlobals();
      expect(timer).toBe(handle);
    }
  });

  it("waits for delays that the platform cannot hold in one timer", () => {
    vi.useFakeTimers();
    try {
      const run = vi.fn();
      const day = 86_400_000;
      systemClock.setTimeout(run, 60 * day);
      vi.advanceTimersByTime(59 * day);
      expect(run).not.toHaveBeenCalled();
      vi.advanceTimersByTime(day);
      expect(run).toHaveBeenCalledOnce();

      const never = vi.fn();
      const handle = systemClock.setTimeout(never, Infinity);
      vi.advanceTimersByTime(100 * day);
      systemClock.clearTimeout(handle);
      expect(never).not.toHaveBeenCalled();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("takes a delay that is no number as none", () => {
    vi.useFakeTimers();
    try {
      const run = vi.fn();
      systemClock.setTimeout(run, Number.NaN);
      systemClock.setTimeout(run, -5);
      vi.advanceTimersByTime(0);
      expect(run).toHaveBeenCalledTimes(2);
    } finally {
      vi.useRealTimers();
    }
  });
});
