import { getEventListeners } from "node:events";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sleep } from "../../src/core/clock.ts";
import { AbortError, ClosedError, ValidationError } from "../../src/core/errors.ts";
import { Limiter } from "../../src/core/limiter.ts";
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
            const all = durations.map((ms, index) =>
              limiter.run(async () => {
                started.push(index);
                most = Math.max(most, ++running);
                await sleep(ms, { clock });
                running--;
              }),
            );
            await clock.until(Promise.all(all));
            expect(started).toEqual(durations.map((_, index) => index));
            expect(most).toBe(Math.min(limit, durations.length));
            expect([limiter.active, limiter.waiting]).toEqual([0, 0]);
          },
        ),
        { numRuns: 30 },
      );
    },
  );

  it("keeps the limit and the order while waiters leave and the limit changes", async () => {
    const step = fc.oneof(
      fc.constant({ do: "ask" as const, n: 0 }),
      fc.record({ do: fc.constant("give" as const), n: fc.nat(9) }),
      fc.record({ do: fc.constant("leave" as const), n: fc.nat(9) }),
      fc.record({ do: fc.constant("limit" as const), n: fc.nat(4) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const limiter = new Limiter(2);
        const held: (() => void)[] = [];
        const waiting = new Map<number, AbortController>();
        const granted: number[] = [];
        let asked = 0;
        for (const { do: action, n } of steps) {
          const activeBefore = limiter.active;
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
          else if (action === "leave") [...waiting.values()][n]?.abort();
          else limiter.concurrency = n;
          await Promise.resolve();
          await Promise.resolve();
          expect(limiter.active).toBe(held.length);
          expect(limiter.waiting).toBe(waiting.size);
          expect(limiter.active).toBeLessThanOrEqual(Math.max(limiter.concurrency, activeBefore));
          if (limiter.waiting > 0) expect(limiter.active).toBeGreaterThanOrEqual(limiter.concurrency);
        }
        expect(granted).toEqual([...granted].sort((a, b) => a - b));
      }),
      { numRuns: 60 },
    );
  });

  it("gives a place back once only", async () => {
    const limiter = new Limiter(2);
    const release = await limiter.acquire();
    await limiter.acquire();
    release();
    release();
    expect(limiter.active).toBe(1);
  });

  it("gives the place back when the work fails", async () => {
    const limiter = new Limiter(1);
    await expect(limiter.run(() => Promise.reject(new Error("work")))).rejects.toThrow("work");
    const broken = (): never => {
      throw new Error("sync");
    };
    await expect(limiter.run(broken)).rejects.toThrow("sync");
    expect(limiter.active).toBe(0);
  });

  it("tries without waiting, but never overtakes", async () => {
    const limiter = new Limiter(1);
    const release = limiter.tryAcquire();
    expect(release).toBeTypeOf("function");
    expect(limiter.tryAcquire()).toBeUndefined();
    const next = limiter.acquire();
    limiter.concurrency = 1;
    release?.();
    expect(limiter.tryAcquire()).toBeUndefined();
    (await next)();
    expect(limiter.tryAcquire()).toBeTypeOf("function");
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
    expect([limiter.active, limiter.waiting]).toEqual([0, 0]);
  });

  it("serves the waiters when the limit rises and holds all back at 0", async () => {
    const limiter = new Limiter(0);
    const places = [limiter.acquire(), limiter.acquire(), limiter.acquire()];
    expect(limiter.waiting).toBe(3);
    limiter.concurrency = 2;
    expect([limiter.active, limiter.waiting]).toEqual([2, 1]);
    limiter.concurrency = 1;
    (await places[0]!)();
    expect([limiter.active, limiter.waiting]).toEqual([1, 1]);
    limiter.concurrency = Infinity;
    expect([limiter.active, limiter.waiting]).toEqual([2, 0]);
  });

  it("tells when it is idle", async () => {
    const limiter = new Limiter(1);
    await limiter.onIdle();
    const release = await limiter.acquire();
    const controller = new AbortController();
    const waiter = limiter.acquire({ signal: controller.signal });
    let idle = false;
    const told = limiter.onIdle().then(() => {
      idle = true;
    });
    release();
    const second = await waiter;
    await Promise.resolve();
    expect(idle).toBe(false);
    second();
    await told;

    limiter.concurrency = 0;
    const last = limiter.acquire({ signal: controller.signal });
    const again = limiter.onIdle();
    controller.abort();
    await expect(last).rejects.toThrow(AbortError);
    await again;
  });

  it("refuses waiters and newcomers after close, but lets running work end", async () => {
    const limiter = new Limiter(1);
    const release = await limiter.acquire();
    const { signal } = new AbortController();
    const waiter = limiter.acquire({ signal });
    limiter.close("worker stopped");
    limiter.close("again");
    await expect(waiter).rejects.toThrow("worker stopped");
    await expect(limiter.acquire()).rejects.toBeInstanceOf(ClosedError);
    expect(limiter.tryAcquire()).toBeUndefined();
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    expect(limiter.active).toBe(1);
    release();
    await limiter.onIdle();

    const held = new Limiter(0);
    const refused = held.acquire();
    const idle = held.onIdle();
    held.close();
    await expect(refused).rejects.toThrow("the limiter is closed");
    await idle;
  });

  it("refuses a limit that is no count", () => {
    for (const bad of [-1, 1.5, Number.NaN]) expect(() => new Limiter(bad)).toThrow(ValidationError);
    const limiter = new Limiter(1);
    expect(() => {
      limiter.concurrency = -1;
    }).toThrow(ValidationError);
    expect(limiter.concurrency).toBe(1);
  });
});
