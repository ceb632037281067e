import { afterEach, describe, expect, it, vi } from "vitest";
import { builtinModule, requireBuiltin } from "../../src/core/builtin.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("builtinModule", () => {
  it("gives a module of the platform", () => {
    expect(builtinModule("node:path")).toMatchObject({ sep: expect.any(String) });
    expect(requireBuiltin("node:path", "listening")).toBe(builtinModule("node:path"));
  });

  it.each([undefined, {}, { getBuiltinModule: () => undefined }])(
    "has none where the process is %o",
    (host) => {
      vi.stubGlobal("process", host);
      const found = builtinModule("node:path");
      const required = () => requireBuiltin("node:path", "listening");
      expect(required).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
      vi.unstubAllGlobals();
      expect(found).toBeUndefined();
      expect(required).not.toThrow();
    },
  );
});
