import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { sha256 } from "../../src/4runr/sha256.ts";

it("is the SHA-256 of the platform, for texts of any length", () => {
  const digest = (text: string) => createHash("sha256").update(text, "utf8").digest("hex");
  for (let length = 0; length < 200; length++)
    expect(sha256("x".repeat(length))).toBe(digest("x".repeat(length)));
  const text = fc.string({ unit: "binary", maxLength: 100 });
  fc.assert(
    fc.property(text, (given) => {
      expect(sha256(given)).toBe(digest(given));
    }),
  );
});
