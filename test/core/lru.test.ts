import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Lru } from "../../src/core/lru.ts";

describe("Lru", () => {
  it("holds the most recently used entries, and never more than it may", () => {
    const step = fc.record({ do: fc.constantFrom("get", "set", "has", "delete"), key: fc.nat(12) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 80 }), (capacity, steps) => {
        const lru = new Lru<number, string>(capacity);
        // The model: a list of keys, the least recently used first.
        let used: number[] = [];
        for (const { do: action, key } of steps) {
          const held = used.includes(key);
          if (action === "get") {
            expect(lru.get(key)).toBe(held ? `v${key}` : undefined);
            if (held) used = [...used.filter((other) => other !== key), key];
          } else if (action === "has") {
            expect(lru.has(key)).toBe(held);
          } else if (action === "delete") {
            expect(lru.delete(key)).toBe(held);
            used = used.filter((other) => other !== key);
          } else {
            const gone = lru.set(key, `v${key}`);
            used = [...used.filter((other) => other !== key), key];
            const expected = used.length > capacity ? used.shift() : undefined;
            expect(gone).toEqual(expected === undefined ? undefined : [expected, `v${expected}`]);
          }
          expect([...lru.keys()]).toEqual(used);
          expect(lru.size).toBe(used.length);
        }
      }),
    );
  });

  it("counts reading a value of undefined as a use", () => {
    const lru = new Lru<string, undefined>(2);
    lru.set("a", undefined);
    lru.set("b", undefined);
    lru.get("a");
    expect([...lru.keys()]).toEqual(["b", "a"]);
  });

  it("keeps undefined as a value, and at least one entry", () => {
    const lru = new Lru<string, undefined>(0);
    lru.set("a", undefined);
    expect([lru.get("a"), lru.has("a"), lru.size]).toEqual([undefined, true, 1]);
    expect(lru.set("b", undefined)).toEqual(["a", undefined]);
    lru.clear();
    expect(lru.size).toBe(0);
  });
});
