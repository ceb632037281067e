import { request } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { ConnectionError } from "../../src/core/errors.js";
import { type Fault, FaultScript } from "../../src/testing/http/faults.js";
import { LoopbackServer, readBody } from "../../src/testing/http/loopback-server.js";
import { FakeClock, Local4Runr, LocalAureus, LocalBigBrain } from "../../src/testing/index.js";

const ends: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end.close();
});

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const text = async (url: string) => (await fetch(url)).text();

describe("a server on loopback", () => {
  it("goes down and comes up again on the same port", async () => {
    const clock = new FakeClock();
    const server = new LoopbackServer(() => new Response("ok"), { clock });
    ends.push(server);
    await server.restart();
    expect(server.url, "it did not listen").toBe("http://127.0.0.1:0");
    await server.start();
    const { url } = server;
    expect(await text(url)).toBe("ok");
    const back = server.restart({ downMs: 5_000 });
    expect(server.restart()).toBe(back);
    while (clock.pending === 0) await turn();
    await expect(fetch(url)).rejects.toThrow("fetch failed");
    await clock.advance(5_000);
    await back;
    expect(server.url).toBe(url);
    expect(await text(url)).toBe("ok");
  });

  it("stays down when it is closed meanwhile", async () => {
    const clock = new FakeClock();
    const server = new LoopbackServer(() => new Response("ok"), { clock });
    await server.start();
    const back = server.restart({ downMs: 5_000 });
    while (clock.pending === 0) await turn();
    await server.close();
    await back;
    expect(clock.pending).toBe(0);
    await expect(fetch(server.url)).rejects.toThrow("fetch failed");
  });

  /** A request with any headers, which fetch does not allow. */
  const ask = (url: string, headers: Record<string, string>, path = "/") =>
    new Promise<number>((resolve, reject) => {
      request(url + path, { method: "POST", headers }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      })
        .on("error", reject)
        .end();
    });

  it.each<[string, Record<string, string>, boolean]>([
    ["a program of this machine", {}, true],
    ["a page of this machine", { origin: "http://localhost:5173" }, true],
    ["a page that is listed", { origin: "https://app.example" }, true],
    ["a page of another site", { origin: "https://evil.example" }, false],
    ["a page without an origin", { origin: "null" }, false],
    ["a page that sends no Origin", { "sec-fetch-site": "cross-site" }, false],
    ["a name that was made to point here", { host: "evil.example" }, false],
    ["a name that begins like this machine's", { host: "127.0.0.1.evil.example" }, false],
    ["localhost", { host: "localhost:1234" }, true],
    ["IPv6", { host: "[::1]:1234" }, true],
  ])("is called by %s: %o", async (_, headers, isLetIn) => {
    let calls = 0;
    const answer = () => {
      calls++;
      return new Response("ok");
    };
    const server = new LoopbackServer(answer, { origins: ["https://app.example"] });
    ends.push(server);
    await server.start();
    expect(await ask(server.url, headers)).toBe(isLetIn ? 200 : 403);
    expect(calls).toBe(isLetIn ? 1 : 0);
  });

  it("is kept from foreign pages by every local server", async () => {
    const [aureus, gateway] = [await LocalAureus.start(), await Local4Runr.start()];
    ends.push(aureus, gateway);
    const brain = await LocalBigBrain.start();
    ends.push(brain);
    for (const { url } of [aureus, gateway, brain]) {
      expect(await ask(url, { origin: "https://evil.example" })).toBe(403);
      expect(await ask(url, { host: "evil.example" })).toBe(403);
    }
    const plain = { "content-type": "text/plain" };
    const sent = await fetch(`${aureus.url}/api/v1/workflows/execute`, {
      method: "POST",
      headers: plain,
      body: "{}",
    });
    expect(sent.status).toBe(415);
  });

  it("refuses a port that is taken", async () => {
    const first = new LoopbackServer(() => new Response());
    ends.push(first);
    await first.start();
    const port = Number(new URL(first.url).port);
    await expect(new LoopbackServer(() => new Response(), { port }).start()).rejects.toThrow(ConnectionError);
    await expect(LocalAureus.start({ port })).rejects.toThrow(ConnectionError);
    await expect(LocalBigBrain.start({ port })).rejects.toThrow(ConnectionError);
    await expect(Local4Runr.start({ port })).rejects.toThrow(ConnectionError);
  });

  it("cuts the connection of a request that fails, and reads a body up to its limit", async () => {
    const lines: unknown[] = [];
    const log = (message: string, fields: unknown) => void lines.push([message, fields]);
    const logger = { debug: log, info: log, warn: log, error: log };
    const server = new LoopbackServer(
      async (request) => {
        const body = await readBody(request, 3);
        if (body === "no") throw new Error("cannot");
        return new Response(body ?? "too large");
      },
      { logger },
    );
    ends.push(server);
    await server.start();
    const post = async (body: string) => (await fetch(server.url, { method: "POST", body })).text();
    expect(await post("ü")).toBe("ü");
    expect(await post("abcd")).toBe("too large");
    await expect(post("no")).rejects.toThrow("fetch failed");
    expect(lines).toEqual([["a request ended early", { reason: "cannot" }]]);
  });
});

describe("a fault script", () => {
  const kinds = (script: FaultScript<Fault>, points: readonly string[]) =>
    points.map((point) => script.next(point)?.kind);

  it("strikes in order, one fault each request, where and as often as it says", () => {
    const script = new FaultScript<Fault>();
    script.add(
      { kind: "drop", on: "a", after: 1 },
      { kind: "malformed", times: 2 },
      { kind: "delay", delayMs: 1, on: "b" },
    );
    expect(script.pending).toBe(4);
    // The first of "a" passes the first fault, and the second one strikes it.
    expect(kinds(script, ["a", "a", "b", "b", "b"])).toEqual([
      "malformed",
      "drop",
      "malformed",
      "delay",
      undefined,
    ]);
    expect(script.pending).toBe(0);
  });

  it("is taken back and forgotten, and may strike for ever", () => {
    const script = new FaultScript<Fault>();
    const off = script.add({ kind: "drop", times: Infinity });
    expect(kinds(script, ["a", "b", "c"])).toEqual(["drop", "drop", "drop"]);
    expect(script.pending).toBe(Infinity);
    off();
    expect(script.next("a")).toBeUndefined();
    script.add({ kind: "drop" });
    script.clear();
    expect(script.next("a")).toBeUndefined();
  });
});

describe("the same words at every counterpart", () => {
  interface Served {
    readonly url: string;
    readonly path: string;
    readonly init?: RequestInit;
    readonly on: string;
    readonly faults: FaultScript<Fault>;
    restart(): Promise<void>;
  }
  const served: Readonly<Record<string, () => Promise<Served>>> = {
    LocalBigBrain: async () => {
      const brain = await LocalBigBrain.start();
      ends.push(brain);
      const headers = { authorization: "Bearer t", "content-type": "application/json" };
      return {
        url: brain.url,
        path: "/neuron/heartbeat",
        init: { method: "POST", headers, body: "{}" },
        on: "heartbeat",
        faults: brain.faults as unknown as FaultScript<Fault>,
        restart: () => brain.restart(),
      };
    },
    LocalAureus: async () => {
      const aureus = await LocalAureus.start();
      ends.push(aureus);
      return {
        url: aureus.url,
        path: "/api/v1/observability/metrics",
        on: "getMetrics",
        faults: aureus.faults as unknown as FaultScript<Fault>,
        restart: () => aureus.restart(),
      };
    },
    Local4Runr: async () => {
      const gateway = await Local4Runr.start();
      ends.push(gateway);
      const { url } = gateway;
      return {
        url,
        path: "/health",
        on: "getHealth",
        faults: gateway.faults as unknown as FaultScript<Fault>,
        restart: () => gateway.restart(),
      };
    },
  };

  it.each(Object.keys(served))("%s", async (name) => {
    const { url, path, init, on, faults, restart } = await served[name]!();
    const ask = () => fetch(url + path, init);
    const { status } = await ask();
    faults.add(
      { kind: "status", on, status: 503, headers: { "retry-after": "1" } },
      { kind: "status", on, status: 500, body: "oops" },
      { kind: "drop", on },
      { kind: "drop", on, when: "after" },
      { kind: "malformed", on },
      { kind: "split", on, bytes: 3 },
      { kind: "delay", on, delayMs: 0 },
      { kind: "restart", on },
    );
    const busy = await ask();
    expect([busy.status, busy.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await busy.json()).toBeTypeOf("object");
    const failed = await ask();
    expect([failed.status, await failed.text()]).toEqual([500, "oops"]);
    for (const _ of ["before", "after"]) await expect(ask()).rejects.toThrow("fetch failed");
    const wrong = await ask();
    expect(wrong.status).toBe(status);
    await expect(wrong.json()).rejects.toThrow(SyntaxError);
    for (const _ of ["split", "delayed"]) {
      const whole = await ask();
      expect(whole.status).toBe(status);
      expect(await whole.json()).toBeTypeOf("object");
    }
    await expect(ask()).rejects.toThrow("fetch failed");
    expect(faults.pending).toBe(0);
    await restart();
    // The client may find only now that its connection was cut.
    expect((await ask().catch(ask)).status).toBe(status);
  });
});
