/** The event stream of a neuron: ids, large events, waits before reconnects, odd forms of the same protocol. */
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Neuron } from "../../src/neuron/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { quiet, TestGateway, until } from "./gateway.ts";

let gateway: TestGateway;
const cleanups: (() => Promise<void>)[] = [];
beforeEach(async () => {
  gateway = await new TestGateway().start();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await gateway.stop();
});

const platforms: [string, { readonly fetch?: typeof fetch }][] = [
  ["kept connections", {}],
  ["a given fetch", { fetch }],
];

function connect(options: object = {}) {
  const clock = new FakeClock({ turns: 10 });
  const logged: string[] = [];
  const log = (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const logger = { debug() {}, info() {}, warn: log, error: log };
  const neuron = new Neuron({
    gatewayUrl: gateway.url,
    neuronId: "n",
    auth: () => "tok",
    clock,
    logger,
    ...options,
  });
  neuron.handle({ type: "a/b", concurrency: 4, scope: "any" }, (input) => input);
  const seen = { errors: [] as Error[], waits: [] as number[], closed: [] as string[], registered: 0 };
  neuron.on("error", (error) => seen.errors.push(error));
  neuron.on("connection:reconnecting", ({ delayMs }) => seen.waits.push(delayMs));
  neuron.on("connection:close", (reason) => seen.closed.push(reason));
  neuron.on("connection:registered", () => seen.registered++);
  cleanups.push(() => clock.until(neuron.stop({ drain: false })));
  const opens = () => gateway.requests.filter(({ method }) => method === "GET");
  /** Ends the stream, and waits for the next one. */
  const again = async () => {
    const before = opens().length;
    gateway.drop();
    await until(() => seen.waits.length >= before);
    await clock.advance(30_000);
    await until(() => opens().length > before && gateway.streams.length > 0);
  };
  return { neuron, clock, seen, logged, opens, again };
}

const registered = 'data: {"type":"registered","sessionId":"s","capabilities":[],"acceptedAt":"x"}';

describe.each(platforms)("over %s", (_, how) => {
  it.each<[string, string, string | undefined]>([
    ["an accent", "id: événement-1\n", "événement-1"],
    ["an emoji", "id: 😀\n", "😀"],
    ["a tab", "id: a\tb\n", "a\tb"],
    ["a form feed", "id: a\fb\n", undefined],
    ["DEL", "id: a\x7f\n", undefined],
    ["no value after one with", "id: 1\ndata: {}\n\nid\n", undefined],
    ["an empty value after one with", "id: 1\ndata: {}\n\nid:\n", undefined],
    ["NUL, which is ignored", "id: 1\nid: a\0b\n", "1"],
    ["more characters than any header holds", `id: ${"x".repeat(100_000)}\n`, undefined],
  ])(
    req("neuron.stream.event-id", "an id with %s does not stop the reconnect"),
    async (_name, lines, sent) => {
      const { neuron, seen, opens, again } = connect(how);
      await neuron.start();
      gateway.write(`${lines}${registered}\n\n`);
      await until(() => seen.registered === 1);
      await again();
      const header = opens()[1]!.headers["last-event-id"];
      expect(header && Buffer.from(String(header), "latin1").toString()).toBe(sent);
      expect(seen.errors).toEqual([]);
    },
  );

  it("an id without data is remembered, one of an unfinished event is not", async () => {
    const { neuron, opens, again } = connect(how);
    await neuron.start();
    gateway.write("id: 7\n\nid: 8\ndata: {}\n");
    await quiet(gateway);
    await again();
    await again();
    expect(opens().map(({ headers }) => headers["last-event-id"])).toEqual([undefined, "7", "7"]);
  });

  it(req("neuron.sse.form", "an event with lone CRs is taken before the next byte comes"), async () => {
    const { neuron } = connect(how);
    await neuron.start();
    const task = { taskId: "t", workflowId: "w", capability: "a/b", input: 1, attempt: 0 };
    const lease = { leaseId: "L1", expiresAt: "2026-01-01T00:01:00Z", task };
    gateway.write(`data: ${JSON.stringify({ type: "lease", lease, sentAt: "2026-01-01T00:00:00Z" })}\r\r`);
    await until(() => gateway.frames("ack").length === 1);
  });

  it.each(["Text/Event-Stream", "text/event-stream;charset=utf-8", "TEXT/EVENT-STREAM ; x=y"])(
    req("neuron.sse.form", "a stream of type %s is taken"),
    async (type) => {
      gateway.answering = ({ method }) => ({
        status: 200,
        ...(method === "GET" && { headers: { "content-type": type } }),
      });
      const { neuron, seen } = connect(how);
      await neuron.start();
      gateway.write(`${registered}\n\n`);
      await until(() => seen.registered === 1);
    },
  );

  it(req("neuron.stream.too-large", "a lease that is too large is refused, and others go on"), async () => {
    const { neuron, seen, logged } = connect({ ...how, maxEventBytes: 10_000 });
    await neuron.start();
    gateway.lease("L-big", "a/b", { text: '"leaseId":"no",'.repeat(10_000) });
    gateway.lease("L-small", "a/b", { n: 1 });
    await until(() => gateway.frames("ack").length === 1 && gateway.frames("nack").length === 1);
    expect(gateway.frames("ack")[0]).toMatchObject({ leaseId: "L-small", output: { n: 1 } });
    expect(gateway.frames("nack")[0]).toMatchObject({
      leaseId: "L-big",
      kind: "terminal",
      code: "INVALID_LEASE",
    });
    expect(JSON.stringify(gateway.frames("nack")[0])).toContain("maxEventBytes");
    expect(seen.errors).toMatchObject([{ code: "EVENT_TOO_LARGE" }]);
    expect(logged.join()).toContain("exceeds maxEventBytes");
    expect([seen.closed.length, gateway.streams.length]).toEqual([0, 1]);
  });

  it("an event that is too large without an id of a lease makes the stream back off", async () => {
    const { neuron, seen, clock, logged } = connect({ ...how, maxEventBytes: 1_000 });
    await neuron.start();
    for (let round = 1; round <= 4; round++) {
      await until(() => gateway.streams.length === 1);
      gateway.write(`${registered}\n\ndata: {"type":"lease","lease":{"x":"${"y".repeat(5_000)}"}}\n\n`);
      await until(() => seen.waits.length === round);
      await clock.advance(seen.waits.at(-1)!);
    }
    expect(seen.waits).toEqual([500, 1_000, 2_000, 4_000]);
    expect(seen.errors).toMatchObject(Array(4).fill({ code: "EVENT_TOO_LARGE" }));
    expect(logged.join()).toContain("maxEventBytes");
  });

  it(req("neuron.stream.backoff", "Retry-After of a refused opening is heeded"), async () => {
    const asked = ["3", undefined, "120"];
    gateway.answering = ({ method }) => {
      if (method !== "GET" || asked.length === 0) return { status: 200 };
      const value = asked.shift();
      return { status: 503, ...(value !== undefined && { headers: { "retry-after": value } }) };
    };
    const { neuron, seen, clock } = connect(how);
    await neuron.start();
    for (let round = 1; round <= 3; round++) {
      await until(() => seen.waits.length === round);
      await clock.advance(seen.waits.at(-1)!);
    }
    await until(() => gateway.streams.length === 1);
    expect(seen.waits).toEqual([3_000, 1_000, 120_000]);
  });

  it("a stream that opens and ends at once is opened again less and less often", async () => {
    const { neuron, seen, clock } = connect(how);
    await neuron.start();
    for (let round = 1; round <= 8; round++) {
      await until(() => gateway.streams.length === 1);
      gateway.drop();
      await until(() => seen.waits.length === round);
      await clock.advance(seen.waits.at(-1)!);
    }
    expect(seen.waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    await until(() => gateway.streams.length === 1);
    gateway.write(`${registered}\n\n`);
    await until(() => seen.registered === 1);
    gateway.drop();
    await until(() => seen.waits.length === 9);
    await clock.advance(500);
    await until(() => gateway.streams.length === 1);
    await clock.advance(5_000);
    gateway.drop();
    await until(() => seen.waits.length === 10);
    expect(seen.waits.slice(8)).toEqual([500, 500]);
  });

  it.each([
    ["2500", 2_500],
    ["0", 100],
    ["999999999999", 30_000],
    ["1.5", 500],
    ["-1", 500],
  ])("a retry field of %s sets the first wait", async (value, delayMs) => {
    const { neuron, seen } = connect(how);
    await neuron.start();
    gateway.write(`retry: ${value}\n\n${registered}\n\n`);
    await until(() => seen.registered === 1);
    gateway.drop();
    await until(() => seen.waits.length === 1);
    expect(seen.waits).toEqual([delayMs]);
  });
});

describe("a stream with a content coding", () => {
  const stream = gzipSync(`${registered}\n\n`);
  beforeEach(() => {
    gateway.answering = ({ method }) => ({
      status: 200,
      ...(method === "GET" && { headers: { "content-encoding": "gzip" } }),
    });
  });

  it("is refused by name at once over kept connections, which ask for none", async () => {
    const { neuron, seen, opens, logged } = connect();
    await neuron.start();
    await until(() => seen.waits.length === 1);
    expect(opens()[0]!.headers["accept-encoding"]).toBe("identity");
    expect(logged.join()).toContain("content coding gzip");
  });

  it("is served over a fetch, which takes it off", async () => {
    const { neuron, seen } = connect({ fetch });
    await neuron.start();
    gateway.write(stream);
    gateway.drop();
    await until(() => seen.registered === 1);
  });
});
