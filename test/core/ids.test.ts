import { describe, expect, it } from "vitest";
import { randomBytes, randomHex, uuid } from "../../src/core/ids.ts";

describe("random ids", () => {
  it("come from the platform, and differ", () => {
    expect(randomBytes(32)).toHaveLength(32);
    expect(new Set(Array.from({ length: 1000 }, () => randomHex(16))).size).toBe(1000);
    expect(new Set(Array.from({ length: 1000 }, () => uuid())).size).toBe(1000);
    expect(randomHex(5000)).toMatch(/^[0-9a-f]{10000}$/);
    expect(new Set(Array.from({ length: 3 }, () => randomHex(4096))).size).toBe(3);
    expect(randomHex(4096)).toMatch(/^[0-9a-f]{8192}$/);
  });

  it("can be fixed by a source", () => {
    const zeros = (length: number): Uint8Array => new Uint8Array(length);
    const ones = (length: number): Uint8Array => new Uint8Array(length).fill(255);
    expect(randomHex(4, zeros)).toBe("00000000");
    expect(uuid(zeros)).toBe("00000000-0000-4000-8000-000000000000");
    expect(uuid(ones)).toBe("ffffffff-ffff-4fff-bfff-ffffffffffff");
    expect(uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});
