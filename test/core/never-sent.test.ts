import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { ConnectionError } from "../../src/core/errors.ts";
import { neverSent } from "../../src/core/never-sent.ts";

const coded = (code: string, more: object = {}): Error => Object.assign(new Error(code), { code, ...more });

describe("neverSent", () => {
  it.each(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT", "ConnectionRefused"])(
    "knows %s anywhere in a chain",
    (code) => {
      expect(neverSent(coded(code))).toBe(true);
      expect(neverSent(new TypeError("fetch failed", { cause: coded(code) }))).toBe(true);
      const wrapped = new ConnectionError("no", { cause: new Error("mid", { cause: coded(code) }) });
      expect(neverSent(wrapped)).toBe(true);
    },
  );

  it.each([
    "ECONNRESET",
    "EPIPE",
    "UND_ERR_SOCKET",
    "UND_ERR_BODY_TIMEOUT",
    "UND_ERR_HEADERS_TIMEOUT",
    "ETIMEDOUT",
  ])("does not trust %s", (code) => {
    expect(neverSent(new TypeError("fetch failed", { cause: coded(code) }))).toBe(false);
  });

  it("knows any failure of the system calls that connect", () => {
    expect(neverSent(coded("ETIMEDOUT", { syscall: "connect" }))).toBe(true);
    expect(neverSent(coded("EHOSTUNREACH", { syscall: "connect" }))).toBe(true);
    expect(neverSent(coded("ESERVFAIL", { syscall: "getaddrinfo" }))).toBe(true);
    expect(neverSent(coded("ECONNRESET", { syscall: "read" }))).toBe(false);
  });

  it("wants every one of several attempts to have failed so", () => {
    const refused = coded("ECONNREFUSED");
    expect(neverSent(new AggregateError([refused, coded("ENOTFOUND")]))).toBe(true);
    expect(neverSent(new AggregateError([refused, coded("ECONNRESET")]))).toBe(false);
    expect(neverSent(new AggregateError([]))).toBe(false);
  });

  it("believes an error that says whether it was sent, before any code", () => {
    expect(neverSent(new ConnectionError("x", { sent: false }))).toBe(true);
    expect(neverSent(new ConnectionError("x", { sent: true, cause: coded("ECONNREFUSED") }))).toBe(false);
    expect(neverSent(new ConnectionError("x", { details: { sent: false } }))).toBe(false);
  });

  it.each([
    [9, true],
    [10, false],
  ])("looks through %i errors in front of the one that proves it: %s", (wrappers, proof) => {
    const wrap = (inner: Error) => new Error("outer", { cause: inner });
    const chain = Array.from({ length: wrappers }).reduce(wrap, coded("ECONNREFUSED"));
    expect(neverSent(chain)).toBe(proof);
    const several = Array.from({ length: wrappers }).reduce<Error>(
      (inner) => new AggregateError([inner]),
      coded("ENOTFOUND"),
    );
    expect(neverSent(several)).toBe(proof);
  });

  it("comes to an end on a chain that leads back to itself, and takes anything", () => {
    const loop = new Error("loop") as Error & { cause?: unknown };
    loop.cause = loop;
    expect(neverSent(loop)).toBe(false);
    const hostile = Object.defineProperty(new Error("x"), "cause", {
      get() {
        throw new Error("no");
      },
    });
    expect(neverSent(hostile)).toBe(false);
    for (const odd of [undefined, null, "ECONNREFUSED", 5, {}]) expect(neverSent(odd)).toBe(false);
  });

  it("recognises what fetch throws for a port that nobody listens on", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const error = await fetch(`http://127.0.0.1:${port}/`).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TypeError);
    expect(neverSent(error)).toBe(true);
  });
});
