import { expect, it } from "vitest";
import { schemaCost, stepsOn } from "../../src/core/schema-cost.ts";

it.each<[Record<string, unknown>, number, number]>([
  [{}, 0, 1],
  [{ minLength: 1, nullable: null }, 2, 1],
  [{ pattern: "eight ch" }, 2, 1],
  [{ required: ["a", "b", "c"] }, 4, 1],
  [{ properties: { a: { type: "x" }, b: {} } }, 3, 1],
  [{ const: "text" }, 2, 1],
  [{ const: null }, 2, 2],
  [{ const: { a: [1, 2], b: null } }, 6, 2],
  [{ enum: [{}, [], "text", 5] }, 6, 3],
  [{ enum: "text" }, 2, 1],
  [{ dependentRequired: { a: ["b", "c"] } }, 5, 1],
])("%j takes %d steps, and %d for each member of a value", (schema, own, perMember) => {
  expect(schemaCost(schema)).toEqual({ own, perMember });
});

it.each<[unknown, number]>([
  [undefined, 5],
  [null, 5],
  [7, 5],
  ["eight ch", 7],
  [[[1, 2], 3], 9],
  [{ a: [1, 2], b: 1, c: 1 }, 11],
])("a value such as %j counts for its members: %d", (value, steps) => {
  expect(stepsOn(value, { own: 5, perMember: 2 })).toBe(steps);
});
