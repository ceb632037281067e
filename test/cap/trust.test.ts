/** Whom a receiver believes, and for what: live keys, topics, roles and replays. */
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { BusPacket, JobRequest } from "../../gen/cap/index.js";
import {
  BusPacketSchema,
  JobStatus,
  SUBJECT_RESULT,
  SUBJECT_SUBMIT,
  workerSubject,
} from "../../gen/cap/index.js";
import type { Role } from "../../src/cap/crypto/key-ring.js";
import { toSigningKey } from "../../src/cap/crypto/key-ring.js";
import { DuplicateJobError } from "../../src/cap/errors.js";
import type { BusMessage, DurableBus, DurableMessage } from "../../src/cap/index.js";
import { generateKeyPair, KeyRing, MemoryBus, nobleCrypto, runWorker } from "../../src/cap/index.js";
import type { PayloadInit } from "../../src/cap/packet.js";
import { createPacket, decodePacket, encodePacket, sealPacket } from "../../src/cap/packet.js";
import { Party } from "../../src/cap/party.js";
import { ReplayMemory, ReplayWindow } from "../../src/cap/replay.js";
import { openPacket } from "../../src/cap/verify.js";
import type { AgentwireError } from "../../src/core/errors.js";
import { ValidationError } from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";

const [first, second] = [generateKeyPair(), generateKeyPair()];
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function settled(): Promise<void> {
  for (let i = 0; i < 12; i++) await turn();
}

const request = (topic: string, jobId = "j"): PayloadInit => ({
  case: "jobRequest",
  value: { jobId, topic },
});

/** Seals what `from` says, and nothing is checked that a sender of bad will would not check. */
function sealed(payload: PayloadInit, privateKeyPem: string, senderId = "client-1", clock?: FakeClock) {
  return sealPacket(createPacket(payload, { senderId, clock }), { key: toSigningKey(privateKeyPem) });
}

describe("a live key ring", () => {
  it(req("cap.keys.live", "is looked at for every packet of a running worker"), async () => {
    const bus = new MemoryBus().connect();
    const keys = new KeyRing({ "client-1": first.publicKeyPem });
    const done: string[] = [];
    const worker = await runWorker({
      bus,
      subject: "job.echo",
      publicKeys: keys,
      logger: false,
      handler: ({ jobId }: JobRequest) => {
        done.push(jobId);
        return {};
      },
    });
    const send = async (jobId: string, pair: { privateKeyPem: string }) => {
      await bus.publish("job.echo", await sealed(request("job.echo", jobId), pair.privateKeyPem));
      await settled();
    };
    await send("old 1", first);
    await send("too early", second);
    keys.add("client-1", second.publicKeyPem);
    await send("old 2", first);
    await send("new 1", second);
    expect(keys.remove("client-1", first.publicKeyPem)).toBe(true);
    await send("too late", first);
    await send("new 2", second);
    expect(done).toEqual(["old 1", "old 2", "new 1", "new 2"]);
    expect(worker.stats.refused).toBe(2);
    await worker.close();
  });

  it(
    req("cap.keys.live", "is taken by every party, and its packets are signed with the key in use"),
    async () => {
      const bus = new MemoryBus().connect();
      const keys = new KeyRing();
      const heard: BusPacket[] = [];
      const party = new Party({ bus, senderId: "s", publicKeys: keys, logger: false });
      await party.receive(SUBJECT_RESULT, { onPacket: (packet) => heard.push(packet) });
      const worker = await runWorker({
        bus,
        subject: "job.echo",
        privateKey: first.privateKeyPem,
        logger: false,
        handler: () => ({}),
      });
      const run = async () => {
        await bus.publish("job.echo", encodePacket(createPacket(request("job.echo"), { senderId: "c" })));
        await settled();
        return heard.length;
      };
      expect(await run()).toBe(0);
      keys.add("cap-worker", first.publicKeyPem);
      expect(await run()).toBe(1);
      worker.useKey(second.privateKeyPem);
      expect(await run()).toBe(1);
      keys.add("cap-worker", second.publicKeyPem);
      expect(await run()).toBe(2);
      expect(() => worker.useKey("secret")).toThrow(expect.objectContaining({ code: "INVALID_KEY" }));
      expect(await run()).toBe(3);
      expect(keys.remove("cap-worker")).toBe(true);
      expect(await run()).toBe(3);
      await worker.close();
    },
  );

  it("knows a key in every form of it", () => {
    const compressed = (pem: string) => {
      const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
      const point = Buffer.concat([Buffer.from([2 + (der.at(-1)! & 1)]), der.subarray(27, 59)]);
      const spki = Buffer.concat([
        Buffer.from("3039301306072a8648ce3d020106082a8648ce3d030107032200", "hex"),
        point,
      ]);
      return `-----BEGIN PUBLIC KEY-----\n${spki.toString("base64")}\n-----END PUBLIC KEY-----\n`;
    };
    for (const crypto of [undefined, nobleCrypto]) {
      const keys = new KeyRing({}, crypto === undefined ? {} : { crypto });
      keys.add("a", first.publicKeyPem);
      keys.add("a", compressed(first.publicKeyPem), { roles: ["worker"] });
      expect(keys.of("a").map(({ roles }) => roles)).toEqual([["worker"]]);
      expect(keys.remove("a", second.publicKeyPem)).toBe(false);
      expect(keys.remove("a", compressed(first.publicKeyPem))).toBe(true);
      expect(keys.of("a")).toEqual([]);
      expect(() => keys.add("a", "nonsense")).toThrow('public key of "a" cannot be used');
    }
  });

  it.each([null, 7, "pem"])("is not made of %s", (publicKeys) => {
    // @ts-expect-error none of these is a set of keys
    const make = () => new Party({ bus: new MemoryBus().connect(), senderId: "s", publicKeys });
    expect(make).toThrow(ValidationError);
    expect(make).toThrow("publicKeys must be an object, a Map or a KeyRing");
  });
});

describe("a job request", () => {
  it(req("cap.trust.topic", "signed for one topic does not run on another"), async () => {
    const bus = new MemoryBus().connect();
    const refused: AgentwireError[] = [];
    const done: string[] = [];
    const worker = await runWorker({
      bus,
      subject: "job.echo",
      publicKeys: { "client-1": first.publicKeyPem },
      logger: false,
      handler: ({ topic }) => {
        done.push(topic);
        return {};
      },
    });
    worker.on("refused", (error) => refused.push(error));
    await bus.publish("job.echo", await sealed(request("job.payroll"), first.privateKeyPem));
    await bus.publish("job.echo", await sealed(request("job.echo"), first.privateKeyPem));
    await settled();
    expect(done).toEqual(["job.echo"]);
    expect(refused.map(({ details }) => details)).toEqual([
      { issues: [{ field: "job_request.topic", message: "must equal the subject job.echo" }] },
    ]);
    await worker.close();
  });

  it.each(["job.*", "job.>"])(
    req("cap.trust.topic", "that comes on %s runs on its own topic only"),
    async (all) => {
      const bus = new MemoryBus().connect();
      const party = new Party({ bus, senderId: "w-1", logger: false });
      const heard: string[] = [];
      const refused: string[] = [];
      await party.receive(all, {
        onPacket: (_, { subject }) => heard.push(subject),
        onRefused: ({ code }, { subject }) => refused.push(`${code} ${subject}`),
      });
      for (const subject of ["job.a", "job.b"])
        await bus.publish(subject, encodePacket(createPacket(request("job.b"), { senderId: "c" })));
      await settled();
      expect([heard, refused]).toEqual([["job.b"], ["JOB_INVALID_INPUT job.a"]]);
      expect(party.stats).toEqual({ received: 2, refused: 1 });
    },
  );

  it("is taken on the receiver's direct subject and on sys.job.submit whatever its topic", async () => {
    const bus = new MemoryBus().connect();
    const party = new Party({ bus, senderId: "w-1", logger: false });
    const heard: string[] = [];
    for (const subject of [workerSubject("w-1"), workerSubject("w-2"), SUBJECT_SUBMIT])
      await party.receive(subject, { onPacket: (_, message) => heard.push(message.subject) });
    for (const subject of [workerSubject("w-1"), workerSubject("w-2"), SUBJECT_SUBMIT])
      await bus.publish(subject, encodePacket(createPacket(request("job.x"), { senderId: "c" })));
    await settled();
    expect(heard).toEqual([workerSubject("w-1"), SUBJECT_SUBMIT]);
  });
});

describe("a listener that throws", () => {
  it("disturbs neither the packets after it nor the count of those refused", async () => {
    const bus = new MemoryBus().connect();
    const logged: unknown[] = [];
    const log = (message: string, fields?: object) => void logged.push([message, fields]);
    const party = new Party({ bus, senderId: "p", logger: { debug: log, info: log, warn: log, error: log } });
    let calls = 0;
    const fail = (): never => {
      calls++;
      throw new Error("mine");
    };
    await party.receive("job.x", { onPacket: fail, onRefused: fail });
    const good = encodePacket(createPacket(request("job.x"), { senderId: "c" }));
    for (const data of [good, Uint8Array.of(1), good]) await bus.publish("job.x", data);
    await settled();
    expect([calls, party.stats]).toEqual([3, { received: 3, refused: 1 }]);
    expect(logged).toHaveLength(4);
    expect(logged).toContainEqual(["packet listener failed", { reason: "mine" }]);
  });
});

describe("a key with roles", () => {
  const result: PayloadInit = {
    case: "jobResult",
    value: { jobId: "j", workerId: "x", status: JobStatus.SUCCEEDED },
  };
  const cancel: PayloadInit = { case: "jobCancel", value: { jobId: "j", requestedBy: "x" } };
  const heartbeat: PayloadInit = { case: "heartbeat", value: { workerId: "x", pool: "p" } };
  const progress: PayloadInit = { case: "jobProgress", value: { jobId: "j", percent: 1 } };
  const handshake: PayloadInit = { case: "handshake", value: { componentId: "x", supportedVersions: [1] } };
  const job = request("job.x");

  it.each<[string, PayloadInit, string | undefined, Role[]]>([
    ["a submitted job", job, SUBJECT_SUBMIT, ["client"]],
    ["a dispatched job", job, "job.x", ["scheduler"]],
    ["a job that came nobody knows how", job, undefined, ["client", "scheduler"]],
    ["a cancel", cancel, undefined, ["client", "scheduler"]],
    ["a result", result, undefined, ["scheduler", "worker"]],
    ["a result on its subject", result, SUBJECT_RESULT, ["scheduler", "worker"]],
    ["progress", progress, undefined, ["scheduler", "worker"]],
    ["a heartbeat", heartbeat, undefined, ["worker"]],
    ["a handshake", handshake, undefined, ["client", "scheduler", "worker"]],
  ])(req("cap.trust.roles", "verifies %s of the right senders"), async (_, payload, subject, allowed) => {
    for (const crypto of [undefined, nobleCrypto]) {
      const accepted: Role[] = [];
      for (const role of ["client", "scheduler", "worker"] as const) {
        const keys = new KeyRing(
          { x: { key: first.publicKeyPem, roles: [role] } },
          crypto === undefined ? {} : { crypto },
        );
        const bytes = await sealed(payload, first.privateKeyPem, "x");
        await openPacket(bytes, { keys, subject }).then(
          () => accepted.push(role),
          (error: AgentwireError) => expect(error.details).toEqual({ problem: "wrong_role", sender: "x" }),
        );
      }
      expect(accepted).toEqual(allowed);
    }
  });

  it(req("cap.trust.roles", "may have several, and each of them counts"), async () => {
    const keys = new KeyRing({ x: { key: first.publicKeyPem, roles: ["client", "worker"] } });
    for (const payload of [cancel, heartbeat])
      await openPacket(await sealed(payload, first.privateKeyPem, "x"), { keys });
  });

  it(req("cap.trust.roles", "stands beside others of the same sender, each with its own"), async () => {
    const keys = new KeyRing({ x: [{ key: first.publicKeyPem, roles: ["worker"] }, second.publicKeyPem] });
    const bytes = await sealed(cancel, first.privateKeyPem, "x");
    await expect(openPacket(bytes, { keys })).rejects.toMatchObject({
      details: { problem: "wrong_signature" },
    });
    await expect(
      openPacket(await sealed(cancel, second.privateKeyPem, "x"), { keys }),
    ).resolves.toBeDefined();
  });
});

describe("with maxAgeMs", () => {
  const start = 1_760_000_000_000;
  const make = async () => {
    const clock = new FakeClock({ now: start });
    const bus = new MemoryBus();
    const taken: string[] = [];
    const reasons: string[] = [];
    const party = new Party({
      bus: bus.connect(),
      senderId: "w",
      publicKeys: { "client-1": first.publicKeyPem },
      maxAgeMs: 60_000,
      logger: false,
      clock,
    });
    const source = bus.connect();
    await party.receive("job.x", {
      onPacket: ({ payload }) => taken.push(payload.case === "jobRequest" ? payload.value.jobId : ""),
      onRefused: ({ message }) => reasons.push(message),
    });
    const send = async (bytes: Uint8Array) => {
      await source.publish("job.x", bytes);
      await settled();
    };
    return { clock, send, taken, reasons };
  };

  it(req("cap.trust.replay", "a packet is taken once, within the limit"), async () => {
    const { clock, send, taken, reasons } = await make();
    const bytes = await sealed(request("job.x", "once"), first.privateKeyPem, "client-1", clock);
    await send(bytes);
    await send(bytes);
    await clock.advance(60_000);
    await send(bytes);
    await clock.advance(1);
    await send(bytes);
    expect(taken).toEqual(["once"]);
    expect(reasons).toEqual([
      "the packet is a replay: it was accepted before",
      "the packet is a replay: it was accepted before",
      "the packet is 60001 ms old, and the limit is 60000 ms",
    ]);
  });

  it(
    req("cap.trust.replay", "another encoding or the other s of a signature does not make it new"),
    async () => {
      const { clock, send, taken, reasons } = await make();
      const bytes = await sealed(request("job.x", "once"), first.privateKeyPem, "client-1", clock);
      const packet = decodePacket(bytes);
      await send(bytes);
      const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
      const rSize = packet.signature[3]!;
      const s = BigInt(`0x${Buffer.from(packet.signature.subarray(6 + rSize)).toString("hex")}`);
      const hex = (order - s).toString(16).padStart(64, "0");
      const other = Buffer.from(Number.parseInt(hex.slice(0, 2), 16) > 0x7f ? `00${hex}` : hex, "hex");
      const content = [...packet.signature.subarray(2, 4 + rSize), 2, other.length, ...other];
      if (hex.startsWith("00")) return; // its DER would be shorter; one time in 256
      const signature = Uint8Array.of(0x30, content.length, ...content);
      await expect(
        openPacket(encodePacket({ ...packet, signature }), {
          keys: new KeyRing({ "client-1": first.publicKeyPem }),
        }),
      ).resolves.toBeDefined();
      await send(encodePacket({ ...packet, signature }));
      expect(taken).toEqual(["once"]);
      expect(reasons).toEqual(["the packet is a replay: it was accepted before"]);
    },
  );

  it(
    req(
      "cap.trust.replay",
      "a packet from the future is refused, and one that a stream delivers again is not",
    ),
    async () => {
      const { clock, taken, reasons, send } = await make();
      const ahead = new FakeClock({ now: start + 60_001 });
      await send(await sealed(request("job.x", "ahead"), first.privateKeyPem, "client-1", ahead));
      expect(reasons).toEqual(["the packet is -60001 ms old, and the limit is 60000 ms"]);
      const bytes = await sealed(request("job.x", "again"), first.privateKeyPem, "client-1", clock);
      const party = new Party({
        bus: new MemoryBus().connect(),
        senderId: "w",
        publicKeys: { "client-1": first.publicKeyPem },
        maxAgeMs: 60_000,
        logger: false,
        clock,
      });
      const delivered: Pick<DurableBus, "subscribe"> = {
        subscribe: async (subject, onMessage) => {
          const delivery = { ack: async () => {}, working() {}, giveBack() {}, drop() {} };
          for (const [attempt, messageId] of [
            [1, "S:1"],
            [2, "S:1"],
            [1, "S:1"],
            [2, "S:2"],
          ] as const)
            onMessage({ subject, data: bytes, delivery: { ...delivery, attempt, messageId } });
          return { subject, drain: async () => {}, unsubscribe: () => {} };
        },
      };
      const onPacket = (_: unknown, { delivery }: BusMessage & Partial<DurableMessage>) =>
        taken.push(`${delivery?.messageId} ${delivery?.attempt}`);
      await party.receive("job.x", { onPacket }, { source: delivered });
      await settled();
      expect(taken).toEqual(["S:1 1", "S:1 2"]);
      expect(party.stats.refused).toBe(2);
    },
  );

  /** A packet as it is after its signature was verified; each number makes another one. */
  const verified = (number: number, createdMs: number) =>
    create(BusPacketSchema, {
      senderId: "client-1",
      createdAt: { seconds: BigInt(Math.floor(createdMs / 1000)), nanos: (createdMs % 1000) * 1_000_000 },
      signature: Uint8Array.of(0x30, 8, 2, 4, ...new Uint8Array(Uint32Array.of(number).buffer), 2, 1, 1),
    });
  const message: BusMessage = { subject: "job.x", data: new Uint8Array() };

  it(
    req("cap.trust.replay", "remembers a packet while a clock that is set back could let it in again"),
    async () => {
      const clock = new FakeClock();
      const window = new ReplayWindow(60_000, clock);
      const first = verified(1, clock.now());
      window.take(first, message);
      await clock.advance(100_000);
      window.take(verified(2, clock.now()), message); // forgets what is over
      clock.shiftWallClock(-50_000);
      expect(() => window.take(first, message)).toThrow(DuplicateJobError);
    },
  );

  it(req("cap.trust.replay", "refuses what it cannot remember, until there is room again"), async () => {
    const clock = new FakeClock();
    const window = new ReplayWindow(60_000, clock, new ReplayMemory(3));
    for (const number of [1, 2, 3]) window.take(verified(number, clock.now()), message);
    expect(() => window.take(verified(4, clock.now()), message)).toThrow(
      "memory of accepted packets is full",
    );
    await clock.advance(120_001);
    for (const number of [5, 6, 7]) window.take(verified(number, clock.now()), message);
  });

  it("requires keys", () => {
    const bus = new MemoryBus().connect();
    expect(() => new Party({ bus, senderId: "w", maxAgeMs: 1 })).toThrow("maxAgeMs requires publicKeys");
  });
});
