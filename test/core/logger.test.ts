import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AuthError, ConnectionError } from "../../src/core/errors.ts";
import {
  type LogFields,
  type Logger,
  logLevels,
  logsAt,
  safeLogger,
  scoped,
  silentLogger,
  warnOnce,
} from "../../src/core/logger.ts";
import { req } from "../requirements/index.ts";

type Line = [level: string, message: string, fields?: LogFields];

function collecting(): { logger: Logger; lines: Line[] } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (...rest: [string, LogFields?]): void => {
      lines.push([level, ...rest]);
    };
  return { logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }, lines };
}

describe("safeLogger", () => {
  it("passes each level on to the same level", () => {
    const { logger, lines } = collecting();
    const safe = safeLogger(logger);
    for (const level of logLevels) safe[level](level, { n: 1 });
    expect(lines).toEqual(logLevels.map((level) => [level, level, { n: 1 }]));
  });

  it("passes no fields when none are given", () => {
    const { logger, lines } = collecting();
    safeLogger(logger).info("alone");
    expect(lines).toEqual([["info", "alone"]]);
  });

  it(req("core.logger.safe", "lets neither a throw nor a rejection of the logger out"), async () => {
    const thrower = (): never => {
      throw new Error("disk full");
    };
    const rejecter = (() => Promise.reject(new Error("socket closed"))) as unknown as () => void;
    const safe = safeLogger({ debug: thrower, info: thrower, warn: rejecter, error: rejecter });
    for (const level of logLevels) safe[level]("line", { n: 1 });
    await new Promise((resolve) => setImmediate(resolve));
    const broken = safeLogger({} as Logger);
    for (const level of logLevels) broken[level]("line");
  });

  it("masks fields and message before the logger sees them", () => {
    const { logger, lines } = collecting();
    safeLogger(logger).warn("sent Bearer abcdef123", { headers: { authorization: "Bearer abcdef123" } });
    expect(lines).toEqual([["warn", "sent Bearer [secret]", { headers: { authorization: "[secret]" } }]]);
  });

  it("writes a message that is not a text as one, and a text as it is", () => {
    const { logger, lines } = collecting();
    for (const message of ["[object Object]", new Error("x"), { n: 1 }, undefined])
      safeLogger(logger).info(message as string);
    expect(lines.map(([, text]) => text)).toEqual(["[object Object]", "x", '{"n":1}', "undefined"]);
  });

  it("says that a logger of another kind takes every level", () => {
    for (const level of logLevels) {
      expect(logsAt(collecting().logger, level)).toBe(true);
      expect(logsAt(silentLogger, level)).toBe(false);
    }
  });

  it("takes a function that has the methods of a logger", () => {
    const { logger, lines } = collecting();
    safeLogger(Object.assign(() => {}, logger)).info("hello");
    expect(lines).toEqual([["info", "hello"]]);
  });

  it("does not touch the caller's fields", () => {
    const fields = { token: "t-1", list: [1] };
    safeLogger(collecting().logger).info("x", fields);
    expect(fields).toEqual({ token: "t-1", list: [1] });
  });

  it("is silent for `false`, and does not wrap twice", () => {
    expect(safeLogger(false)).toBe(silentLogger);
    expect(safeLogger(silentLogger)).toBe(silentLogger);
    const safe = safeLogger(collecting().logger);
    expect(safeLogger(safe)).toBe(safe);
    for (const level of logLevels) expect(silentLogger[level]("x", {})).toBeUndefined();
  });

  it("calls a logger's methods as methods", () => {
    class Counting {
      count = 0;
      debug(): void {
        this.count++;
      }
      info = this.debug;
      warn = this.debug;
      error = this.debug;
    }
    const counting = new Counting();
    safeLogger(counting).debug("x");
    safeLogger(counting).error("x");
    expect(counting.count).toBe(2);
  });

  it("takes console as it is", () => {
    const spy = vi.spyOn(console, "info").mockImplementation(() => {});
    safeLogger(console).info("hello", { a: 1 });
    expect(spy).toHaveBeenCalledWith("hello", { a: 1 });
    spy.mockRestore();
  });
});

describe("scoped", () => {
  it("adds its fields to every line; the line's own win", () => {
    const { logger, lines } = collecting();
    const child = scoped(scoped(logger, { wire: "x", worker: "w1" }), { job: "j1" });
    child.info("started");
    child.error("failed", { worker: "w2", error: "no" });
    expect(lines).toEqual([
      ["info", "started", { wire: "x", worker: "w1", job: "j1" }],
      ["error", "failed", { wire: "x", worker: "w2", job: "j1", error: "no" }],
    ]);
  });

  it("masks its own fields too and stays silent over silence", () => {
    const { logger, lines } = collecting();
    scoped(logger, { apiKey: "k" }).info("x");
    expect(lines[0]).toEqual(["info", "x", { apiKey: "[secret]" }]);
    expect(scoped(false, { a: 1 })).toBe(silentLogger);
  });
});

/** A logger whose methods record their arguments, with members that tell what it is. */
function recording(members: object): { logger: Logger; seen: unknown[][] } {
  const seen: unknown[][] = [];
  const at =
    (level: string) =>
    (...rest: unknown[]): void => {
      seen.push([level, ...rest]);
    };
  const logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), ...members };
  return { logger, seen };
}

describe("loggers of others", () => {
  const child = (): void => {};

  it.each([
    ["bindings", { child, bindings: () => ({}) }],
    ["both lists of levels", { child, levels: { labels: { 30: "info" }, values: { info: 30 } } }],
  ])("pino, known by its %s, gets the fields first", (_, members) => {
    const { logger, seen } = recording(members);
    const safe = safeLogger(logger);
    for (const level of logLevels) {
      safe[level]("with Bearer abcdef123", { n: 1, apiKey: "k" });
      safe[level]("without");
    }
    scoped(safe, { job: "j" }).info("scoped");
    expect(seen).toEqual([
      ...logLevels.flatMap((level) => [
        [level, { n: 1, apiKey: "[secret]" }, "with Bearer [secret]"],
        [level, {}, "without"],
      ]),
      ["info", { job: "j" }, "scoped"],
    ]);
  });

  it.each([
    ["winston", { child, levels: { error: 0, warn: 1, info: 2, debug: 5 } }],
    ["a logger with children", { child }],
    ["a logger with labels only", { child, levels: { labels: { 30: "info" } } }],
    ["a logger with values only", { child, levels: { values: { info: 30 } } }],
    ["a logger without levels", { child, levels: null }],
    ["a logger with a member called bindings", { bindings: () => ({}) }],
  ])("%s gets the message first", (_, members) => {
    const { logger, seen } = recording(members);
    safeLogger(logger).warn("hello", { n: 1 });
    expect(seen).toEqual([["warn", "hello", { n: 1 }]]);
  });
});

it("a logger whose members cannot be read breaks nothing", () => {
  const get = (): never => {
    throw new Error("no member can be read");
  };
  const unreadable = Object.defineProperties(
    {},
    Object.fromEntries(["child", "bindings", ...logLevels].map((name) => [name, { get }])),
  ) as Logger;
  const safe = safeLogger(unreadable);
  for (const level of logLevels) {
    safe[level]("hello", { n: 1 });
    scoped(safe, { job: "j" })[level]("hello");
    expect(logsAt(safe, level)).toBe(true);
  }
  expect(warnOnce(safe, "key", "hello")).toBe(true);
});

it.each([5, "console", true])("%j is not a logger", (logger) => {
  expect(() => Reflect.apply(safeLogger, undefined, [logger])).toThrow("logger must be");
});

const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable(new Error("x"), {});
  revoke();
  return proxy;
};

describe("the default logger", () => {
  const lines: [stream: string, text: string][] = [];
  beforeEach(() => {
    lines.length = 0;
    for (const stream of ["log", "debug", "info", "warn", "error"] as const)
      vi.spyOn(console, stream).mockImplementation((...text) => void lines.push([stream, text.join("|")]));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });

  const levels = [
    ["debug", ["debug", "info", "warn", "error"]],
    ["info", ["info", "warn", "error"]],
    [undefined, ["warn", "error"]],
    ["", ["warn", "error"]],
    [" WARN ", ["warn", "error"]],
    ["error", ["error"]],
    ["silent", []],
  ] as const;

  it.each(levels)("writes from the level of AGENTWIRE_LOG=%s upwards", (value, written) => {
    vi.stubEnv("AGENTWIRE_LOG", value);
    const logger = safeLogger(undefined);
    for (const level of logLevels) {
      logger[level]("a line", { n: 1 });
      expect(logsAt(logger, level)).toBe((written as readonly string[]).includes(level));
    }
    expect(lines).toEqual(
      written.map((level) => [
        level === "error" ? "error" : "warn",
        `agentwire ${level.padEnd(5)} a line n=1`,
      ]),
    );
  });

  it("writes nothing that a terminal would obey or show in another order", () => {
    vi.stubEnv("AGENTWIRE_LOG", "error");
    const error = new Error("gone \u001b[2J");
    safeLogger(undefined).error("a \u001b[31m line\r\n", {
      id: "\u001b[2J",
      c1: "\u009b2J",
      bidi: "a\u202eb",
      "name\n\u0007": 1,
      error,
    });
    const [, text] = lines[0]!;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(text.split("\n")[0]).toContain("\\u001b[31m line");
    expect(text).toContain("\\u202e");
  });

  it("reads the level when it is made, not before and not later", () => {
    vi.stubEnv("AGENTWIRE_LOG", "error");
    const logger = safeLogger(undefined);
    vi.stubEnv("AGENTWIRE_LOG", "debug");
    logger.warn("too low");
    scoped(logger, { n: 1 }).warn("too low");
    safeLogger(undefined).debug("low");
    expect(lines).toEqual([["warn", "agentwire debug low"]]);
  });

  it("warns once of a level that is none, and takes it for warn", () => {
    vi.stubEnv("AGENTWIRE_LOG", "loud");
    for (let times = 0; times < 3; times++) safeLogger(undefined).info("unseen");
    safeLogger(undefined).warn("seen");
    expect(lines).toEqual([
      ["warn", 'agentwire warn  AGENTWIRE_LOG must be debug, info, warn, error or silent, not "loud"'],
      ["warn", "agentwire warn  seen"],
    ]);
  });

  it("warns of each level that is none, and shows of a long one its start", () => {
    for (const value of ["noisy", "x".repeat(101)]) {
      vi.stubEnv("AGENTWIRE_LOG", value);
      safeLogger(undefined).info("unseen");
    }
    const text = "agentwire warn  AGENTWIRE_LOG must be debug, info, warn, error or silent, not";
    expect(lines).toEqual([
      ["warn", `${text} "noisy"`],
      ["warn", `${text} "${"x".repeat(100)}"`],
    ]);
  });

  it("escapes what a terminal obeys, and keeps line ends of its own and tabs", () => {
    vi.stubEnv("AGENTWIRE_LOG", "debug");
    safeLogger(undefined).info("\u0007\u2028\u2029\u200e\u200f\u202a\u2066\u2069\u007f\u009b\t\r\n");
    const shown = "\\u0007\\u2028\\u2029\\u200e\\u200f\\u202a\\u2066\\u2069\\u007f\\u009b\t\\r\\n";
    expect(lines).toEqual([["warn", `agentwire info  ${shown}`]]);
  });

  it("quotes names and texts that would read as another field", () => {
    vi.stubEnv("AGENTWIRE_LOG", "debug");
    const fields = {
      "a b": "c=d",
      'q"': 'x"',
      tab: "a\tb",
      none: { toJSON: () => undefined },
      odd: revoked(),
    };
    safeLogger(undefined).debug("line", fields);
    expect(lines).toEqual([
      ["warn", 'agentwire debug line "a b"="c=d" "q\\""="x\\"" tab="a\\tb" none=null odd=[unreadable]'],
    ]);
  });

  it("shows the stacks of an error and of four that led to it, and the text of one without a stack", () => {
    vi.stubEnv("AGENTWIRE_LOG", "error");
    let chain = new Error("0");
    for (let n = 1; n < 7; n++) chain = new Error(String(n), { cause: chain });
    safeLogger(undefined).error("line", { chain });
    const shown = lines
      .pop()![1]
      .split("\n")
      .filter((line) => !line.startsWith("    at "));
    const causes = [5, 4, 3, 2].map((n) => `caused by Error: ${n}`);
    expect(shown).toEqual(['agentwire error line chain="Error: 6"', "Error: 6", ...causes]);
    const stackless = Object.assign(new Error("x"), { stack: undefined });
    const inner = Object.assign(new Error("inner"), { stack: "Error: inner" });
    const odd = Object.assign(new Error("y", { cause: inner }), { stack: 5 });
    const long = Object.assign(new Error("z"), { stack: "z ".repeat(10_000) });
    safeLogger(undefined).error("line", { stackless, odd, long });
    const [, ...stacks] = lines.pop()![1].split("\n");
    expect(stacks).toEqual([
      "Error: x",
      "[unreadable]",
      "caused by Error: inner",
      `${"z ".repeat(4_096)}… (20000 characters)`,
    ]);
  });

  it("shows a stack as it is, and of a very long one its start and its last frames", () => {
    vi.stubEnv("AGENTWIRE_LOG", "error");
    const error = new Error("x");
    safeLogger(undefined).error("line", { error });
    expect(lines.pop()![1]).toBe(`agentwire error line error="Error: x"\n${error.stack}`);
    const frame = "\n    at f (a.ts:1)";
    const long = Object.assign(new Error("x"), { stack: `${"y".repeat(8_190)}${frame.repeat(1_000)}` });
    safeLogger(undefined).error("line", { long });
    const last = frame.repeat(Math.floor(4_096 / frame.length));
    expect(lines.pop()![1]).toBe(
      `agentwire error line long="Error: x"\n${"y".repeat(8_190)}\n … (${8_190 + frame.length * 1_000} characters)${last}`,
    );
  });

  it("keeps a line on one line and leaves out what is undefined", () => {
    vi.stubEnv("AGENTWIRE_LOG", "debug");
    const fields = {
      plain: "a-b",
      spaced: "a b",
      broken: 'x\n"y"',
      no: undefined,
      list: [1, { a: 2 }],
      empty: "",
    };
    safeLogger(undefined).info("two\nlines", fields);
    expect(lines).toEqual([
      [
        "warn",
        'agentwire info  two\\nlines plain=a-b spaced="a b" broken="x\\n\\"y\\"" list=[1,{"a":2}] empty=""',
      ],
    ]);
  });

  it("writes an error as its text, and at the level error with its stack and causes", () => {
    vi.stubEnv("AGENTWIRE_LOG", "warn");
    const error = new ConnectionError("away", { cause: new AuthError("no") });
    safeLogger(undefined).warn("odd", { error });
    expect(lines.pop()).toEqual(["warn", 'agentwire warn  odd error="ConnectionError [CONNECTION]: away"']);
    safeLogger(undefined).error("handler failed", { jobId: "j", error });
    const [stream, text] = lines.pop()!;
    const [first, second, third] = text.split("\n");
    expect(stream).toBe("error");
    expect(first).toMatch(
      /^agentwire error handler failed jobId=j error="ConnectionError \[CONNECTION\]: away"/,
    );
    expect(second).toBe("ConnectionError [CONNECTION]: away");
    expect(third).toContain("logger.test.ts");
    expect(text).toContain("\ncaused by AuthError [AUTH]: no");
  });

  it(req("core.logger.safe", "never writes a secret, in no part of a line"), () => {
    vi.stubEnv("AGENTWIRE_LOG", "debug");
    const secret = "planted-abcdef123456";
    const error = new AuthError(`refused Bearer ${secret}`, { cause: new Error(`Bearer ${secret}`) });
    const logger = scoped(undefined, { apiKey: secret });
    for (const level of logLevels)
      logger[level](`sent Bearer ${secret}`, { error, token: secret, headers: { authorization: secret } });
    expect(lines).toHaveLength(4);
    expect(JSON.stringify(lines)).not.toContain(secret);
  });

  const throwing = (key: string, value: object = new Error("x")): unknown =>
    Object.defineProperty(value, key, {
      enumerable: true,
      get: () => {
        throw new Error("no");
      },
    });
  it.each<[string, () => unknown]>([
    ["a revoked proxy", revoked],
    ["an error with a message that throws", () => throwing("message")],
    ["an error with a stack that throws", () => throwing("stack")],
    ["an error with a cause that throws", () => throwing("cause")],
    ["an error with a name that throws", () => throwing("name")],
    ["an error whose cause is a revoked proxy", () => new Error("x", { cause: revoked() })],
    ["an error with another stack", () => Object.assign(new Error("x"), { stack: revoked() })],
    ["a toJSON that throws", () => throwing("toJSON", {})],
    ["a member that throws", () => throwing("a", { b: 1 })],
    ["a proxy that has no keys", () => new Proxy({}, { ownKeys: () => [1] as unknown as string[] })],
  ])("writes a line of %s, whatever logger it goes to", (_, make) => {
    vi.stubEnv("AGENTWIRE_LOG", "debug");
    const { logger, lines: theirs } = collecting();
    for (const level of logLevels) {
      for (const to of [safeLogger(undefined), safeLogger(logger)]) {
        to[level]("it happened", { value: make(), n: 1 });
        scoped(to, { job: "j" })[level]("it happened", make() as LogFields);
        to[level](make() as string);
      }
    }
    expect(lines).toHaveLength(12);
    expect(theirs).toHaveLength(12);
    for (const [, text] of lines.filter((_, n) => n % 3 === 0))
      expect(text).toMatch(/it happened value=.* n=1/s);
    for (const [, text] of lines.filter((_, n) => n % 3 === 1)) expect(text).toMatch(/it happened job=j/);
  });

  it("bounds what it writes of a long text, says so, and keeps the frames", () => {
    vi.stubEnv("AGENTWIRE_LOG", "debug");
    const long = "x ".repeat(500_000);
    const error = new Error(long, { cause: new AuthError(long) });
    safeLogger(undefined).error(long, { error, long, list: Array.from({ length: 900 }, () => long) });
    const text = lines.pop()![1];
    expect(text.length).toBeLessThan(8_192 * 8);
    expect(text.match(/… \(\d+ characters\)/g)!.length).toBe(6);
    expect(text.match(/logger\.test\.ts/g)!.length).toBeGreaterThanOrEqual(2);
  });

  it("warns once, also through loggers of different calls", () => {
    vi.stubEnv("AGENTWIRE_LOG", "warn");
    expect(warnOnce(undefined, "default-once", "first")).toBe(true);
    expect(warnOnce(undefined, "default-once", "second")).toBe(false);
    expect(lines).toEqual([["warn", "agentwire warn  first"]]);
  });
});

describe("warnOnce", () => {
  it("warns once per key, also through other wrappings of the same logger", () => {
    const { logger, lines } = collecting();
    expect(warnOnce(logger, "a", "first a")).toBe(true);
    expect(warnOnce(logger, "a", "second a")).toBe(false);
    expect(warnOnce(safeLogger(logger), "a", "third a")).toBe(false);
    expect(warnOnce(scoped(logger, { n: 1 }), "a", "fourth a")).toBe(false);
    expect(warnOnce(logger, "b", "first b", { n: 2 })).toBe(true);
    expect(lines).toEqual([
      ["warn", "first a"],
      ["warn", "first b", { n: 2 }],
    ]);
  });

  it("warns each logger and says nothing to none", () => {
    const [one, two] = [collecting(), collecting()];
    warnOnce(one.logger, "k", "x");
    warnOnce(two.logger, "k", "x");
    expect([one.lines.length, two.lines.length]).toEqual([1, 1]);
    expect(warnOnce(false, "k", "x")).toBe(false);
  });

  it("remembers a bounded number of keys, the oldest going first", () => {
    const { logger, lines } = collecting();
    for (let key = 0; key < 1_000; key++) warnOnce(logger, `k${key}`, "x");
    expect(warnOnce(logger, "k0", "x")).toBe(false);
    expect(warnOnce(logger, "k1000", "x")).toBe(true);
    expect(warnOnce(logger, "k1000", "x")).toBe(false);
    expect(warnOnce(logger, "k0", "x")).toBe(true);
    expect(lines).toHaveLength(1_002);
  });
});
