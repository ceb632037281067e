import { describe, expect, it } from "vitest";
import { assertSubject, subjectMatches } from "../../src/cap/bus.js";
import { MemoryBus, PublishFailedError } from "../../src/cap/index.js";
import { requestOver } from "../../src/cap/request.js";
import {
  AbortError,
  ClosedError,
  ConnectionError,
  TimeoutError,
  ValidationError,
} from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";

const data = Uint8Array.of(1, 2, 3);
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("subjects", () => {
  it.each([
    ["a.b", "a.b", true],
    ["a.*", "a.b", true],
    ["a.*", "a.b.c", false],
    ["a.>", "a.b.c", true],
    ["a.>", "a", false],
    [">", "a.b", true],
    ["*.b", "a.b", true],
    ["a.b", "a", false],
    ["a", "a.b", false],
  ])(req("cap.bus.subjects", "%s and %s match: %s"), (pattern, subject, matches) => {
    expect(subjectMatches(pattern, subject)).toBe(matches);
  });

  it.each(["", "a..b", ".a", "a.", "a b", "a.*", "a.>", "a.\t", "a\0", ">"])(
    "%j is no subject to publish on",
    (subject) => {
      expect(() => assertSubject(subject)).toThrow(ValidationError);
      expect(() => new MemoryBus().connect().publish(subject, data)).toThrow(
        expect.objectContaining({ code: "INVALID_SUBJECT" }),
      );
    },
  );

  it("wildcards are whole tokens, and > the last", () => {
    expect(() => assertSubject("a.*.>", { wildcards: true })).not.toThrow();
    expect(() => assertSubject("a.>.b", { wildcards: true })).toThrow(ValidationError);
  });
});

describe("memory bus", () => {
  it("hands a message over in a later turn, as a copy", async () => {
    const bus = new MemoryBus();
    const seen: Uint8Array[] = [];
    await bus.connect().subscribe("a", (message) => seen.push(message.data));
    const bytes = data.slice();
    void bus.connect().publish("a", bytes);
    bytes[0] = 9;
    expect(seen).toHaveLength(0);
    await turn();
    expect(seen).toEqual([data]);
  });

  it(
    req("cap.bus.queue", "each message reaches one member of a queue group and every other subscriber"),
    async () => {
      const bus = new MemoryBus();
      const connection = bus.connect();
      const seen = { one: 0, two: 0, all: 0 };
      await connection.subscribe("a", () => seen.one++, { queue: "q" });
      await bus.connect().subscribe("a", () => seen.two++, { queue: "q" });
      await connection.subscribe("*", () => seen.all++);
      for (let i = 0; i < 10; i++) await connection.publish("a", data);
      await turn();
      expect(seen).toEqual({ one: 5, two: 5, all: 10 });
    },
  );

  it("keeps the order, and a listener that throws does not stop the next message", async () => {
    const connection = new MemoryBus().connect();
    const seen: number[] = [];
    await connection.subscribe("a", (message) => {
      seen.push(message.data[0]!);
      throw new Error("listener");
    });
    for (const i of [1, 2, 3]) await connection.publish("a", Uint8Array.of(i));
    await turn();
    expect(seen).toEqual([1, 2, 3]);
  });

  it(req("cap.bus.drain", "drain hands over what was received, then closes"), async () => {
    const bus = new MemoryBus();
    const connection = bus.connect();
    let seen = 0;
    const states: string[] = [];
    connection.onStatus((status) => states.push(status));
    await connection.subscribe("a", () => seen++);
    await bus.connect().publish("a", data);
    await connection.drain();
    expect(seen).toBe(1);
    expect(states).toEqual(["draining", "closed"]);
    expect(bus.subscriptionCount).toBe(0);
    expect(() => connection.publish("a", data)).toThrow(ClosedError);
    await expect(connection.subscribe("a", () => {})).rejects.toBeInstanceOf(ClosedError);
    await expect(connection.flush()).rejects.toBeInstanceOf(ClosedError);
    await connection.drain();
    await connection.close();
  });

  it("unsubscribe drops what was not handed over", async () => {
    const connection = new MemoryBus().connect();
    let seen = 0;
    const subscription = await connection.subscribe("a", () => {
      seen++;
      subscription.unsubscribe();
    });
    for (let i = 0; i < 3; i++) await connection.publish("a", data);
    await turn();
    expect(seen).toBe(1);
  });

  it("refuses a message that is too large", () => {
    const connection = new MemoryBus({ maxPayloadBytes: 2 }).connect();
    expect(() => connection.publish("a", data)).toThrow(PublishFailedError);
  });
});

describe("request", () => {
  it("resolves with the first answer and leaves no subscription", async () => {
    const bus = new MemoryBus();
    const server = bus.connect();
    await server.subscribe("ask", (message) => void server.publish(message.reply!, Uint8Array.of(42)));
    expect([...(await requestOver(bus.connect(), "ask", data, {})).data]).toEqual([42]);
    expect(bus.subscriptionCount).toBe(1);
  });

  it("fails at once when nobody listens, after the timeout when nobody answers, and when aborted", async () => {
    const clock = new FakeClock();
    const bus = new MemoryBus();
    const connection = bus.connect();
    const nobody = await requestOver(connection, "ask", data, { clock }).catch((e: unknown) => e);
    expect(nobody).toBeInstanceOf(ConnectionError);
    expect((nobody as ConnectionError).code).toBe("NO_RESPONDERS");
    const silent = await connection.subscribe("ask", () => {});
    const late = requestOver(connection, "ask", data, { timeoutMs: 100, clock }).catch((e: unknown) => e);
    await clock.advance(100);
    expect(await late).toBeInstanceOf(TimeoutError);
    const controller = new AbortController();
    const cut = requestOver(connection, "ask", data, { signal: controller.signal, clock }).catch(
      (e: unknown) => e,
    );
    controller.abort();
    expect(await cut).toBeInstanceOf(AbortError);
    silent.unsubscribe();
    expect(bus.subscriptionCount).toBe(0);
    expect(clock.pending).toBe(0);
  });
});
