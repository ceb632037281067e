import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AbortError,
  ClosedError,
  ConnectionError,
  RateLimitError,
  TimeoutError,
  UpstreamError,
  ValidationError,
} from "../../src/core/errors.ts";
import {
  backoffMs,
  defaultRetryPolicy,
  mayRetry,
  noRetry,
  retryPolicy,
} from "../../src/core/retry-policy.ts";
import { req } from "../requirements/index.ts";

describe("retryPolicy", () => {
  it("pins the defaults", () => {
    expect(retryPolicy()).toEqual({
      attempts: 3,
      minDelayMs: 500,
      factor: 2,
      maxDelayMs: 8_000,
      jitter: 0.25,
      maxRetryAfterMs: 60_000,
    });
    expect(noRetry.attempts).toBe(1);
    expect(retryPolicy(false)).toBe(noRetry);
    for (const policy of [noRetry, defaultRetryPolicy]) {
      expect(retryPolicy(policy)).toBe(policy);
      expect(Object.isFrozen(policy)).toBe(true);
    }
    expect(noRetry).toEqual({ ...defaultRetryPolicy, attempts: 1 });
  });

  it("takes what is given, and the defaults for the rest and for undefined", () => {
    const policy = retryPolicy({ attempts: 5, maxDelayMs: 10, jitter: undefined });
    expect(policy).toEqual({ ...defaultRetryPolicy, attempts: 5, maxDelayMs: 10 });
    expect(retryPolicy({ minDelayMs: 1 }, policy)).toMatchObject({ attempts: 5, minDelayMs: 1 });
    expect(retryPolicy(policy)).toBe(policy);
    expect(Object.isFrozen(policy)).toBe(true);
    expect(retryPolicy({ attempts: Infinity, maxDelayMs: Infinity }).attempts).toBe(Infinity);
  });

  it.each([
    { attempts: 0 },
    { attempts: 1.5 },
    { attempts: Number.NaN },
    { jitter: -0.1 },
    { jitter: 1.1 },
    { minDelayMs: -1 },
    { factor: Number.NaN },
    { maxDelayMs: -1 },
    { maxRetryAfterMs: "5" as unknown as number, minDelayMs: "x" as unknown as number },
  ])("refuses %j", (given) => {
    expect(() => retryPolicy(given)).toThrow(ValidationError);
  });
});

it.each<[unknown, string]>([
  ["often", "retry must be"],
  [null, "retry must be"],
  [{ attempts: 0 }, "retry.attempts must be"],
  [{ jitter: 2 }, "retry.jitter must be"],
  [{ factor: -1 }, "retry.factor must be"],
  [{ minDelayMs: -1 }, "retry.minDelayMs must be"],
])("a policy such as %j is refused by the name of what is wrong", (given, start) => {
  expect(() => Reflect.apply(retryPolicy, undefined, [given])).toThrow(start);
});

it("takes the ends of every range", () => {
  const least = { attempts: 1, jitter: 0, minDelayMs: 0, maxDelayMs: 0, factor: 0, maxRetryAfterMs: 0 };
  expect(retryPolicy(least)).toEqual(least);
  expect(retryPolicy({ jitter: 1 }).jitter).toBe(1);
});

describe("backoffMs", () => {
  it("takes no draw for more or less than the whole jitter", () => {
    const policy = retryPolicy({ minDelayMs: 100, jitter: 0.5 });
    expect([-1, 2].map((draw) => backoffMs(1, policy, () => draw))).toEqual([100, 50]);
  });

  it("grows by the factor up to the cap, less the jitter", () => {
    const policy = retryPolicy({ minDelayMs: 100, factor: 3, maxDelayMs: 1_000, jitter: 0.5 });
    expect([1, 2, 3, 4].map((attempt) => backoffMs(attempt, policy, () => 0))).toEqual([
      100, 300, 900, 1_000,
    ]);
    expect([1, 2, 3, 4].map((attempt) => backoffMs(attempt, policy, () => 1))).toEqual([50, 150, 450, 500]);
    expect(backoffMs(1, retryPolicy({ minDelayMs: 0, factor: Infinity }), () => 0)).toBe(0);
  });

  it(req("core.retry.backoff", "always lies between the step less its jitter share and the step"), () => {
    const numbers = fc.record({
      minDelayMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      factor: fc.double({ min: 1, max: 100, noNaN: true }),
      maxDelayMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(numbers, fc.integer({ min: 1, max: 2_000 }), fc.double(), (given, attempt, draw) => {
        const policy = retryPolicy(given);
        const step =
          given.minDelayMs === 0
            ? 0
            : Math.min(given.maxDelayMs, given.minDelayMs * given.factor ** (attempt - 1));
        const ms = backoffMs(attempt, policy, () => (Number.isNaN(draw) ? 0.5 : draw));
        expect(ms).toBeLessThanOrEqual(step);
        expect(ms).toBeGreaterThanOrEqual(step * (1 - given.jitter) - 1e-6 * step);
      }),
    );
  });
});

describe("mayRetry", () => {
  const refused = new ConnectionError("x", {
    cause: Object.assign(new Error("r"), { code: "ECONNREFUSED" }),
  });
  const reset = new ConnectionError("x", { cause: Object.assign(new Error("r"), { code: "ECONNRESET" }) });

  it(
    req(
      "core.retry.idempotent",
      "allows an idempotent call any retryable error, any other only one never sent",
    ),
    () => {
      for (const error of [reset, new RateLimitError("x"), new UpstreamError("x"), new TimeoutError("x")]) {
        expect(mayRetry({ idempotent: true }, error)).toBe(true);
        expect(mayRetry({ idempotent: false }, error)).toBe(false);
      }
      expect(mayRetry({ idempotent: true }, refused)).toBe(true);
      expect(mayRetry({ idempotent: false }, refused)).toBe(true);
      expect(mayRetry({ idempotent: true }, new ValidationError("x"))).toBe(false);
      expect(mayRetry({ idempotent: true }, new Error("foreign"))).toBe(false);
    },
  );

  it("obeys retry: never, the caller's abort and the end of the client, whatever happened", () => {
    expect(mayRetry({ idempotent: true, retry: "never" }, refused)).toBe(false);
    const facts = { cause: refused.cause, retryable: true, sent: false };
    expect(mayRetry({ idempotent: true }, new AbortError("x", facts))).toBe(false);
    expect(mayRetry({ idempotent: true }, new ClosedError("x", facts))).toBe(false);
  });
});
