import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import * as errors from "../../src/core/errors.ts";
import { req } from "../requirements/index.ts";

const { AgentwireError, AbortError, AuthError, ConnectionError, errorText, RateLimitError } = errors;
const { TimeoutError, UpstreamError, ValidationError } = errors;

/** A second copy of the module, as two bundles of the package would bring. */
const copyOf = async (): Promise<typeof errors> => {
  const specifier = "../../src/core/errors.ts?second-copy";
  return (await import(specifier)) as typeof errors;
};

/** Pins: what users may compare and rely on. */
const classes = [
  ["AuthError", "AUTH", false],
  ["PolicyDeniedError", "POLICY_DENIED", false],
  ["RateLimitError", "RATE_LIMIT", true],
  ["ValidationError", "VALIDATION", false],
  ["NotFoundError", "NOT_FOUND", false],
  ["ConflictError", "CONFLICT", false],
  ["UpstreamError", "UPSTREAM", true],
  ["TimeoutError", "TIMEOUT", true],
  ["AbortError", "ABORTED", false],
  ["ConnectionError", "CONNECTION", true],
  ["ProtocolError", "PROTOCOL", false],
  ["ClosedError", "CLOSED", false],
  ["UnsupportedError", "UNSUPPORTED", false],
] as const;

const byName = { ...errors };

describe("error classes", () => {
  it.each(classes)(`${req("core.errors.code", "%s shows its code")}: %s`, (name, code, retryable) => {
    const error = new byName[name]("what happened");
    expect(error.message).toBe("what happened");
    expect([error.name, error.code, error.retryable]).toEqual([name, code, retryable]);
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(AgentwireError);
    expect(error).toBeInstanceOf(byName[name]);
    const others = classes.filter(([other]) => other !== name);
    for (const [other] of others) expect(error).not.toBeInstanceOf(byName[other]);
    expect(error.stack).toContain("errors.test.ts");
    const printed = `${name} [${code}]: what happened`;
    expect(String(error)).toBe(printed);
    expect(error.stack?.split("\n")[0]).toBe(printed);
    expect(inspect(error)).toContain(printed);
  });

  it("covers every class that the module exports", () => {
    const exported = Object.keys(errors).filter(
      (name) => name.endsWith("Error") && name !== "AgentwireError",
    );
    expect(exported.sort()).toEqual(classes.map(([name]) => name).sort());
  });

  it("carries what it was given and nothing else", () => {
    const cause = new Error("cause");
    const headers = new Headers({ "x-limit": "5" });
    const full = new RateLimitError("slow down", {
      code: "QUOTA",
      retryable: false,
      cause,
      reason: "quota_used_up",
      status: 429,
      headers,
      requestId: "r-1",
      correlationId: "c-1",
      retryAfterMs: 1_500,
      attempts: 3,
      sent: true,
      details: { limit: 5 },
      body: { raw: true },
    });
    expect(full).toMatchObject({
      message: "slow down",
      code: "QUOTA",
      retryable: false,
      cause,
      reason: "quota_used_up",
      status: 429,
      headers,
      requestId: "r-1",
      attempts: 3,
      sent: true,
      correlationId: "c-1",
      retryAfterMs: 1_500,
      details: { limit: 5 },
      body: { raw: true },
    });
    const bare = new RateLimitError("x");
    expect(Object.keys(bare).sort()).toEqual(["code", "retryable"]);
    for (const key of ["cause", "reason", "status", "headers", "sent", "body", "details"])
      expect(Object.hasOwn(bare, key)).toBe(false);
  });

  it(req("core.errors.body", "keeps the peer's answer out of inspect and JSON"), () => {
    const headers = new Headers({ "set-cookie": "the raw answer" });
    const error = new ValidationError("refused", {
      body: "the raw answer",
      headers,
      status: 400,
      details: { n: 1 },
    });
    expect(error.body).toBe("the raw answer");
    expect(inspect(error)).not.toContain("raw answer");
    expect(inspect({ deep: { error } }, { depth: 5 })).not.toContain("raw answer");
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: "VALIDATION",
      retryable: false,
      status: 400,
      details: { n: 1 },
    });
    expect(Object.keys(error)).toEqual(["code", "retryable", "status", "details"]);
    expect(error.headers).toBe(headers);
  });

  it("has a name that may be changed and is not listed", () => {
    const name = { value: "AuthError", enumerable: false, writable: true, configurable: true };
    expect(Object.getOwnPropertyDescriptor(new AuthError("x"), "name")).toEqual(name);
  });

  it("shows code, status and cause when it is inspected", () => {
    const text = inspect(new TimeoutError("late", { status: 504, cause: new Error("inner") }));
    for (const part of ["TimeoutError [TIMEOUT]: late", "status: 504", "inner"]) expect(text).toContain(part);
  });
});

describe("a printed error", () => {
  it("shows the code once, in the first line of the stack, of its causes too", () => {
    const cause = new AuthError("inner");
    const shown = inspect(new ValidationError("outer", { cause }));
    expect(shown.match(/ValidationError \[VALIDATION\]: outer/g)).toHaveLength(1);
    expect(shown.match(/AuthError \[AUTH\]: inner/g)).toHaveLength(1);
    expect(String(new AuthError(""))).toBe("AuthError [AUTH]");
  });
});

describe("the stack of an error", () => {
  it("starts where the error was made, and may be replaced", () => {
    const make = (): Error => new TimeoutError("late");
    const error = make();
    expect(error.stack?.split("\n")[1]).toContain("make");
    error.stack = "other";
    expect(error.stack).toBe("other");
    expect(Object.keys(error)).not.toContain("stack");
    error.stack = "another";
    expect(error.stack).toBe("another");
    Reflect.deleteProperty(error, "stack");
    expect(error.stack).toContain("make");
    expect(AgentwireError.prototype.stack).toBe("");
  });

  it("is the engine's own where there is no captureStackTrace", () => {
    const { captureStackTrace } = Error;
    Reflect.deleteProperty(Error, "captureStackTrace");
    try {
      const error = new AuthError("no");
      expect(error.stack).toContain("errors.test.ts");
      expect(String(error)).toBe("AuthError [AUTH]: no");
    } finally {
      Error.captureStackTrace = captureStackTrace;
    }
  });
});

describe("sent of a ConnectionError", () => {
  const refused = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });

  it("is false if the cause proves it, and what was given otherwise", () => {
    expect(new ConnectionError("x", { cause: new TypeError("fetch failed", { cause: refused }) }).sent).toBe(
      false,
    );
    expect(new ConnectionError("x", { cause: refused, sent: true }).sent).toBe(true);
    expect(Object.hasOwn(new ConnectionError("x", { cause: new Error("reset") }), "sent")).toBe(false);
    expect(Object.hasOwn(new UpstreamError("x", { cause: refused }), "sent")).toBe(false);
  });
});

describe("instanceof", () => {
  it(req("core.errors.brand", "holds across two copies of the module, both ways"), async () => {
    const copy = await copyOf();
    expect(copy.TimeoutError).not.toBe(TimeoutError);
    const [ours, theirs] = [new TimeoutError("ours"), new copy.TimeoutError("theirs")];
    expect(theirs).toBeInstanceOf(TimeoutError);
    expect(theirs).toBeInstanceOf(AgentwireError);
    expect(ours).toBeInstanceOf(copy.TimeoutError);
    expect(theirs).not.toBeInstanceOf(AbortError);
    expect(ours).not.toBeInstanceOf(copy.AbortError);
    for (const [name, code, retryable] of classes) {
      const error = new copy[name]("what happened");
      expect([error.name, error.code, error.retryable]).toEqual([name, code, retryable]);
      expect(error).toBeInstanceOf(byName[name]);
    }
    expect(new copy.AgentwireError("x")).toMatchObject({
      name: "AgentwireError",
      code: "ERROR",
      retryable: false,
    });
  });

  it("is false for anything else, also for an error of the same name", () => {
    const lookalike = Object.assign(new Error("x"), { name: "TimeoutError", code: "TIMEOUT" });
    for (const other of [
      lookalike,
      null,
      undefined,
      "TimeoutError",
      5,
      {},
      new DOMException("x", "TimeoutError"),
    ]) {
      expect(other instanceof TimeoutError).toBe(false);
      expect(other instanceof AgentwireError).toBe(false);
    }
  });

  it("holds for subclasses with a brand of their own, a second brand, or none", () => {
    class Special extends TimeoutError {
      static override readonly brands: readonly string[] = ["SpecialError", "AbortError"];
      static override readonly defaultCode: string = "SPECIAL";
    }
    const special = new Special("x");
    expect(special.name).toBe("SpecialError");
    expect(String(special)).toBe("SpecialError [SPECIAL]: x");
    for (const type of [Special, TimeoutError, AbortError, AgentwireError])
      expect(special).toBeInstanceOf(type);
    expect(new TimeoutError("x")).not.toBeInstanceOf(Special);

    class Unbranded extends ValidationError {}
    expect(new Unbranded("x")).toBeInstanceOf(Unbranded);
    expect(new Unbranded("x")).toBeInstanceOf(ValidationError);
    expect(new ValidationError("x")).not.toBeInstanceOf(Unbranded);
  });
});

describe("copyWith", () => {
  it("is the same error as an object of its own, with other facts", () => {
    const cause = new Error("inner");
    const error = new TimeoutError("late", { cause, attempts: 1, correlationId: "c-1", body: "raw" });
    const copy = errors.copyWith(error, { attempts: 2, sent: false, correlationId: undefined });
    expect(copy).not.toBe(error);
    expect(copy).toBeInstanceOf(TimeoutError);
    expect(copy).toMatchObject({ message: "late", code: "TIMEOUT", cause, body: "raw" });
    expect(copy.stack).toBe(error.stack);
    expect(String(copy)).toBe("TimeoutError [TIMEOUT]: late");
    expect(JSON.parse(JSON.stringify(copy))).toEqual({
      code: "TIMEOUT",
      retryable: true,
      attempts: 2,
      sent: false,
    });
    expect(Object.hasOwn(copy, "correlationId")).toBe(false);
    expect(Object.hasOwn(copy, "stack")).toBe(false);
    expect([error.attempts, error.correlationId, error.sent]).toEqual([1, "c-1", undefined]);
  });
});

describe("errorText", () => {
  it("gives the text of anything that was thrown", () => {
    const unprintable = {
      toString() {
        throw new Error("no");
      },
    };
    expect(
      [new Error("m"), new TypeError(""), "text", 5, null, undefined, unprintable].map(errorText),
    ).toEqual(["m", "TypeError", "text", "5", "null", "undefined", "unprintable value"]);
  });

  it("is text for messages that are none, and for values that resist", () => {
    const withMessage = (message: unknown): Error => Object.assign(new Error(), { message });
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const hostile = new Error("x");
    Object.defineProperty(hostile, "message", {
      get() {
        throw new Error("no");
      },
    });
    const values = [
      withMessage({ detail: "an API's own" }),
      withMessage(["a", 1]),
      withMessage(404),
      { code: 404 },
      Symbol("s"),
      revoked.proxy,
      hostile,
    ];
    expect(values.map(errorText)).toEqual([
      '{"detail":"an API\'s own"}',
      "a,1",
      "404",
      '{"code":404}',
      "Symbol(s)",
      "unprintable value",
      "unprintable value",
    ]);
    expect(revoked.proxy instanceof AgentwireError).toBe(false);
  });
});
