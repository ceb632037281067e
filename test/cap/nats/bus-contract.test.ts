/** What every bus does: the same statements about the memory bus and a real nats-server. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Bus, BusMessage } from "../../../src/cap/index.js";
import { MemoryBus, PublishFailedError } from "../../../src/cap/index.js";
import { connectNats } from "../../../src/cap/nats/index.js";
import { requestOver } from "../../../src/cap/request.js";
import { ClosedError, ConnectionError, TimeoutError, ValidationError } from "../../../src/core/errors.js";
import { describeWithPeers, natsServer } from "../../peers/ladder.ts";
import { startNats } from "../../peers/processes.ts";
import { req } from "../../requirements/index.ts";
import { clients } from "../nats/clients.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = ({ data }: BusMessage) => new TextDecoder().decode(data);

/** States what a bus does. `connect` opens a connection to the same bus each time. */
function behavesAsABus(connect: () => Promise<Bus>): void {
  const open: Bus[] = [];
  afterEach(async () => {
    for (const bus of open.splice(0)) await bus.close();
  });
  const two = async (): Promise<[Bus, Bus]> => {
    const pair = [await connect(), await connect()] as const;
    open.push(...pair);
    return [...pair];
  };
  /** Everything that was published before has been handed over. */
  const settled = async (...buses: Bus[]) => {
    for (let i = 0; i < 3; i++) for (const bus of buses) await bus.flush();
    await new Promise((resolve) => setImmediate(resolve));
  };

  it(
    req(
      "cap.bus.contract",
      "delivers to every subscriber whose subject matches, the publisher too, in order",
    ),
    async () => {
      const [bus, other] = await two();
      const seen: string[] = [];
      for (const pattern of ["a.b", "a.*", "a.>", ">", "a", "a.b.c", "*"])
        await bus.subscribe(pattern, (message) =>
          seen.push(`${pattern} ${message.subject} ${text(message)}`),
        );
      for (const [from, word] of [
        [bus, "own"],
        [other, "other"],
      ] as const) {
        await from.publish("a.b", bytes(word));
        await settled(other, bus);
      }
      const matching = ["a.*", "a.>", "a.b"];
      const delivered = seen.filter((line) => !line.startsWith("> "));
      expect(delivered.sort()).toEqual(
        ["other", "own"].flatMap((word) => matching.map((pattern) => `${pattern} a.b ${word}`)).sort(),
      );
      expect(seen.filter((line) => line.startsWith("> a.b")).map((line) => line.slice(6))).toEqual([
        "own",
        "other",
      ]);
    },
  );

  it(
    req("cap.bus.contract", "delivers nothing after unsubscribe, not even what was received before"),
    async () => {
      const [bus, other] = await two();
      const seen: string[] = [];
      const gone = await bus.subscribe("a", (message) => seen.push(text(message)));
      await bus.flush();
      void other.publish("a", bytes("other"));
      void bus.publish("a", bytes("own"));
      gone.unsubscribe();
      await other.publish("a", bytes("after"));
      await settled(other, bus);
      expect(seen).toEqual([]);
      const first = await bus.subscribe("b", (message) => {
        seen.push(text(message));
        first.unsubscribe();
      });
      await bus.flush();
      for (const word of ["1", "2", "3"]) await other.publish("b", bytes(word));
      await settled(other, bus);
      expect(seen).toEqual(["1"]);
    },
  );

  it(
    req("cap.bus.contract", "hands over what was received when a subscription is drained, and nothing after"),
    async () => {
      const [bus, other] = await two();
      const seen: string[] = [];
      const subscription = await bus.subscribe("a", (message) => seen.push(text(message)));
      await bus.flush();
      for (const word of ["1", "2", "3"]) await other.publish("a", bytes(word));
      await other.flush();
      await subscription.drain();
      expect(seen).toEqual(["1", "2", "3"]);
      await other.publish("a", bytes("after"));
      await settled(other, bus);
      expect(seen).toEqual(["1", "2", "3"]);
    },
  );

  it(
    req("cap.bus.contract", "shares messages in a queue group, also between different patterns"),
    async () => {
      const [bus, other] = await two();
      const count = { q: 0, other: 0, all: 0 };
      await bus.subscribe("a.*", () => count.q++, { queue: "q" });
      await other.subscribe("a.b", () => count.q++, { queue: "q" });
      await other.subscribe("a.>", () => count.other++, { queue: "other" });
      await other.subscribe("a.b", () => count.all++);
      await settled(bus, other);
      for (let i = 0; i < 40; i++) await bus.publish("a.b", bytes(`${i}`));
      await settled(bus, other);
      expect(count).toEqual({ q: 40, other: 40, all: 40 });
    },
  );

  it(req("cap.bus.contract", "passes the reply subject and empty messages on"), async () => {
    const [bus, other] = await two();
    const seen: BusMessage[] = [];
    await bus.subscribe("a", (message) => seen.push(message));
    await bus.flush();
    const data = bytes("x");
    await other.publish("a", data, { reply: "back.here" });
    await other.publish("a", new Uint8Array(0));
    await settled(other, bus);
    expect(seen.map((message) => [message.subject, text(message), message.reply || undefined])).toEqual([
      ["a", "x", "back.here"],
      ["a", "", undefined],
    ]);
  });

  it(req("cap.bus.contract", "goes on after a listener that throws"), async () => {
    const [bus, other] = await two();
    const seen: string[] = [];
    await bus.subscribe("a", (message) => {
      seen.push(text(message));
      throw new Error("listener");
    });
    await bus.flush();
    for (const word of ["1", "2"]) await other.publish("a", bytes(word));
    await settled(other, bus);
    expect(seen).toEqual(["1", "2"]);
  });

  it(
    req("cap.bus.contract", "answers requests with the first reply, and says when nobody listens or answers"),
    async () => {
      const [bus, other] = await two();
      for (const word of ["first", "second"])
        await other.subscribe("ask", ({ reply }) => void other.publish(reply!, bytes(word)));
      await other.subscribe("silent", () => {});
      await other.flush();
      expect(["first", "second"]).toContain(text(await requestOver(bus, "ask", bytes("?"), {})));
      const nobody = await requestOver(bus, "nobody", bytes("?"), {}).catch((error: unknown) => error);
      expect(nobody).toBeInstanceOf(ConnectionError);
      expect(nobody).toMatchObject({ code: "NO_RESPONDERS" });
      await expect(requestOver(bus, "silent", bytes("?"), { timeoutMs: 30 })).rejects.toBeInstanceOf(
        TimeoutError,
      );
    },
  );

  it(
    req("cap.bus.contract", "refuses what is not a subject, what is too large, and everything once closed"),
    async () => {
      const [bus, other] = await two();
      const outcome = async (call: () => unknown) => {
        try {
          await call();
          return undefined;
        } catch (error) {
          return error;
        }
      };
      for (const subject of ["", "a b", "a..b", "a.*", "a.>"])
        expect(await outcome(() => bus.publish(subject, bytes("x")))).toBeInstanceOf(ValidationError);
      expect(await outcome(() => bus.subscribe("a.>.b", () => {}))).toBeInstanceOf(ValidationError);
      const large = await outcome(() => bus.publish("a", new Uint8Array(1024 * 1024 + 1)));
      expect(large).toBeInstanceOf(PublishFailedError);
      expect(large).toMatchObject({ retryable: false });
      await other.drain();
      expect(other.status()).toBe("closed");
      expect(await outcome(() => other.publish("a", bytes("x")))).toBeInstanceOf(ClosedError);
      expect(await outcome(() => other.subscribe("a", () => {}))).toBeInstanceOf(ClosedError);
      expect(await outcome(() => requestOver(other, "a", bytes("x"), {}))).toBeInstanceOf(ClosedError);
      expect(await outcome(() => other.flush())).toBeInstanceOf(ClosedError);
      expect(await outcome(() => other.close())).toBeUndefined();
    },
  );
}

describe("the memory bus", () => {
  const memory = new MemoryBus();
  behavesAsABus(async () => memory.connect());

  it(req("cap.bus.contract", "delivers nothing that still waits when the subscription ends"), async () => {
    const bus = new MemoryBus().connect();
    let seen = 0;
    const subscription = await bus.subscribe("a", () => seen++);
    for (let i = 0; i < 3; i++) void bus.publish("a", bytes("x"));
    subscription.unsubscribe();
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toBe(0);
  });
});

await describeWithPeers("nats-server", [natsServer], ([path]) => {
  let server: Awaited<ReturnType<typeof startNats>>;
  beforeAll(async () => {
    server = await startNats(path!);
  });
  afterAll(() => server.stop());

  describe.each(clients)("with %s", (_, client) => {
    behavesAsABus(() => connectNats({ env: {}, ...client, servers: server.url, logger: false }));
  });
});
