import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  longestRetryAfterMs,
  parseRetryAfter,
  retryAfterFromBody,
  retryAfterFromHeaders,
} from "../../src/core/retry-after.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { req } from "../requirements/index.ts";

const clock = new FakeClock({ now: Date.UTC(2026, 0, 1, 12) });

describe("parseRetryAfter", () => {
  it.each([
    ["0", 0],
    ["3", 3_000],
    [" 3 ", 3_000],
    ["1.5", 1_500],
    ["+12.25", 12_250],
    ["Thu Jan 15 12:00:30 2026", longestRetryAfterMs],
    ["Wednesday, 31-Dec-25 12:00:30 GMT", 0],
    ["2026-01-01T11:00:30-01:00", 30_000],
    ["0.0004", 1],
    ["-5", 0],
    ["999999999999", longestRetryAfterMs],
    [`${"9".repeat(400)}`, longestRetryAfterMs],
    ["Thu, 01 Jan 2026 12:00:30 GMT", 30_000],
    ["Thursday, 01-Jan-26 12:00:30 GMT", 30_000],
    ["Thu Jan  1 12:00:30 2026", 30_000],
    ["2026-01-01T12:00:30Z", 30_000],
    ["2026-01-01T13:00:30.250+01:00", 30_250],
    ["Thu, 01 Jan 2026 11:00:00 GMT", 0],
    ["Fri, 01 Jan 2055 00:00:00 GMT", longestRetryAfterMs],
  ])("reads %j as %d ms", (value, ms) => {
    expect(parseRetryAfter(value, clock)).toBe(ms);
  });

  it.each([
    null,
    undefined,
    "",
    "soon",
    "1h",
    "1e3",
    "0x10",
    "NaN",
    "Infinity",
    "Thu, 99 Jan 2026 12:00:30 GMT",
    "h1",
    "1.",
    ...[
      "Thu, 01 Jan 2026 12:00:30 GMT",
      "Thursday, 01-Jan-26 12:00:30 GMT",
      "Thu Jan  1 12:00:30 2026",
      "2026-01-01T12:00:30Z",
    ].flatMap((date) => [`(a) ${date}`, `${date} (a)`]),
    "2026",
  ])("reads %j as nothing, or as seconds", (value) => {
    expect(parseRetryAfter(value, clock)).toBe(value === "2026" ? 2_026_000 : undefined);
  });

  it("stays within a day whatever a header says", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double().map(String), fc.date().map(String)), (value) => {
        const ms = parseRetryAfter(value, clock);
        if (ms === undefined) return;
        expect(Number.isInteger(ms)).toBe(true);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(longestRetryAfterMs);
      }),
    );
  });
});

describe("retryAfterFromHeaders", () => {
  it(req("core.retry.after", "reads retry-after-ms before retry-after, seconds and dates"), () => {
    const of = (init: Record<string, string>): number | undefined =>
      retryAfterFromHeaders(new Headers(init), clock);
    expect(of({ "Retry-After-Ms": "150", "Retry-After": "9" })).toBe(150);
    expect(of({ "retry-after-ms": "soon", "retry-after": "9" })).toBe(9_000);
    expect(of({ "retry-after": "Thu, 01 Jan 2026 12:00:30 GMT" })).toBe(30_000);
    expect(of({})).toBeUndefined();
  });
});

describe("retryAfterFromBody", () => {
  it.each([
    [{ retryAfterMs: 120, retryAfter: 9 }, 120],
    [{ retry_after_ms: "120" }, 120],
    [{ retryAfter: 2 }, 2_000],
    [{ retry_after: "2.5" }, 2_500],
    [{ retryAfter: " 2 " }, 2_000],
    [Object.create({ error: { retryAfter: 1 } }), undefined],
    [{ retryAfterSeconds: 1 }, 1_000],
    [{ retry_after_seconds: -1 }, 0],
    [{ error: { code: "rate_limited", retryAfter: 4 } }, 4_000],
    [{ error: { details: { retryAfterMs: 7 } } }, 7],
    [{ detail: { retry_after: 1 } }, 1_000],
    [{ retryAfter: 1e12 }, longestRetryAfterMs],
    [{ retryAfterMs: Number.NaN }, undefined],
    [{ retryAfter: "later" }, undefined],
    [{ error: { details: { error: { retryAfter: 1 } } } }, undefined],
    [Object.create({ retryAfter: 1 }), undefined],
    ["retryAfter", undefined],
    [null, undefined],
    [[{ retryAfter: 1 }], undefined],
  ])("reads %j as %s", (body, ms) => {
    expect(retryAfterFromBody(body)).toBe(ms);
  });
});
