/** Credentials: who asks for a token, when, and how often. */
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { Cut } from "../../src/core/cut.js";
import { AbortError, AuthError, ConnectionError, TimeoutError } from "../../src/core/errors.js";
import { Secret } from "../../src/core/secret.js";
import {
  bearer,
  type HttpAuth,
  type HttpOperation,
  type IssuedToken,
  TokenSource,
} from "../../src/http/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { client, failure, json, read, serve, transports, turn, write } from "./server.ts";

const never = (): Cut => new Cut([]);

/** Issues t1, t2, ... when it is let to. */
function issuer(life?: number) {
  const waiting: ((outcome: IssuedToken | Error) => void)[] = [];
  let asked = 0;
  const issue = (): Promise<IssuedToken> =>
    new Promise((resolve, reject) => {
      asked++;
      waiting.push((outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)));
    });
  return {
    issue,
    get asked() {
      return asked;
    },
    give: (name = `t${asked}`) => waiting.shift()!({ token: name, lifeMs: life }),
    fail: (error: Error) => waiting.shift()!(error),
  };
}

describe("TokenSource", () => {
  it("asks once for calls that come at the same time", async () => {
    const server = issuer();
    const source = new TokenSource({ issue: server.issue });
    const calls = Array.from({ length: 40 }, () => source.authorization(never()));
    await turn();
    expect(server.asked).toBe(1);
    server.give();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["Bearer t1"]));
    expect(source.isHeld).toBe(true);
    expect(await source.authorization(never())).toBe("Bearer t1");
    expect(server.asked).toBe(1);
  });

  it("gives each caller its own reason, and the very error of the one who issues", async () => {
    const server = issuer();
    const source = new TokenSource({ issue: server.issue });
    const [first, second] = [never(), never()];
    const calls = [first, second].map((cut) => failure(Promise.resolve(source.authorization(cut))));
    const reason = new AbortError("left");
    first.cut(reason);
    expect(await calls[0]).toBe(reason);
    const own = new RangeError("own");
    server.fail(own);
    expect((await calls[1])!.cause ?? (await calls[1])).toBe(own);
  });

  it("asks once for a new one after any number of late refusals of the old one", async () => {
    const server = issuer();
    const source = new TokenSource({ issue: server.issue, token: "kept" });
    const answered: string[] = [];
    for (let i = 0; i < 40; i++) {
      expect(source.refused("Bearer kept")).toBe(true);
      const next = Promise.resolve(source.authorization(never())).then((value) => answered.push(value));
      if (i === 5) server.give();
      await turn();
      if (i >= 5) await next;
    }
    expect(server.asked).toBe(1);
    expect(new Set(answered)).toEqual(new Set(["Bearer t1"]));
    expect(answered).toHaveLength(40);
  });

  it("tells all that wait of a refresh that fails, and asks again for the next call", async () => {
    const server = issuer();
    const source = new TokenSource({ issue: server.issue });
    const calls = [1, 2, 3].map(() => failure(Promise.resolve(source.authorization(never()))));
    await turn();
    const error = new AuthError("no");
    server.fail(error);
    expect(await Promise.all(calls)).toEqual([error, error, error]);
    expect(source.isHeld).toBe(false);
    const next = source.authorization(never());
    server.give();
    expect(await next).toBe("Bearer t2");
    expect(server.asked).toBe(2);
  });

  it("goes on with a refresh when one that waits for it leaves", async () => {
    const server = issuer();
    const source = new TokenSource({ issue: server.issue });
    const leaving = never();
    const left = failure(Promise.resolve(source.authorization(leaving)));
    const staying = source.authorization(never());
    leaving.cut(new AbortError("left"));
    expect((await left).message).toContain("left");
    server.give();
    expect(await staying).toBe("Bearer t1");
    expect(server.asked).toBe(1);
  });

  it("ends a refresh when the last one that waits for it has left, and begins another for the next call", async () => {
    const cuts: Cut[] = [];
    const gives: ((issued: IssuedToken) => void)[] = [];
    const issue = (cut: Cut): Promise<IssuedToken> => {
      cuts.push(cut);
      return new Promise((resolve) => gives.push(resolve));
    };
    const source = new TokenSource({ issue });
    const waiting = [never(), never()];
    const left = waiting.map((cut) => failure(Promise.resolve(source.authorization(cut))));
    for (const [at, cut] of waiting.entries()) {
      expect(cuts[0]!.reason).toBeUndefined();
      cut.cut(new AbortError(`left ${at}`));
      await left[at];
    }
    expect(cuts[0]!.reason?.message).toBe("left 1");
    const next = source.authorization(never());
    gives[1]!({ token: "t2" });
    gives[0]!({ token: "t1" });
    expect(await next).toBe("Bearer t2");
    expect(await source.authorization(never())).toBe("Bearer t2");
  });

  it("ends no refresh that is done, however late a call leaves that has its token", async () => {
    const served: boolean[] = [];
    for (let steps = 0; steps < 20; steps++) {
      let issuing = never();
      const issue = async (cut: Cut): Promise<IssuedToken> => {
        issuing = cut;
        return { token: "t" };
      };
      const leaving = never();
      const call = Promise.resolve(new TokenSource({ issue }).authorization(leaving));
      const isServed = call.then(
        () => true,
        () => false,
      );
      for (let step = 0; step < steps; step++) await undefined;
      leaving.cut(new AbortError("left"));
      served.push(await isServed);
      if (served.at(-1)) expect(issuing.reason).toBeUndefined();
    }
    expect([served[0], served.at(-1)]).toEqual([false, true]);
  });

  it("leaves no unhandled rejection where everybody has left", async () => {
    const rejections: unknown[] = [];
    const listen = (reason: unknown) => void rejections.push(reason);
    process.on("unhandledRejection", listen);
    const server = issuer();
    const source = new TokenSource({ issue: server.issue });
    const leaving = never();
    const left = failure(Promise.resolve(source.authorization(leaving)));
    leaving.cut(new AbortError("left"));
    await left;
    server.fail(new Error("no"));
    for (let i = 0; i < 5; i++) await turn();
    process.off("unhandledRejection", listen);
    expect(rejections).toEqual([]);
  });

  it.each([
    [3_600_000, 60_000, 3_540_000],
    [3_600_000, 600_000, 3_000_000],
    [100_000, 60_000, 50_000],
    [1_000, 60_000, 500],
  ])(
    "renews before the end but not in the first half: life %i, %i before, at %i",
    async (life, before, at) => {
      const clock = new FakeClock();
      const server = issuer(life);
      const source = new TokenSource({ issue: server.issue, clock, refreshBeforeMs: before });
      const first = source.authorization(never());
      server.give();
      await first;
      await clock.advance(at - 1);
      expect(await source.authorization(never())).toBe("Bearer t1");
      await clock.advance(1);
      const second = source.authorization(never());
      server.give();
      expect(await second).toBe("Bearer t2");
    },
  );

  it.each([0, -5_000, undefined, Number.NaN])(
    "keeps a token with a life of %j until it is refused",
    async (life) => {
      const clock = new FakeClock();
      const server = issuer(life);
      const source = new TokenSource({ issue: server.issue, clock });
      const first = source.authorization(never());
      server.give();
      await first;
      for (let i = 0; i < 3; i++) {
        await clock.advance(10 ** 9);
        expect(await source.authorization(never())).toBe("Bearer t1");
      }
      expect(server.asked).toBe(1);
    },
  );

  it("forgets its token, also one that is on its way", async () => {
    const server = issuer();
    const source = new TokenSource({ issue: server.issue });
    const first = source.authorization(never());
    source.clear();
    const second = source.authorization(never());
    server.give("old");
    expect(await first).toBe("Bearer old");
    expect(source.isHeld).toBe(false);
    const third = source.authorization(never());
    server.give();
    expect(await Promise.all([second, third])).toEqual(["Bearer t2", "Bearer t2"]);
    expect([source.isHeld, server.asked]).toEqual([true, 2]);
  });

  it.each(["a b", "a\n", "\na", "", "é", "\x7f", 5 as unknown as string])(
    "takes no token like %j",
    async (token) => {
      for (const make of [() => bearer(token), () => new TokenSource({ token })])
        expect(make).toThrow(expect.objectContaining({ name: "ValidationError", code: "INVALID_TOKEN" }));
      for (const auth of [bearer(() => token), new TokenSource({ issue: async () => ({ token }) })])
        expect((await failure(Promise.resolve(auth.authorization(never())))).code).toBe("INVALID_TOKEN");
    },
  );

  it("serves a kept token to its end where none comes, and then fails, with the limits that it was given", async () => {
    const clock = new FakeClock();
    const server = issuer(100_000);
    const source = new TokenSource({ issue: server.issue, clock });
    const next = async (answer: () => void) => {
      const given = Promise.resolve(source.authorization(never())).catch((error: Error) => error.message);
      answer();
      return given;
    };
    expect(await next(server.give)).toBe("Bearer t1");
    await clock.advance(99_999);
    expect(await next(() => server.fail(new Error("no")))).toBe("Bearer t1");
    await clock.advance(1);
    expect(await next(() => server.fail(new Error("no")))).toBe("no");
    expect(await next(server.give)).toBe("Bearer t4");
    await clock.advance(50_000);
    const dropped = () => {
      source.refused("Bearer t4");
      server.fail(new Error("no"));
    };
    expect(await next(dropped)).toBe("no");
    expect(await next(server.give)).toBe("Bearer t6");
    await clock.advance(50_000);
    const leaving = never();
    const left = failure(Promise.resolve(source.authorization(leaving)));
    leaving.cut(new AbortError("left"));
    expect((await left).message).toBe("left");
    const other = new ConnectionError("no", { attempts: 3, correlationId: "other" });
    const shared = failure(Promise.resolve(new TokenSource({ issue: server.issue }).authorization(never())));
    server.fail(new Error("nobody waits for it"));
    server.fail(other);
    const { attempts, correlationId, code } = await shared;
    expect([attempts, correlationId, code]).toEqual([undefined, undefined, "CONNECTION"]);
    for (const refreshBeforeMs of [-1, Number.NaN])
      expect(() => new TokenSource({ refreshBeforeMs })).toThrow("refreshBeforeMs");
  });

  it("with nothing to give is an AuthError", async () => {
    const error = await failure(Promise.resolve(new TokenSource({}).authorization(never())));
    expect(error).toBeInstanceOf(AuthError);
    expect(error.code).toBe("NO_CREDENTIALS");
    expect(new TokenSource({ token: "t" }).refused("Bearer t")).toBe(false);
  });

  it("shows no token", async () => {
    const source = new TokenSource({ token: new Secret("s3cret") });
    expect(inspect(source, { depth: 9, showHidden: true })).not.toContain("s3cret");
    expect(JSON.stringify(source)).not.toContain("s3cret");
    const wrong = new TokenSource({ issue: async () => ({ token: "s3cret\nx" }) });
    const error = await failure(Promise.resolve(wrong.authorization(never())));
    expect(error.code).toBe("INVALID_TOKEN");
    expect(inspect(error)).not.toContain("s3cret");
  });
});

describe.each(transports)("a call with a credential over %s", (_, how) => {
  const openTo = (token: string) =>
    serve(({ headers }, response) =>
      json(response, headers.authorization === `Bearer ${token}` ? 200 : 401, { by: headers.authorization }),
    );

  it("is made once more after a 401 with another token, whatever it is", async () => {
    const { baseUrl, seen } = await openTo("t2");
    let asked = 0;
    const http = client(baseUrl, { ...how, auth: bearer(() => `t${++asked}`) });
    const { data, attempts } = await http.send(write, [], {}, { a: 1 }).withResponse();
    expect([data, attempts]).toEqual([{ by: "Bearer t2" }, 1]);
    expect(seen.map(({ headers, body }) => [headers.authorization, body])).toEqual([
      ["Bearer t1", '{"a":1}'],
      ["Bearer t2", '{"a":1}'],
    ]);
  });

  it("is not made a third time", async () => {
    const { baseUrl, seen } = await openTo("none");
    let asked = 0;
    const http = client(baseUrl, { ...how, auth: bearer(async () => `t${++asked}`) });
    expect(await failure(http.send(write, []))).toBeInstanceOf(AuthError);
    expect([seen.length, asked]).toEqual([2, 2]);
    expect(await failure(http.send(read, ["1"]))).toBeInstanceOf(AuthError);
    expect([seen.length, asked]).toEqual([4, 4]);
  });

  it("is made once with a token that is fixed", async () => {
    const { baseUrl, seen } = await openTo("none");
    for (const auth of [bearer("t"), bearer(new Secret("t")), new TokenSource({ token: "t" })])
      expect(await failure(client(baseUrl, { ...how, auth }).send(write, []))).toBeInstanceOf(AuthError);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(["Bearer t", "Bearer t", "Bearer t"]);
  });

  it("fails with the error of the token where there is none", async () => {
    const { baseUrl, seen } = await openTo("t");
    const sealed = new Error("the vault is sealed");
    const auth = bearer(() => Promise.reject(sealed));
    expect((await failure(client(baseUrl, { ...how, auth }).send(read, ["1"]))).cause).toBe(sealed);
    expect(seen).toEqual([]);
  });

  it("shares one refresh with 40 others, also when their refusals come late", async () => {
    const refused: (() => void)[] = [];
    const { baseUrl, seen, arrived } = await serve(({ headers }, response) => {
      if (headers.authorization === "Bearer new") return json(response, 200, {});
      refused.push(() => json(response, 401, {}));
      return undefined;
    });
    let asked = 0;
    const issue = async (): Promise<IssuedToken> => {
      asked++;
      return { token: "new" };
    };
    const http = client(baseUrl, { ...how, auth: new TokenSource({ token: "old", issue }) });
    const calls = Array.from({ length: 40 }, () => http.send(write, [], {}, {}));
    await arrived(40);
    for (const refuse of refused) {
      refuse();
      await turn();
    }
    await Promise.all(calls);
    expect([asked, seen.length]).toEqual([1, 80]);
  });

  it.each([400, 402, 403, 404, 500])("is not made again for another token after %i", async (status) => {
    const { baseUrl, seen } = await serve((_, response) => json(response, status, {}));
    let asked = 0;
    const issue = async (): Promise<IssuedToken> => ({ token: `t${++asked}` });
    const http = client(baseUrl, { ...how, auth: new TokenSource({ token: "old", issue }), retry: false });
    expect((await failure(http.send(write, [], {}, {}))).status).toBe(status);
    expect([asked, seen.length]).toEqual([0, 1]);
  });

  it("asks for no other one where it was sent without", async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 401, {}));
    const auth: HttpAuth = {
      authorization: () => undefined,
      refused: () => {
        throw new Error("asked");
      },
    };
    expect(await failure(client(baseUrl, { ...how, auth }).send(write, []))).toBeInstanceOf(AuthError);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it("sends none for a public operation, and does not ask for one", async () => {
    const { baseUrl, seen } = await serve((_, response, n) => json(response, n === 0 ? 200 : 401, {}));
    let asked = 0;
    const http = client(baseUrl, { ...how, auth: bearer(() => `t${++asked}`) });
    const open: HttpOperation = { ...write, public: true };
    await http.send(open, []);
    expect(await failure(http.send(open, []))).toBeInstanceOf(AuthError);
    expect(asked).toBe(0);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });
});

describe.each(transports)("a callback of the user that throws, over %s", (_, how) => {
  const own = new Error("no such vault");
  const foreign = Object.assign(new Error("stop"), { name: "AbortError" });
  const throwing = (thrown: unknown) => () => {
    throw thrown;
  };
  const rejecting = (thrown: unknown) => () => Promise.reject(thrown);

  it.each<[string, (callback: () => never | Promise<never>) => HttpAuth]>([
    ["a token function", (token) => bearer(token)],
    ["issue", (issue) => new TokenSource({ issue })],
    ["authorization", (authorization) => ({ authorization, refused: () => false })],
  ])("%s: fails the call with an AuthError that was not sent", async (__, authOf) => {
    const { baseUrl, seen } = await serve((___, response) => json(response, 200, {}));
    for (const callback of [throwing(own), rejecting(own)]) {
      const http = client(baseUrl, { ...how, auth: authOf(callback) });
      const error = await failure(http.send(write, [], { correlationId: "c-1" }, {}));
      expect(error).toBeInstanceOf(AuthError);
      expect(error).toMatchObject({ cause: own, correlationId: "c-1", sent: false, attempts: 1 });
      expect(error.message).toContain("no such vault");
    }
    for (const callback of [throwing(foreign), rejecting(new AbortError("stop"))]) {
      const http = client(baseUrl, { ...how, auth: authOf(callback) });
      const error = await failure(http.send(write, [], { correlationId: "c-1" }, {}));
      expect(error).toBeInstanceOf(AbortError);
      expect(error).toMatchObject({ name: "AbortError", correlationId: "c-1", sent: false });
    }
    expect(seen).toEqual([]);
  });

  it("a token function that fails after a 401 does so too", async () => {
    const { baseUrl } = await serve((___, response) => json(response, 401, {}));
    let asked = 0;
    const auth = bearer(() => (asked++ === 0 ? "t" : throwing(own)()));
    const error = await failure(client(baseUrl, { ...how, auth }).send(read, ["1"]));
    expect(error).toBeInstanceOf(AuthError);
    expect([error.cause, asked]).toEqual([own, 2]);
  });

  it("a logger and onRetry do not change the call", async () => {
    const { baseUrl, seen } = await serve((___, response, index) =>
      json(response, index === 0 ? 503 : 200, {}),
    );
    const broken = throwing(own);
    const logger = { debug: broken, info: broken, warn: broken, error: broken };
    const http = client(baseUrl, { ...how, logger, onRetry: broken });
    expect(await http.send(read, ["1"])).toEqual({});
    expect(seen).toHaveLength(2);
  });
});

it("a fetch that throws is a ConnectionError with its cause; its own abort and timeout stay what they are", async () => {
  for (const [thrown, type] of [
    [new TypeError("no"), ConnectionError],
    [new DOMException("stop", "AbortError"), AbortError],
    [new DOMException("late", "TimeoutError"), TimeoutError],
  ] as const) {
    const send = (): never => {
      throw thrown;
    };
    const http = client("http://h", { fetch: send, retry: false });
    const error = await failure(http.send(read, ["1"], { correlationId: "c-1" }));
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ cause: thrown, correlationId: "c-1", attempts: 1 });
  }
});
