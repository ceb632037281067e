import { getEventListeners } from "node:events";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sleep } from "../../src/core/clock.ts";
import { AbortError, ValidationError } from "../../src/core/errors.ts";
import { Limiter, type Release } from "../../src/core/limiter.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { req } from "../requirements/index.ts";

describe("Limiter", () => {
  it(
    req("core.limiter.bound", "never exceeds its limit and starts work in the order of asking"),
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 5 }),
          fc.array(fc.nat(20), { maxLength: 30 }),
          async (limit, durations) => {
            const clock = new FakeClock();
            const limiter = new Limiter(limit);
            const started: number[] = [];
            let running = 0;
            let most = 0;
            const all = durations.map(async (ms, index) => {
              const release = await limiter.acquire();
              started.push(index);
              most = Math.max(most, ++running);
              await sleep(ms, { clock });
              running--;
              release();
            });
            await clock.until(Promise.all(all));
            expect(started).toEqual(durations.map((_, index) => index));
            expect(most).toBe(Math.min(limit, durations.length));
          },
        ),
        { numRuns: 30 },
      );
    },
  );

  it("keeps the limit and the order while waiters leave", async () => {
    const step = fc.oneof(
      fc.constant({ do: "ask" as const, n: 0 }),
      fc.record({ do: fc.constant("give" as const), n: fc.nat(9) }),
      fc.record({ do: fc.constant("leave" as const), n: fc.nat(9) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const limiter = new Limiter(2);
        const held: Release[] = [];
        const waiting = new Map<number, AbortController>();
        const granted: number[] = [];
        let asked = 0;
        for (const { do: action, n } of steps) {
          if (action === "ask") {
            const id = asked++;
            const controller = new AbortController();
            waiting.set(id, controller);
            limiter.acquire({ signal: controller.signal }).then(
              (release) => {
                granted.push(id);
                waiting.delete(id);
                held.push(release);
              },
              () => waiting.delete(id),
            );
          } else if (action === "give") held.splice(n % (held.length || 1), 1)[0]?.();
          else [...waiting.values()][n]?.abort();
          await Promise.resolve();
          await Promise.resolve();
          expect(held.length).toBeLessThanOrEqual(2);
          if (waiting.size > 0) expect(held).toHaveLength(2);
        }
        expect(granted).toEqual([...granted].sort((a, b) => a - b));
      }),
      { numRuns: 60 },
    );
  });

  it("gives a slot back once only", async () => {
    const limiter = new Limiter(2);
    const release = await limiter.acquire();
    await limiter.acquire();
    const third = limiter.acquire();
    let isFourthIn = false;
    void limiter.acquire().then(() => {
      isFourthIn = true;
    });
    release();
    release();
    await third;
    await new Promise((resolve) => setImmediate(resolve));
    expect(isFourthIn).toBe(false);
  });

  it("lets a waiter leave by its signal and forgets the listener in every case", async () => {
    const limiter = new Limiter(1);
    const release = await limiter.acquire();
    const leaver = new AbortController();
    const stayer = new AbortController();
    const left = limiter.acquire({ signal: leaver.signal });
    const stayed = limiter.acquire({ signal: stayer.signal });
    leaver.abort("tired");
    await expect(left).rejects.toMatchObject({ code: "ABORTED", cause: "tired" });
    release();
    (await stayed)();
    expect(getEventListeners(stayer.signal, "abort")).toHaveLength(0);
    await expect(limiter.acquire({ signal: AbortSignal.abort() })).rejects.toThrow(AbortError);
    (await limiter.acquire())();
  });

  it("refuses a limit that is no count", () => {
    for (const bad of [-1, 0, 1.5, Number.NaN]) {
      expect(() => new Limiter(bad)).toThrow(ValidationError);
      expect(() => new Limiter(bad)).toThrow("concurrency must be");
    }
    expect(new Limiter(Infinity)).toBeInstanceOf(Limiter);
  });
});
