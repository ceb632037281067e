import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ValidationError } from "../../src/core/errors.ts";
import { formatTime, parseTime } from "../../src/core/time.ts";

describe("formatTime and parseTime", () => {
  it("are each other's reverse", () => {
    const times = fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 });
    fc.assert(
      fc.property(times, (ms) => {
        expect(parseTime(formatTime(ms))).toBe(ms);
      }),
    );
  });

  it.each([
    ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"],
    ["2026-01-31t12:00:00z", "2026-01-31T12:00:00.000Z"],
    ["2026-01-31 12:00:00.5Z", "2026-01-31T12:00:00.500Z"],
    ["2026-01-31T12:00:00.123999Z", "2026-01-31T12:00:00.123Z"],
    ["2026-01-31T12:00:00+01:30", "2026-01-31T10:30:00.000Z"],
    ["2026-01-31T23:30:00.250-01:00", "2026-02-01T00:30:00.250Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
    ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
    ["2026-01-31T23:59:59+23:59", "2026-01-31T00:00:59.000Z"],
    ["2026-12-31T00:00:00.05-00:01", "2026-12-31T00:01:00.050Z"],
  ])("reads %s as %s", (text, same) => {
    expect(formatTime(parseTime(text)!)).toBe(same);
  });

  it.each([
    "",
    "2026-01-31",
    "2026-02-30T00:00:00Z",
    "2025-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-01-31T24:00:00Z",
    "2026-01-31T00:60:00Z",
    "2026-01-31T00:00:61Z",
    "2026-01-31T00:00:00+24:00",
    "2026-01-31T00:00:00+00:60",
    "2026-01-31T00:00:00",
    "x2026-01-31T00:00:00Z",
    "2026-01-31T00:00:00Zx",
    "2026-01-31T00:00:00.Z",
    "2026-01-31T00:00:00Z+01:00",
    "2026-01-31_00:00:00Z",
    "Sat, 31 Jan 2026 00:00:00 GMT",
  ])("does not read %j", (text) => {
    expect(parseTime(text)).toBeUndefined();
  });

  it("takes a time without a zone as UTC only when told to", () => {
    expect(parseTime("2026-01-31T00:00:00.5", { assumeUtc: true })).toBe(Date.UTC(2026, 0, 31, 0, 0, 0, 500));
    expect(parseTime("2026-01-31T01:00:00+01:00", { assumeUtc: true })).toBe(Date.UTC(2026, 0, 31));
  });

  it("writes only times that the form can hold", () => {
    for (const ms of [Number.NaN, Infinity, 253_402_300_800_000, -62_167_219_200_001, 1e18]) {
      expect(() => formatTime(ms)).toThrow(ValidationError);
    }
  });
});
