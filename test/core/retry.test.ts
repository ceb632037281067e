import { getEventListeners } from "node:events";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { sleep } from "../../src/core/clock.ts";
import {
  AbortError,
  RateLimitError,
  TimeoutError,
  UpstreamError,
  ValidationError,
} from "../../src/core/errors.ts";
import { type Attempt, type RetryNotice, type RetryRun, retry } from "../../src/core/retry.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { req } from "../requirements/index.ts";

/** A call that fails so many times and notes when each try began. */
function failing(clock: FakeClock, failures: number, error: () => Error = () => new UpstreamError("down")) {
  const starts: number[] = [];
  const call = async ({ attempt }: Attempt): Promise<string> => {
    starts.push(clock.monotonic());
    if (attempt <= failures) throw error();
    return `try ${attempt}`;
  };
  return { call, starts };
}

function options(clock: FakeClock, policy: RetryRun["policy"], more: RetryRun = {}): RetryRun {
  return {
    policy: typeof policy === "object" ? { jitter: 0, ...policy } : policy,
    clock,
    random: () => 0,
    ...more,
  };
}

const forever = (): Promise<never> => new Promise(() => {});

describe("retry", () => {
  it("gives the first result without a second try", async () => {
    const clock = new FakeClock();
    const { call, starts } = failing(clock, 0);
    expect(await retry(call, options(clock, {}))).toBe("try 1");
    expect([starts.length, clock.pending]).toEqual([1, 0]);
    expect(await retry(async () => 7)).toBe(7);
  });

  it("waits longer after each failure and tells about every wait", async () => {
    const clock = new FakeClock();
    const { call, starts } = failing(clock, 3);
    const notices: RetryNotice[] = [];
    const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    const all = options(
      clock,
      { attempts: 4, minDelayMs: 100 },
      { onRetry: (notice) => notices.push(notice), logger },
    );
    expect(await clock.until(retry(call, all))).toBe("try 4");
    expect(starts).toEqual([0, 100, 300, 700]);
    expect(notices.map(({ attempt, delayMs }) => [attempt, delayMs])).toEqual([
      [1, 100],
      [2, 200],
      [3, 400],
    ]);
    expect(notices[0]?.error).toBeInstanceOf(UpstreamError);
    const error = expect.objectContaining({ message: "down" });
    const lines = notices.map((notice) => ["a call failed; retrying", { ...notice, error }]);
    expect(logger.debug.mock.calls).toEqual(lines);
  });

  it("takes the jitter off with the injected random", async () => {
    const clock = new FakeClock();
    const { call, starts } = failing(clock, 2);
    await clock.until(retry(call, { policy: { minDelayMs: 100, jitter: 0.25 }, clock, random: () => 1 }));
    expect(starts).toEqual([0, 75, 225]);
  });

  it("throws the last error as it was when the tries are used up", async () => {
    const clock = new FakeClock();
    const errors = [new UpstreamError("1"), new UpstreamError("2")];
    let at = 0;
    const call = (): Promise<never> => Promise.reject(errors[at++]);
    await expect(clock.until(retry(call, options(clock, { attempts: 2 })))).rejects.toBe(errors[1]);
    expect(at).toBe(2);
  });

  it("does not retry what is not retryable, nor what shouldRetry refuses, nor without a policy", async () => {
    const clock = new FakeClock();
    for (const error of [new ValidationError("v"), new TypeError("foreign"), "text"]) {
      const { call, starts } = failing(clock, 9, () => error as Error);
      await expect(retry(call, options(clock, {}))).rejects.toBe(error);
      expect(starts).toHaveLength(1);
    }
    const refusing = failing(clock, 9);
    await expect(retry(refusing.call, options(clock, {}, { shouldRetry: () => false }))).rejects.toThrow(
      "down",
    );
    const single = failing(clock, 9);
    await expect(retry(single.call, options(clock, false))).rejects.toThrow("down");
    expect([refusing.starts.length, single.starts.length]).toEqual([1, 1]);
  });

  it("asks shouldRetry with the error and the number of the try", async () => {
    const clock = new FakeClock();
    const { call } = failing(clock, 2, () => new TypeError("foreign"));
    const shouldRetry = vi.fn(() => true);
    await clock.until(retry(call, options(clock, {}, { shouldRetry })));
    expect(shouldRetry.mock.calls).toEqual([
      [expect.any(TypeError), 1],
      [expect.any(TypeError), 2],
    ]);
  });

  it("lets neither the hook nor the logger break the call", async () => {
    const clock = new FakeClock();
    const { call } = failing(clock, 1);
    const thrower = (): never => {
      throw new Error("hook");
    };
    const logger = { debug: thrower, info: thrower, warn: thrower, error: thrower };
    expect(await clock.until(retry(call, options(clock, {}, { onRetry: thrower, logger })))).toBe("try 2");
    const warn = vi.fn();
    const { call: again } = failing(clock, 1);
    await clock.until(retry(again, options(clock, {}, { onRetry: thrower, logger: { ...logger, warn } })));
    expect(warn.mock.calls).toEqual([
      ["onRetry failed", { error: expect.objectContaining({ message: "hook" }) }],
    ]);
  });

  it("waits as long as the peer asks, longer or shorter than its own step", async () => {
    const clock = new FakeClock();
    const waits = [30_000, 0];
    const { call, starts } = failing(
      clock,
      2,
      () => new RateLimitError("slow", { retryAfterMs: waits.shift()! }),
    );
    await clock.until(retry(call, options(clock, { maxDelayMs: 1_000 })));
    expect(starts).toEqual([0, 30_000, 30_000]);
  });

  it.each<[unknown, number]>([
    [undefined, 500],
    [null, 500],
    ["text", 500],
    [{}, 500],
    [{ retryAfterMs: "7" }, 500],
    [{ retryAfterMs: -1 }, 500],
    [{ retryAfterMs: Number.NaN }, 500],
    [{ retryAfterMs: 0 }, 0],
    [{ retryAfterMs: 7 }, 7],
  ])("after what was thrown as %j it waits %i ms", async (thrown, wait) => {
    const clock = new FakeClock();
    const { call, starts } = failing(clock, 1, () => thrown as Error);
    const logger = { debug() {}, info() {}, warn: vi.fn(), error() {} };
    await clock.until(retry(call, options(clock, {}, { shouldRetry: () => true, logger })));
    expect(starts).toEqual([0, wait]);
    expect(logger.warn).not.toHaveBeenCalled();
  });

  it("waits for exactly the longest wait that it believes", async () => {
    const clock = new FakeClock();
    const { call, starts } = failing(clock, 1, () => new RateLimitError("slow", { retryAfterMs: 5_000 }));
    await clock.until(retry(call, options(clock, { maxRetryAfterMs: 5_000 })));
    expect(starts).toEqual([0, 5_000]);
  });

  it("throws at once when the peer asks for more than the limit or the budget", async () => {
    const clock = new FakeClock();
    for (const [policy, limit] of [
      [{ maxRetryAfterMs: 4_999 }, {}],
      [{}, { totalTimeoutMs: 5_000 }],
    ] as const) {
      const { call, starts } = failing(clock, 9, () => new RateLimitError("slow", { retryAfterMs: 5_000 }));
      await expect(retry(call, options(clock, policy, limit))).rejects.toThrow("slow");
      expect(starts).toHaveLength(1);
    }
    expect(clock.monotonic()).toBe(0);
  });

  it(
    req("core.retry.budget", "never waits beyond the budget and throws the last error at once"),
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 5_000 }),
          fc.integer({ min: 0, max: 500 }),
          fc.integer({ min: 1, max: 400 }),
          async (limitMs, minDelayMs, workMs) => {
            const clock = new FakeClock();
            const policy = { attempts: Infinity, minDelayMs };
            const work = async (): Promise<never> => {
              await sleep(workMs, { clock });
              throw new UpstreamError("down");
            };
            const run = retry(work, options(clock, policy, { totalTimeoutMs: limitMs }));
            const error = await clock.until(run).catch((thrown: unknown) => thrown);
            expect(
              error === undefined || error instanceof UpstreamError || error instanceof TimeoutError,
            ).toBe(true);
            expect(clock.monotonic()).toBeLessThanOrEqual(limitMs);
            // Either the next wait would have been too long, or the try in hand was cut at the very end.
            if (error instanceof TimeoutError) expect(clock.monotonic()).toBe(limitMs);
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  it("gives the last try no more than what is left of the budget", async () => {
    const clock = new FakeClock();
    const all = options(clock, { minDelayMs: 0, attempts: 9 }, { totalTimeoutMs: 100 });
    await expect(clock.until(retry(forever, all))).rejects.toThrow("all attempts took longer than 100 ms");
    expect(clock.monotonic()).toBe(100);
  });

  it("does not start at all without a budget", async () => {
    const clock = new FakeClock();
    const call = vi.fn(forever);
    await expect(retry(call, options(clock, {}, { totalTimeoutMs: 0 }))).rejects.toThrow(TimeoutError);
    expect(call).not.toHaveBeenCalled();
  });

  it(
    req("core.retry.abort", "ends at once on the caller's abort, during a try and during a wait"),
    async () => {
      for (const phase of ["try", "wait"]) {
        const clock = new FakeClock();
        const controller = new AbortController();
        const call = vi.fn(() => (phase === "try" ? forever() : Promise.reject(new UpstreamError("down"))));
        const run = retry(call, options(clock, {}, { signal: controller.signal }));
        run.catch(() => {});
        await clock.advance(1);
        controller.abort("leave");
        const error = await run.catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(AbortError);
        expect(error).toMatchObject({ cause: "leave" });
        expect([call.mock.calls.length, clock.monotonic(), clock.pending]).toEqual([1, 1, 0]);
        expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
      }
      const call = vi.fn(forever);
      await expect(retry(call, { signal: AbortSignal.abort() })).rejects.toThrow(AbortError);
      expect(call).not.toHaveBeenCalled();
    },
  );

  it("prefers the abort to the error that came with it", async () => {
    const controller = new AbortController();
    const call = async (): Promise<never> => {
      controller.abort();
      throw new UpstreamError("down");
    };
    await expect(retry(call, { signal: controller.signal })).rejects.toThrow(AbortError);
  });

  it("goes on without end when it may", async () => {
    const clock = new FakeClock();
    const { call, starts } = failing(clock, 200);
    const all = options(clock, { attempts: Infinity, minDelayMs: 1, maxDelayMs: 60_000 });
    expect(await clock.until(retry(call, all), Infinity)).toBe("try 201");
    expect(starts.at(-1)! - starts.at(-2)!).toBe(60_000);
  });

  it("turns a throw before any promise into a failed try", async () => {
    const clock = new FakeClock();
    let tries = 0;
    const call = (): Promise<string> => {
      if (tries++ === 0) throw new UpstreamError("sync");
      return Promise.resolve("ok");
    };
    expect(await clock.until(retry(call, options(clock, {})))).toBe("ok");
  });
});
