/** What every peer on the bus does with packets, whoever it is. */
import { describe, expect, it } from "vitest";
import { SUBJECT_ALERT, SUBJECT_HEARTBEAT } from "../../gen/cap/index.js";
import { toSigningKey } from "../../src/cap/crypto/key-ring.js";
import {
  type BusMessage,
  type DurableBus,
  generateKeyPair,
  KeyRing,
  MemoryBus,
} from "../../src/cap/index.js";
import {
  createPacket,
  decodePacket,
  encodePacket,
  type PayloadInit,
  sealPacket,
} from "../../src/cap/packet.js";
import { Party, type PartyOptions } from "../../src/cap/party.js";
import { AgentwireError, ValidationError } from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { bound } from "./bound-bus.ts";

const pair = generateKeyPair();
const key = toSigningKey(pair.privateKeyPem);
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function settled(): Promise<void> {
  for (let i = 0; i < 12; i++) await turn();
}

const job = (jobId: string, labels?: Record<string, string>): PayloadInit => ({
  case: "jobRequest",
  value: { jobId, topic: "job.x", ...(labels && { labels }) },
});
const plain = (jobId: string) => encodePacket(createPacket(job(jobId), { senderId: "c" }));

/** A peer whose log lines are kept, and who notes the ids of the jobs it receives and the errors of those it refuses. */
function setUp(options: Partial<PartyOptions> = {}) {
  const bus = new MemoryBus().connect();
  const logged: [string, unknown][] = [];
  const log = (message: string, fields?: object) => void logged.push([message, fields]);
  const logger = { debug: log, info: log, warn: log, error: log };
  const party = new Party({ bus, senderId: "p", logger, ...options });
  const heard: string[] = [];
  const refused: AgentwireError[] = [];
  const onPacket = ({ payload }: ReturnType<typeof decodePacket>) =>
    void heard.push(payload.case === "jobRequest" ? payload.value.jobId : "");
  const listener = { onPacket, onRefused: (error: AgentwireError) => void refused.push(error) };
  return { bus, party, logged, heard, refused, listener };
}

describe("options of a peer", () => {
  it.each([
    { maxAgeMs: 0 },
    { maxAgeMs: Number.NaN },
    { maxPacketBytes: -1 },
    { mapOrder: "python" as "upb" },
  ])("such as %j are refused", (options) => {
    expect(() => setUp({ publicKeys: {}, ...options })).toThrow(ValidationError);
  });

  it.each([undefined, "spec", "upb"] as const)(
    "order maps as %s says, and the log tells once whom that keeps out",
    async (mapOrder) => {
      const { party, logged } = setUp({ privateKey: key, mapOrder });
      for (const jobId of ["a", "b"]) await party.send("job.x", job(jobId, { k: "1", key: "2" }));
      await party.send("job.x", job("c", { k: "1" }));
      expect(logged).toEqual([
        [expect.stringContaining("prefixes"), { senderId: "p", mapOrder: mapOrder ?? "spec" }],
      ]);
    },
  );
});

describe("unverified packets", () => {
  it.each([
    ["are warned about", {}, undefined, 1],
    ["are not there where the peer has keys", { publicKeys: {} }, undefined, 0],
    ["are not there where the subject has keys", {}, new KeyRing(), 0],
  ] as const)("%s", async (_, options, keys, warnings) => {
    const bus = bound(new MemoryBus().connect());
    const { party, logged, listener } = setUp({ bus, ...options });
    await party.receive("job.x", listener, { keys });
    const warning = [expect.stringContaining("packets are accepted unverified"), { senderId: "p" }];
    expect(logged).toEqual(Array(warnings).fill(warning));
  });
});

/** A key that verifies at once, and the same one elsewhere: each verification ends when its `waiting` is called. */
function slowKey() {
  const local = new KeyRing({ c: pair.publicKeyPem }).of("c")[0]!.key;
  const waiting: (() => void)[] = [];
  const verify = async (data: Uint8Array, signature: Uint8Array) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return local.verify(data, signature);
  };
  return { local, verify, waiting };
}

describe("keys that verify elsewhere", () => {
  it(
    req("cap.trust.roles", "let in what they verified only, in the order of arrival, and once"),
    async () => {
      const { verify, waiting } = slowKey();
      const clock = new FakeClock();
      const { bus, party, heard, refused, listener } = setUp({
        publicKeys: { c: { verify } },
        maxAgeMs: 60_000,
        clock,
      });
      await party.receive("job.x", listener);
      const signed = (jobId: string) =>
        sealPacket(createPacket(job(jobId), { senderId: "c", clock }), { key });
      const [first, second] = [await signed("1"), await signed("2")];
      const forged = encodePacket({ ...decodePacket(first), traceId: "other" });
      for (const bytes of [first, forged, second, plain("no key")]) await bus.publish("job.x", bytes);
      await settled();
      while (waiting.length > 0) {
        waiting.pop()?.();
        await settled();
      }
      expect(heard).toEqual(["1", "2"]);
      for (const bytes of [first, await signed("3")]) await bus.publish("job.x", bytes);
      await settled();
      for (const go of waiting.splice(0)) go();
      await settled();
      expect(heard).toEqual(["1", "2", "3"]);
      expect(party.stats).toEqual({ received: 6, refused: 3 });
      expect(refused.map(({ code }) => code)).toEqual([
        "PROTOCOL_SIGNATURE_MISSING",
        "PROTOCOL_SIGNATURE_INVALID",
        "JOB_DUPLICATE",
      ]);
    },
  );
});

describe("a key that verifies at once", () => {
  it(
    req("cap.trust.roles", "lets nothing in before what came earlier and is still being verified"),
    async () => {
      const { local, verify, waiting } = slowKey();
      const { bus, party, heard, listener } = setUp({ publicKeys: { slow: { verify }, quick: local } });
      const subscription = await party.receive("job.x", listener);
      const send = async (jobId: string, senderId: string) => {
        await bus.publish("job.x", await sealPacket(createPacket(job(jobId), { senderId }), { key }));
        await settled();
      };
      await send("1", "slow");
      await send("2", "slow");
      await send("3", "quick");
      expect(heard).toEqual([]);
      waiting.shift()?.();
      await settled();
      expect(heard).toEqual(["1"]);
      await send("4", "quick");
      let isDrained = false;
      const drained = subscription.drain().then(() => (isDrained = true));
      await settled();
      expect([heard, isDrained]).toEqual([["1"], false]);
      waiting.shift()?.();
      await drained;
      expect(heard).toEqual(["1", "2", "3", "4"]);
    },
  );
});

describe("a packet that is refused", () => {
  it("is counted and logged, whatever its check throws, and reported only where that is asked for", async () => {
    for (const alerts of [undefined, false, true] as const) {
      const { bus, party, logged, refused, listener } = setUp({ alerts });
      const reported: BusMessage[] = [];
      await bus.subscribe(SUBJECT_ALERT, (message) => reported.push(message));
      const own = new TypeError("mine");
      const check = () => {
        throw own;
      };
      await party.receive("job.x", { onPacket: listener.onPacket });
      await party.receive("job.y", listener, { check });
      const data = plain("j");
      await bus.publish("job.x", Uint8Array.of(1));
      await bus.publish("job.y", data);
      await settled();
      expect(party.stats).toEqual({ received: 2, refused: 2 });
      expect(refused).toHaveLength(1);
      expect(refused[0]).toBeInstanceOf(AgentwireError);
      expect(refused[0]!.cause).toBe(own);
      expect(logged.map(([message]) => message)).toEqual(["packet refused", "packet refused"]);
      expect(logged[1]![1]).toMatchObject({ subject: "job.y", bytes: data.length, reason: "mine" });
      expect(reported).toHaveLength(alerts ? 1 : 0);
    }
  });

  it("without a payload does not leave, and neither does the loop of heartbeats end", async () => {
    const clock = new FakeClock();
    const { bus, party, logged } = setUp({ clock });
    const empty = createPacket({ case: undefined }, { senderId: "p" });
    await expect(party.publish(empty)).rejects.toMatchObject({ code: "PROTOCOL_UNKNOWN_PAYLOAD" });
    const beats: string[] = [];
    await bus.subscribe(SUBJECT_HEARTBEAT, ({ subject }) => beats.push(subject));
    const beat = createPacket({ case: "heartbeat", value: { workerId: "p", pool: "x" } }, { senderId: "p" });
    const packets = [beat, empty, beat];
    const loop = party.startHeartbeats(() => packets.shift() ?? beat, { metrics: {} });
    await clock.advance(15_000);
    await loop.stop();
    expect(beats).toHaveLength(3);
    expect(logged).toEqual([[expect.any(String), expect.objectContaining({ loop: "heartbeat" })]]);
  });
});

describe("a subscription of a peer", () => {
  it("drains: what has come is handed over first; unsubscribed, it is forgotten", async () => {
    for (const ending of ["drain", "unsubscribe"] as const) {
      const { bus, party, heard, listener } = setUp();
      const subscription = await party.receive("job.x", listener);
      for (let i = 0; i < 100; i++) await bus.publish("job.x", plain(`${i}`));
      const before = heard.length;
      await subscription[ending]();
      expect(before).toBeLessThan(100);
      expect(heard.length).toBe(ending === "drain" ? 100 : before);
      await settled();
      expect(heard.length).toBe(ending === "drain" ? 100 : before);
    }
  });

  it("says when it is lost, as the bus says it", async () => {
    const bus = bound(new MemoryBus().connect());
    const lost = new Promise<Error>(() => {});
    const { party, listener } = setUp({
      bus: {
        ...bus,
        subscribe: async (...given) => Object.assign(await bus.subscribe(...given), { lost }),
      },
    });
    expect((await party.receive("job.x", listener)).lost).toBe(lost);
  });

  it("replays what a stream has kept, by the rules it is given", async () => {
    const { party, heard, refused, listener } = setUp();
    const data = plain("kept");
    const from = { afterSequence: 0 };
    const durable = {
      replay: async (subject: string, onMessage: (message: BusMessage) => void) => {
        onMessage({ subject, data });
      },
    } as Partial<DurableBus> as DurableBus;
    await party.replay(durable, "job.x", from, listener);
    await party.replay(durable, "job.x", from, listener, () => {
      throw new ValidationError("not this one");
    });
    await party.replay({} as Partial<DurableBus> as DurableBus, "job.x", from, listener);
    expect(heard).toEqual(["kept"]);
    expect(refused.map(({ message }) => message)).toEqual([expect.stringContaining("not this one")]);
  });
});
