import { describe, expect, it, vi } from "vitest";
import { isInsecure, isLoopback, warnIfInsecure } from "../../src/core/insecure.ts";
import { req } from "../requirements/index.ts";

const hostOf = (url: string): string => new URL(url).hostname;

describe("isLoopback", () => {
  it.each([
    "localhost",
    "LOCALHOST",
    "localhost.",
    "app.localhost",
    "127.0.0.1",
    "127.255.255.255",
    "127.0.0.1.",
    "::ffff:7fab:cdef",
    "::1",
    "[::1]",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    hostOf("http://127.1/"),
    hostOf("http://2130706433/"),
    hostOf("http://[::ffff:127.0.0.1]/"),
    hostOf("http://[0:0:0:0:0:0:0:1]:80/"),
  ])("takes %s for this machine", (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each([
    "",
    "example.com",
    "localhost.example.com",
    "notlocalhost",
    "127.0.0.1.example.com",
    "128.0.0.1",
    "127.0.0.256",
    "0.0.0.0",
    "10.0.0.1",
    "192.168.0.1",
    "::",
    "::2",
    "[::1",
    "x[::1]",
    "x127.0.0.1",
    "127.0.0.1x",
    "127.256.0.1",
    "x::ffff:7f00:1",
    "::ffff:7f00:12345",
    "::ffff:7f0:1",
    "::ffff:8f00:1",
    "fe80::1",
    "::ffff:8.8.8.8",
  ])("does not take %j for this machine", (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});

describe("isInsecure", () => {
  it("judges scheme and host", () => {
    expect(isInsecure("http://example.com")).toBe(true);
    expect(isInsecure(new URL("ws://example.com"))).toBe(true);
    for (const url of [
      "https://example.com",
      "wss://example.com",
      "http://localhost:1",
      "mock://x",
      "no url",
    ]) {
      expect(isInsecure(url)).toBe(false);
    }
  });
});

describe("warnIfInsecure", () => {
  it(req("core.insecure.warn", "warns once per host, without the credential, unless it is allowed"), () => {
    const warn = vi.fn();
    const logger = { debug: vi.fn(), info: vi.fn(), warn, error: vi.fn() };
    expect(warnIfInsecure("http://user:pw@a.example:8080/x?token=t", { logger })).toBe(true);
    expect(warnIfInsecure("http://a.example:8080/y", { logger })).toBe(false);
    expect(warnIfInsecure("http://b.example/", { logger })).toBe(true);
    expect(warnIfInsecure("http://c.example/", { logger, allowInsecure: true })).toBe(false);
    expect(warnIfInsecure("https://c.example/", { logger })).toBe(false);
    vi.stubEnv("AGENTWIRE_LOG", "silent");
    expect(warnIfInsecure("http://c.example/")).toBe(false);
    vi.unstubAllEnvs();
    expect(warn.mock.calls.map(([, fields]) => fields)).toEqual([
      { host: "a.example:8080" },
      { host: "b.example" },
    ]);
    expect(JSON.stringify(warn.mock.calls)).not.toMatch(/pw|token=/);
  });
});
