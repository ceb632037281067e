import { describe, expect, it } from "vitest";
import { ValidationError } from "../../src/core/errors.ts";
import { compose, type Middleware } from "../../src/core/middleware.ts";
import { req } from "../requirements/index.ts";

const trace =
  (name: string, log: string[]): Middleware<string, string> =>
  (next) =>
  async (call) => {
    log.push(`${name} in`);
    const result = await next(`${call}${name}`);
    log.push(`${name} out`);
    return `${name}(${result})`;
  };

describe("compose", () => {
  it(req("core.middleware.order", "puts the first middleware outermost"), async () => {
    const log: string[] = [];
    const call = compose([trace("a", log), trace("b", log)], async (text) => `[${text}]`);
    expect(await call("x")).toBe("a(b([xab]))");
    expect(log).toEqual(["a in", "b in", "b out", "a out"]);
  });

  it("calls the terminal directly when there is nothing around it", async () => {
    expect(await compose<number, number>([], async (n) => n + 1)(1)).toBe(2);
  });

  it("builds each layer once", async () => {
    let built = 0;
    const count: Middleware<number, number> = (next) => {
      built++;
      return next;
    };
    const call = compose([count], async (n) => n);
    await call(1);
    await call(2);
    expect(built).toBe(1);
  });

  it("allows next to be called again, which runs the inner layers again", async () => {
    const log: string[] = [];
    const twice: Middleware<string, string> = (next) => async (call) => {
      await next(call).catch(() => {});
      return next(call);
    };
    let failures = 1;
    const call = compose([twice, trace("in", log)], async (text) => {
      if (failures-- > 0) throw new Error("first try");
      return text;
    });
    expect(await call("x")).toBe("in(xin)");
    expect(log).toEqual(["in in", "in in", "in out"]);
  });

  it("may answer without calling next", async () => {
    const call = compose<string, string>([() => async () => "cached"], () => expect.unreachable());
    expect(await call("x")).toBe("cached");
  });

  it("turns a throw of any layer into a rejection that the layers around it can catch", async () => {
    const rescue: Middleware<string, string> = (next) => (call) => next(call).catch(() => "rescued");
    const thrower: Middleware<string, string> = () => () => {
      throw new Error("not a promise");
    };
    expect(await compose([rescue, thrower], async (text) => text)("x")).toBe("rescued");
    expect(
      await compose<string, string>([rescue], () => {
        throw new Error("terminal");
      })("x"),
    ).toBe("rescued");
    await expect(compose([thrower], async (text) => text)("x")).rejects.toThrow("not a promise");
  });

  it("refuses what is not a middleware, naming its place", () => {
    const terminal = async (text: string): Promise<string> => text;
    const fine: Middleware<string, string> = (next) => next;
    const bad = [undefined, "text", () => undefined, async () => fine] as unknown as Middleware<
      string,
      string
    >[];
    for (const broken of bad) {
      expect(() => compose([fine, broken], terminal)).toThrow(ValidationError);
      expect(() => compose([fine, broken], terminal)).toThrow("middleware 1");
    }
  });
});
