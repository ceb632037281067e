import { expect, it, vi } from "vitest";
import { warned } from "../../src/core/warned.ts";

it.each<[string, () => unknown, boolean, readonly unknown[]]>([
  ["fails", () => Promise.reject(new Error("down")), false, [["not sent", { id: 1, reason: "down" }]]],
  ["throws", () => expect.fail("down"), false, [["not sent", { id: 1, reason: "down" }]]],
  ["ends", async () => {}, true, []],
  ["is done at once", () => false, true, []],
])("warned reports work that %s", async (_, work, isDone, lines) => {
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  expect(await warned(log, "not sent", work, { id: 1 })).toBe(isDone);
  expect(log.warn.mock.calls).toEqual(lines);
});
