import { describe, expect, it, vi } from "vitest";
import {
  fromPino,
  type LogFields,
  type Logger,
  logLevels,
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

  it("does not touch the caller's fields", () => {
    const fields = { token: "t-1", list: [1] };
    safeLogger(collecting().logger).info("x", fields);
    expect(fields).toEqual({ token: "t-1", list: [1] });
  });

  it("is silent without a logger, and does not wrap twice", () => {
    expect(safeLogger(undefined)).toBe(silentLogger);
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
    expect(scoped(undefined, { a: 1 })).toBe(silentLogger);
  });
});

describe("fromPino", () => {
  it("turns the order of arguments round on every level", () => {
    const seen: unknown[][] = [];
    const at =
      (level: string) =>
      (...rest: unknown[]) =>
        seen.push([level, ...rest]);
    const logger = fromPino({ debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") });
    for (const level of logLevels) {
      logger[level]("with", { n: 1 });
      logger[level]("without");
    }
    expect(seen).toEqual(
      logLevels.flatMap((level) => [
        [level, { n: 1 }, "with"],
        [level, {}, "without"],
      ]),
    );
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
    expect(warnOnce(undefined, "k", "x")).toBe(false);
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
