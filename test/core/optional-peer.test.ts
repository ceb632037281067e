import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../../src/core/errors.ts";
import { loadPeer } from "../../src/core/optional-peer.ts";

const failing = (error: unknown) => loadPeer("ioredis", "the store", () => Promise.reject(error));

describe("loadPeer", () => {
  it("gives what was loaded", async () => {
    expect(await loadPeer("ioredis", "the store", async () => 5)).toBe(5);
  });

  it.each(["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"])("takes %s for a package to install", async (code) => {
    const error = await failing(Object.assign(new Error("no"), { code })).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({
      code: "MISSING_PACKAGE",
      message: expect.stringMatching(/^the store .* npm install ioredis$/),
      details: { package: "ioredis" },
    });
  });

  it.each([
    new Error("broken"),
    Object.assign(new Error("x"), { code: "EACCES" }),
    { code: 5 },
    null,
    undefined,
  ])("passes on what the package itself throws: %s", async (error) => {
    expect(await failing(error).catch((thrown: unknown) => thrown)).toBe(error);
  });
});
