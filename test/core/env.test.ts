import { afterEach, describe, expect, it, vi } from "vitest";
import { optionOrEnv, readEnv } from "../../src/core/env.ts";
import { req } from "../requirements/index.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

describe("readEnv", () => {
  it("reads what is set and takes empty as unset", () => {
    vi.stubEnv("AGENT_ID", "x");
    expect(readEnv("AGENT_ID")).toBe("x");
    vi.stubEnv("AGENT_ID", "");
    expect(readEnv("AGENT_ID")).toBeUndefined();
    expect(readEnv("AUREUS_TOKEN")).toBeUndefined();
    expect(readEnv("GATEWAY_URL", { GATEWAY_URL: " given\n" })).toBe("given");
  });

  it("finds nothing where there is no environment or no permission", () => {
    vi.stubGlobal("process", undefined);
    expect(readEnv("AGENT_ID")).toBeUndefined();
    const env = new Proxy({}, { get: () => expect.fail("permission denied") });
    vi.stubGlobal("process", { env });
    expect(readEnv("AGENT_ID")).toBeUndefined();
  });
});

describe("optionOrEnv", () => {
  it(req("core.env.explicit", "prefers the explicit value, then the variable if it is set"), () => {
    const env = { AUREUS_URL: "", AGENT_ID: "b" };
    expect(optionOrEnv("given", "AGENT_ID", env)).toBe("given");
    expect(optionOrEnv(undefined, "AGENT_ID", env)).toBe("b");
    expect(optionOrEnv("", "AGENT_ID", env)).toBe("b");
    expect(optionOrEnv(undefined, "AUREUS_URL", env)).toBeUndefined();
    expect(optionOrEnv(undefined, "GATEWAY_URL", env)).toBeUndefined();
  });
});
