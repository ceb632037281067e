import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { sha256 } from "../../src/4runr/sha256.ts";

it("is the SHA-256 of the platform, for texts of any length", () => {
  for (let length = 0; length < 200; length++) {
    const text = "é😀\0x".repeat(length).slice(0, length);
    expect(sha256(text)).toBe(createHash("sha256").update(text, "utf8").digest("hex"));
  }
});
