import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import * as errors from "../../src/core/errors.ts";
import { req } from "../requirements/index.ts";

const { AgentwireError, AbortedError, errorText, RateLimitError, TimeoutError, ValidationError } = errors;

/** A second copy of the module, as two bundles of the package would bring. */
const copyOf = async (): Promise<typeof errors> => {
  const specifier = "../../src/core/errors.ts?second-copy";
  return (await import(specifier)) as typeof errors;
};

/** Pins: what users may compare and rely on. */
const classes = [
  ["AuthError", "auth", false],
  ["PolicyDeniedError", "policy_denied", false],
  ["RateLimitError", "rate_limit", true],
  ["ValidationError", "validation", false],
  ["NotFoundError", "not_found", false],
  ["ConflictError", "conflict", false],
  ["UpstreamError", "upstream", true],
  ["TimeoutError", "timeout", true],
  ["AbortedError", "aborted", false],
  ["ConnectionError", "connection", true],
  ["ProtocolError", "protocol", false],
  ["ClosedError", "closed", false],
  ["UnsupportedError", "unsupported", false],
] as const;

const byName = { ...errors };

describe("error classes", () => {
  it.each(classes)(`${req("core.errors.code", "%s shows its code")}: %s`, (name, code, retryable) => {
    const error = new byName[name]("what happened");
    expect(error.message).toBe(`[${code}] what happened`);
    expect([error.name, error.code, error.retryable]).toEqual([name, code, retryable]);
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(AgentwireError);
    expect(error).toBeInstanceOf(byName[name]);
    const others = classes.filter(([other]) => other !== name);
    for (const [other] of others) expect(error).not.toBeInstanceOf(byName[other]);
    expect(error.stack).toContain("errors.test.ts");
    expect(String(error)).toBe(`${name}: [${code}] what happened`);
  });

  it("covers every class that the module exports", () => {
    const exported = Object.keys(errors).filter(
      (name) => name.endsWith("Error") && name !== "AgentwireError",
    );
    expect(exported.sort()).toEqual(classes.map(([name]) => name).sort());
  });

  it("carries what it was given and nothing else", () => {
    const cause = new Error("cause");
    const full = new RateLimitError("slow down", {
      code: "quota",
      retryable: false,
      cause,
      status: 429,
      correlationId: "c-1",
      retryAfterMs: 1_500,
      details: { limit: 5 },
      body: { raw: true },
    });
    expect(full).toMatchObject({
      message: "[quota] slow down",
      code: "quota",
      retryable: false,
      cause,
      status: 429,
      correlationId: "c-1",
      retryAfterMs: 1_500,
      details: { limit: 5 },
      body: { raw: true },
    });
    const bare = new RateLimitError("x");
    expect(Object.keys(bare).sort()).toEqual(["code", "retryable"]);
    for (const key of ["cause", "status", "body", "details"]) expect(Object.hasOwn(bare, key)).toBe(false);
  });

  it(req("core.errors.body", "keeps the peer's answer out of inspect and JSON"), () => {
    const error = new ValidationError("refused", { body: "the raw answer", status: 400, details: { n: 1 } });
    expect(error.body).toBe("the raw answer");
    expect(inspect(error)).not.toContain("raw answer");
    expect(inspect({ deep: { error } }, { depth: 5 })).not.toContain("raw answer");
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: "validation",
      retryable: false,
      status: 400,
      details: { n: 1 },
    });
    expect({ ...error }).not.toHaveProperty("body");
  });

  it("shows code, status and cause when it is inspected", () => {
    const text = inspect(new TimeoutError("late", { status: 504, cause: new Error("inner") }));
    for (const part of ["TimeoutError: [timeout] late", "status: 504", "inner"]) expect(text).toContain(part);
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
    expect(theirs).not.toBeInstanceOf(AbortedError);
    expect(ours).not.toBeInstanceOf(copy.AbortedError);
  });

  it("is false for anything else, also for an error of the same name", () => {
    const lookalike = Object.assign(new Error("[timeout] x"), { name: "TimeoutError", code: "timeout" });
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
      static override readonly brands: readonly string[] = ["SpecialError", "AbortedError"];
      static override readonly defaultCode: string = "special";
    }
    const special = new Special("x");
    expect(special.name).toBe("SpecialError");
    expect(special.message).toBe("[special] x");
    for (const type of [Special, TimeoutError, AbortedError, AgentwireError])
      expect(special).toBeInstanceOf(type);
    expect(new TimeoutError("x")).not.toBeInstanceOf(Special);

    class Unbranded extends ValidationError {}
    expect(new Unbranded("x")).toBeInstanceOf(Unbranded);
    expect(new Unbranded("x")).toBeInstanceOf(ValidationError);
    expect(new ValidationError("x")).not.toBeInstanceOf(Unbranded);
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
});
