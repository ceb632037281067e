import { afterEach, describe, expect, it, vi } from "vitest";
import { optionOrEnv, readEnv } from "../../src/core/env.ts";
import { req } from "../requirements/index.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

describe("readEnv", () => {
  it("reads what is set and takes empty as unset", () => {
    vi.stubEnv("AGENTWIRE_TEST", "x");
    expect(readEnv("AGENTWIRE_TEST")).toBe("x");
    vi.stubEnv("AGENTWIRE_TEST", "");
    expect(readEnv("AGENTWIRE_TEST")).toBeUndefined();
    expect(readEnv("AGENTWIRE_TEST_NOT_SET")).toBeUndefined();
    expect(readEnv("A", { A: "given" })).toBe("given");
  });

  it("finds nothing where there is no environment or no permission", () => {
    vi.stubGlobal("process", undefined);
    expect(readEnv("PATH")).toBeUndefined();
    const env = new Proxy({}, { get: () => expect.fail("permission denied") });
    vi.stubGlobal("process", { env });
    expect(readEnv("PATH")).toBeUndefined();
  });
});

describe("optionOrEnv", () => {
  it(req("core.env.explicit", "prefers the explicit value, then the first variable that is set"), () => {
    const env = { A: "", B: "b", C: "c" };
    expect(optionOrEnv("given", "B", env)).toBe("given");
    expect(optionOrEnv(undefined, "B", env)).toBe("b");
    expect(optionOrEnv("", ["A", "B", "C"], env)).toBe("b");
    expect(optionOrEnv(undefined, ["A", "D"], env)).toBeUndefined();
  });
});
