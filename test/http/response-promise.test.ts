/** What a call returns: a promise of the data that gives access to the response. */
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from "vitest";
import { AbortError, ConnectionError, UpstreamError, ValidationError } from "../../src/core/errors.js";
import { type HttpOperation, ResponsePromise } from "../../src/http/index.js";
import { client, failure, json, read, refusingUrl, serve, transports, turn, write } from "./server.ts";

interface NotFound {
  readonly missingId: string;
}
interface Described {
  404: NotFound;
  "4XX": { readonly message: string };
}

const operation: HttpOperation = {
  ...write,
  errors: ["404", "4XX"],
  shapes: { responses: { 200: "Thing", 404: "NotFound" } },
};
const keyMap = { Thing: { made_by: null }, NotFound: { missing_id: null } };

const rejections: unknown[] = [];
const onRejection = (reason: unknown): void => void rejections.push(reason);
beforeEach(() => void process.on("unhandledRejection", onRejection));
afterEach(async () => {
  for (let i = 0; i < 3; i++) await turn();
  process.off("unhandledRejection", onRejection);
  expect(rejections.splice(0)).toEqual([]);
});

describe.each(transports)("a call over %s", (_, how) => {
  const start = async (status: number, body: unknown, more: object = {}) => {
    const { baseUrl, seen } = await serve((_, response) =>
      json(response, status, body, { "x-request-id": "r" }),
    );
    const http = client(baseUrl, { ...how, keyMap, ...more });
    return { http, seen, call: http.send<{ madeBy: string }, Described>(operation, []) };
  };

  it("is a promise of its data", async () => {
    const { call } = await start(200, { made_by: "me" });
    expect(call).toBeInstanceOf(Promise);
    expect(call).toBeInstanceOf(ResponsePromise);
    expectTypeOf(call).toExtend<Promise<{ madeBy: string }>>();
    expect(await call).toEqual({ madeBy: "me" });
    expect(await call).toEqual({ madeBy: "me" });
    expect(await Promise.all([call, 1])).toEqual([{ madeBy: "me" }, 1]);
    expect(await Promise.race([call, new Promise(() => {})])).toEqual({ madeBy: "me" });
    expect(await Promise.allSettled([call])).toEqual([{ status: "fulfilled", value: { madeBy: "me" } }]);
    expect(await (async () => call)()).toEqual({ madeBy: "me" });
    expect(await Promise.resolve(call)).toEqual({ madeBy: "me" });
    let finished = 0;
    const after = call.finally(() => finished++);
    for (const other of [after, call.then((data) => data)]) expect(other).not.toBeInstanceOf(ResponsePromise);
    expect([await after, finished]).toEqual([{ madeBy: "me" }, 1]);
  });

  it("rejects in every way in which a promise is waited for", async () => {
    const { call, seen } = await start(500, {});
    const ways = [
      call,
      call.then(() => 1),
      call.finally(() => {}),
      call.catch((error: unknown) => Promise.reject(error)),
      Promise.all([call]),
      Promise.race([call, new Promise(() => {})]),
      Promise.any([call]).catch((error: AggregateError) => Promise.reject(error.errors[0])),
      (async () => call)(),
      (async () => await call)(),
      call.withResponse(),
      call.map(() => 1),
    ];
    const errors = await Promise.all(ways.map(failure));
    expect(errors[0]).toBeInstanceOf(UpstreamError);
    expect(new Set(errors).size).toBe(1);
    expect(await Promise.allSettled([call])).toEqual([{ status: "rejected", reason: errors[0] }]);
    expect(seen).toHaveLength(1);
  });

  it("gives the response along with the data, and the attempts it took", async () => {
    const { baseUrl } = await serve((_, response, n) =>
      n < 2 ? json(response, 503, {}) : json(response, 202, { n }, { "x-correlation-id": "c-1" }),
    );
    const answer = await client(baseUrl, how).send(read, ["1"]).withResponse();
    expect(answer).toMatchObject({ data: { n: 2 }, status: 202, requestId: "c-1", attempts: 3 });
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(Object.keys(answer).sort()).toEqual(["attempts", "data", "headers", "requestId", "status"]);
  });

  it("leaves no unhandled rejection where only the outcome, only the response or nothing is waited for", async () => {
    const http = client(await refusingUrl(), { ...how, retry: false });
    http.send(write, []);
    const calls = [http.send(write, []).outcome(), http.send(write, []).withResponse()];
    http.pages(read, ["1"]);
    for (const error of await Promise.all(calls.map(failure))) expect(error).toBeInstanceOf(ConnectionError);
    http.send(read, [".."]);
    http.send(write, [], { signal: AbortSignal.abort() });
    const { call } = await start(404, {});
    expect(await call.outcome()).toMatchObject({ ok: false });
    // Those that nobody waits for have failed by now.
    await failure(http.send(write, []));
  });
});

describe.each(transports)("the outcome of a call over %s", (_, how) => {
  const outcome = async (status: number, body: unknown, errors: readonly string[] = operation.errors!) => {
    const { baseUrl } = await serve((_, response) => json(response, status, body, { "x-request-id": "r" }));
    const http = client(baseUrl, { ...how, keyMap, retry: false });
    return http.send<{ madeBy: string }, Described>({ ...operation, errors }, []).outcome();
  };

  it("is the data", async () => {
    const found = await outcome(200, { made_by: "me" });
    expect(found).toMatchObject({
      ok: true,
      data: { madeBy: "me" },
      status: 200,
      requestId: "r",
      attempts: 1,
    });
    if (found.ok) expectTypeOf(found.data).toEqualTypeOf<{ madeBy: string }>();
  });

  it("is the body of an error by its exact status, with its own keys", async () => {
    const found = await outcome(404, { missing_id: "x" });
    expect(found).toMatchObject({ ok: false, status: 404, error: { missingId: "x" }, requestId: "r" });
    if (!found.ok && found.status === 404) expect(found.headers.get("content-type")).toBe("application/json");
  });

  it("is one of its class, or of the default", async () => {
    expect(await outcome(409, { message: "m" })).toMatchObject({
      ok: false,
      status: 409,
      error: { message: "m" },
    });
    expect(await outcome(500, { message: "m" }, ["default"])).toMatchObject({ ok: false, status: 500 });
    expect(await outcome(404, { missing_id: "x" }, ["default", "4XX", "404"])).toMatchObject({
      error: { missingId: "x" },
    });
  });

  it("is a rejection for what the spec does not describe", async () => {
    expect(await failure(outcome(500, {}))).toBeInstanceOf(UpstreamError);
    expect(await failure(outcome(418, {}, ["404"]))).toBeInstanceOf(UpstreamError);
    expect(await failure(outcome(500, {}, []))).toBeInstanceOf(UpstreamError);
  });

  it.each<[string | undefined, string, boolean]>([
    ["text/html; charset=utf-8", "<h1>no</h1>", false],
    ["TEXT/HTML", "<h1>no</h1>", false],
    ["text/html", '{"a":1}', true],
    ["text/plain", "no", true],
    [undefined, "no", true],
  ])(
    "is the body of a response with the type %s where that may be one: %s",
    async (type, text, isDescribed) => {
      const { baseUrl } = await serve((_, response) =>
        response.writeHead(400, type === undefined ? {} : { "content-type": type }).end(text),
      );
      const call = client(baseUrl, how).send(operation, []).outcome();
      if (isDescribed) expect(await call).toMatchObject({ ok: false, status: 400 });
      else expect(await failure(call)).toMatchObject({ status: 400, body: text });
    },
  );

  it("is a rejection for a response that was cut off", async () => {
    const { baseUrl } = await serve((_, response) =>
      response
        .writeHead(404, { "content-length": "9", "x-request-id": "r" })
        .write("{", () => response.destroy()),
    );
    const error = await failure(client(baseUrl, how).send(operation, []).outcome());
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ status: 404, requestId: "r", attempts: 1 });
    expect(error.message).toContain("was cut off");
  });

  it("is a rejection where there is no response", async () => {
    const all = { ...operation, errors: ["default"] };
    const http = client(await refusingUrl(), { ...how, retry: false });
    expect(await failure(http.send(all, []).outcome())).toBeInstanceOf(ConnectionError);
    const aborted = http.send(all, [], { signal: AbortSignal.abort() });
    expect(await failure(aborted.outcome())).toBeInstanceOf(AbortError);
    expect(await failure(http.send(all, [], { timeoutMs: -1 }).outcome())).toBeInstanceOf(ValidationError);
  });
});

describe("map", () => {
  const mapped = async <U>(status: number, change: (data: { n: number }) => U) => {
    const { baseUrl } = await serve((_, response) =>
      json(response, status, { n: 1 }, { "x-request-id": "r" }),
    );
    const all = { ...write, errors: ["default"] };
    return { call: client(baseUrl).send<{ n: number }, { default: { n: number } }>(all, []).map(change) };
  };

  it("changes the data and keeps the response", async () => {
    const { call } = await mapped(200, ({ n }) => `n is ${n}`);
    expect(await call).toBe("n is 1");
    expect(await call.withResponse()).toMatchObject({ data: "n is 1", status: 200, requestId: "r" });
    expect(await call.outcome()).toMatchObject({ ok: true, data: "n is 1", requestId: "r" });
    expect(await call.map((text) => text.length)).toBe(6);
  });

  it("is not asked about an error, and keeps its outcome", async () => {
    let asked = 0;
    const { call } = await mapped(409, () => asked++);
    expect(await failure(call)).toMatchObject({ status: 409 });
    expect(await call.outcome()).toMatchObject({ ok: false, status: 409, error: { n: 1 } });
    expect(asked).toBe(0);
  });

  it("that throws is the error of the call, once", async () => {
    const wrong = new TypeError("wrong");
    let asked = 0;
    const { call } = await mapped(200, () => {
      asked++;
      throw wrong;
    });
    expect(await failure(call)).toBe(wrong);
    expect(await failure(call.outcome())).toBe(wrong);
    expect(await failure(call.withResponse())).toBe(wrong);
    expect(asked).toBe(1);
    expect(await failure((await mapped(200, () => Promise.reject(wrong))).call)).toBe(wrong);
    (await mapped(200, () => JSON.parse("{"))).call.map(() => 1);
  });
});
