/** A worker's session against the issuer of the local scheduler: obtained, renewed, refused, lost. */
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ComponentRole, HandshakeSchema } from "../../gen/cap/index.js";
import { generateKeyPair, MemoryBus, nobleCrypto, toSigningKey } from "../../src/cap/index.js";
import {
  resolveWorkerTrust,
  type WorkerTrustConfig,
  type WorkerTrustOptions,
} from "../../src/cap/trust/config.js";
import { TrustSession } from "../../src/cap/trust/session.js";
import type { MapOrder } from "../../src/cap/wire/writer.js";
import type { AgentwireError } from "../../src/core/errors.js";
import { silentLogger } from "../../src/core/logger.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { type EnrolledWorker, LocalScheduler } from "../../src/testing/local-scheduler.js";
import type { TrustFault } from "../../src/testing/scheduler/trust.js";
import { req } from "../requirements/index.ts";

const log = silentLogger;

async function make(
  faults: readonly TrustFault[] = [],
  given: Partial<WorkerTrustConfig> = {},
  tokenTtlMs = 6_000,
  mapOrder: MapOrder = "spec",
) {
  const clock = new FakeClock();
  const bus = new MemoryBus();
  const { privateKeyPem: privateKey } = generateKeyPair();
  const workers: Record<string, EnrolledWorker> = {};
  const restart = () =>
    LocalScheduler.start({
      bus: bus.connect(),
      privateKey,
      trust: { faults, tokenTtlMs, workers },
      clock,
      logger: false,
    });
  const scheduler = await restart();
  const config = { ...scheduler.enroll("w-1"), ...given };
  workers["w-1"] = { publicKey: toSigningKey(config.proofPrivateKey).publicKeyPem };
  const trust = resolveWorkerTrust(config, "w-1", {})!;
  const capability = create(HandshakeSchema, {
    componentId: "w-1",
    role: ComponentRole.WORKER,
    supportedVersions: [1],
    sdkVersion: trust.sdkVersion,
    capabilities: { "job.a": true, "job.ab": true },
    readyTopics: ["job.a", "job.ab"],
  });
  const requests: string[] = [];
  const replies: (string | undefined)[] = [];
  const watch = await bus.connect().subscribe("sys.worker.handshake.>", ({ subject, reply }) => {
    requests.push(subject);
    replies.push(reply);
  });
  const connection = bus.connect();
  const session = new TrustSession({ bus: connection, trust, capability, clock, log, mapOrder });
  const lost: unknown[] = [];
  let [resumed, suspended] = [0, 0];
  const keep = () =>
    session.keep({
      resume: async () => void resumed++,
      suspend: async (error) => {
        suspended++;
        if (error !== undefined) lost.push(error);
      },
    });
  const changes = () => ({ resumed, suspended });
  return {
    clock,
    bus,
    scheduler,
    session,
    connection,
    requests,
    replies,
    watch,
    restart,
    keep,
    lost,
    changes,
  };
}

describe("a session", () => {
  it.each(["spec", "upb"] as const)(
    req("cap.trust.session", "is obtained, renewed before it expires, and its token changes: map order %s"),
    async (mapOrder) => {
      const { clock, session, scheduler, keep, lost } = await make([], {}, 6_000, mapOrder);
      await session.open();
      const tokens = new Set([session.token]);
      keep();
      for (let second = 0; second < 30; second++) {
        await clock.advance(1_000);
        expect(session.token).toBeDefined();
        tokens.add(session.token);
      }
      expect(tokens.size).toBe(6); // every 5.4 s, 90 % of 6 s
      expect(lost).toEqual([]);
      session.close();
      expect(session.token).toBeUndefined();
      await scheduler.close();
    },
  );

  it.each([
    ["half of its life", 900_000, 450_000],
    ["a minute before its end, where that is earlier", 100_000, 40_000],
  ])("is renewed after %s", async (_, lifeMs, afterMs) => {
    const { clock, session, requests, keep } = await make([], { renewMinIntervalMs: 1_000 }, lifeMs);
    await session.open();
    keep();
    await clock.advance(afterMs - 1);
    expect(requests).toHaveLength(2);
    await clock.advance(2);
    expect(requests).toHaveLength(4);
    session.close();
  });

  it("is obtained at once, and leaves no timer behind when it is closed amid that", async () => {
    const { clock, session, scheduler, requests } = await make();
    const resume = async () => session.close();
    session.keep({ resume, suspend: async () => {} });
    await expect.poll(() => requests.length).toBe(2);
    await scheduler.close();
    expect(clock.pending).toBe(0);
  });

  it("is not renewed more often than renewMinIntervalMs", async () => {
    const { clock, session, requests, keep } = await make([], { renewMinIntervalMs: 60_000 }, 70_000);
    await session.open();
    keep();
    await clock.advance(59_999);
    expect(requests).toHaveLength(2);
    await clock.advance(2);
    expect(requests).toHaveLength(4);
    session.close();
  });

  it.each<[TrustFault, string, number]>([
    ["reject", "TRUST_REJECTED", 2],
    ["wrong key", "TRUST_PACKET", 1],
    ["bad nonce", "TRUST_BINDING", 1],
    ["expired", "TRUST_EXPIRED", 1],
    ["replayed", "TRUST_BINDING", 1],
  ])(
    req("cap.trust.session", "is refused in warn as in enforce, without another attempt: %s"),
    async (fault, code, asked) => {
      for (const mode of ["warn", "enforce"] as const) {
        const { session, requests, clock } = await make([fault, "none"], { mode });
        await expect(clock.until(session.open())).rejects.toMatchObject({ code });
        expect(requests).toHaveLength(asked);
        expect(session.token).toBeUndefined();
        await session.open();
        expect(session.token).toBeDefined();
      }
    },
  );

  it(req("cap.trust.session", "is asked for again, later each time, where nobody responds"), async () => {
    const faults: TrustFault[] = ["silent", "silent", "silent"];
    const enforced = await make(faults, { timeoutMs: 1_000 });
    await expect(enforced.clock.until(enforced.session.open())).rejects.toMatchObject({
      code: "TRUST_UNAVAILABLE",
      retryable: true,
    });
    expect(enforced.requests).toHaveLength(3);
    expect(enforced.clock.monotonic()).toBe(3_000 + 100 + 300);
    const warned = await make(faults, { timeoutMs: 1_000, mode: "warn" });
    await warned.clock.until(warned.session.open());
    expect([warned.session.token, warned.session.admits]).toEqual([undefined, true]);
    const once = await make(["silent"], { timeoutMs: 1_000 });
    await once.clock.until(once.session.open());
    expect(once.session.admits).toBe(true);
  });

  it(req("cap.trust.session", "ends with a failed renewal in enforce; in warn with its token"), async () => {
    for (const mode of ["enforce", "warn"] as const) {
      const set = await make([], { mode, timeoutMs: 100, retries: 1 });
      const { clock, session, scheduler, keep, lost, changes } = set;
      await session.open();
      keep();
      scheduler.trustFaults.push("silent");
      await clock.advance(5_600);
      if (mode === "enforce") {
        expect(session.token).toBeUndefined();
        expect(lost).toMatchObject([{ code: "TRUST_UNAVAILABLE" }]);
        expect(changes()).toEqual({ resumed: 0, suspended: 1 });
      } else {
        expect(session.token).toBeDefined();
        await clock.advance(400);
        expect(session.token).toBeUndefined();
        expect(lost).toEqual([]);
        await clock.advance(30_000);
        expect(session.token).toBeDefined(); // obtained anew
      }
      session.close();
    }
  });

  it(req("cap.trust.session", "is asked for without an end while nobody responds, in enforce"), async () => {
    const silent = Array<TrustFault>(12).fill("silent");
    const { clock, session, scheduler, keep, lost, changes, requests } = await make([], {
      timeoutMs: 100,
      retries: 1,
    });
    await session.open();
    keep();
    scheduler.trustFaults.push(...silent);
    const before = requests.length;
    const at: number[] = [];
    for (let second = 0; second < 300 && at.length < silent.length; second++) {
      await clock.advance(1_000);
      while (at.length < requests.length - before) at.push(second);
      expect(session.admits).toBe(at.length === 0);
    }
    const waits = at.map((second, i) => second - (at[i - 1] ?? second));
    expect(waits.slice(1, 6)).toEqual([1, 2, 4, 8, 16]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(31); // 30 s and the time of an attempt
    expect(lost).toHaveLength(12);
    await clock.advance(31_000);
    expect([session.admits, changes().resumed]).toEqual([true, 1]);
    session.close();
  });

  it("that is refused at a renewal ends in warn, too, until the worker connects again", async () => {
    const { clock, session, scheduler, keep, lost } = await make([], { mode: "warn" });
    await session.open();
    keep();
    scheduler.trustFaults.push("reject");
    await clock.advance(5_500);
    expect(session.token).toBeUndefined();
    expect(lost).toMatchObject([{ code: "TRUST_REJECTED", reason: "AUTHENTICATION_FAILED" }]);
    await clock.advance(100_000);
    expect(session.admits).toBe(false);
    session.disconnected();
    session.connected();
    await clock.settle();
    expect(session.admits).toBe(true);
    session.close();
  });

  it(req("cap.trust.session", "is issued anew by a scheduler that has forgotten it"), async () => {
    for (const mode of ["warn", "enforce"] as const) {
      const { clock, session, scheduler, restart, keep, lost, changes, requests } = await make([], { mode });
      await session.open();
      keep();
      const { token } = session;
      await scheduler.close();
      const second = await restart();
      await clock.advance(5_500);
      expect(session.token).toBeDefined();
      expect(session.token).not.toBe(token);
      expect([lost, changes(), requests.length]).toEqual([[], { resumed: 0, suspended: 0 }, 6]);
      await second.close();
      const third = await restart();
      third.trustFaults.push("none", "reject");
      await clock.advance(5_500); // forgotten again, and then rejected: asked for once, no more
      expect([session.token, lost.length, requests.length]).toEqual([undefined, 1, 10]);
      session.close();
    }
  });

  it(req("cap.trust.session", "is obtained anew at once when a jump of the clock ends it"), async () => {
    const { clock, session, keep, lost } = await make([], {}, 900_000);
    await session.open();
    keep();
    clock.shiftWallClock(900_000);
    expect([session.admits, session.token]).toEqual([false, undefined]);
    await clock.settle();
    expect(session.admits).toBe(true);
    expect(lost).toEqual([]);
    session.close();
  });

  it(
    req("cap.trust.session", "makes the worker known again on a connection that came amid a renewal"),
    async () => {
      const { clock, session, scheduler, keep, changes } = await make();
      await session.open();
      keep();
      scheduler.trustFaults.push("silent");
      await clock.advance(5_500);
      session.disconnected();
      session.connected();
      await clock.advance(15_000);
      expect(session.admits).toBe(true);
      expect(changes().resumed).toBe(1);
      session.close();
    },
  );

  it(req("cap.trust.session", "follows the connection, one change at a time"), async () => {
    const { clock, session } = await make();
    await session.open();
    const changes: string[] = [];
    const step = (name: string) => async () => {
      changes.push(`${name} begins`);
      for (let i = 0; i < 5; i++) await Promise.resolve();
      changes.push(`${name} ends`);
    };
    session.keep({ resume: step("resume"), suspend: step("suspend") });
    for (let i = 0; i < 3; i++) {
      session.disconnected();
      expect(session.admits).toBe(false);
      session.connected();
      await Promise.resolve();
    }
    session.disconnected();
    await clock.settle();
    expect(session.admits).toBe(false); // a handshake says nothing about a connection that was lost meanwhile
    session.connected();
    await clock.settle();
    expect(session.admits).toBe(true);
    for (let i = 0; i < changes.length; i += 2)
      expect(changes[i + 1]).toBe(changes[i]!.replace("begins", "ends"));
    expect(changes.at(-1)).toBe("resume ends");
    session.close();
  });

  it(req("cap.trust.session", "waits for the scheduler behind the acknowledgement of a stream"), async () => {
    const { bus, session, clock } = await make();
    const stream = bus.connect();
    await stream.subscribe("sys.worker.handshake.>", ({ reply }) => {
      void stream.publish(reply!, new TextEncoder().encode('{"stream":"CORDUM_SYS","seq":1}'));
    });
    await clock.until(session.open());
    expect(session.token).toBeDefined();
  });

  it(
    req("cap.trust.session", "waits as long for a scheduler that is not there as for a silent one"),
    async () => {
      const { bus, scheduler, session, clock, watch } = await make([], { retries: 2, timeoutMs: 1_000 });
      watch.unsubscribe();
      await scheduler.close();
      await expect(clock.until(session.open())).rejects.toThrow(
        "nobody listens on sys.worker.handshake.challenge",
      );
      expect(clock.monotonic()).toBeGreaterThanOrEqual(1_000);
      expect(clock.monotonic()).toBeLessThanOrEqual(2_000);
      const late = await make([], { retries: 2, timeoutMs: 1_000 });
      late.watch.unsubscribe();
      await late.scheduler.close();
      const obtaining = late.session.open();
      await late.clock.advance(500);
      expect(late.session.admits).toBe(false);
      const again = await late.restart();
      await late.clock.until(obtaining);
      expect(late.session.admits).toBe(true);
      await again.close();
      expect(bus.subscriptionCount).toBe(0);
    },
  );

  it("does without a scheduler that is not there at once in warn", async () => {
    const { scheduler, session, clock, watch } = await make([], { retries: 1, mode: "warn" });
    watch.unsubscribe();
    await scheduler.close();
    await session.open();
    expect([session.admits, session.token, clock.monotonic()]).toEqual([true, undefined, 0]);
    session.close();
  });

  it("fails at once when the connection is lost meanwhile", async () => {
    const other = await make(["silent"], { retries: 1 });
    const obtaining = other.session.open();
    await other.clock.settle();
    await other.connection.close();
    await expect(obtaining).rejects.toThrow("the connection was lost");
    expect(other.clock.monotonic()).toBe(0);
  });

  it("is not put off by an empty response, which anybody may send", async () => {
    const { bus, session } = await make([], { retries: 1 });
    const other = bus.connect();
    await other.subscribe("sys.worker.handshake.>", ({ reply }) => {
      void other.publish(reply!, new Uint8Array());
    });
    await session.open();
    expect(session.token).toBeDefined();
  });

  it("is asked for on the connection's own inbox", async () => {
    const { session, connection, replies } = await make();
    Object.assign(connection, { inboxPrefix: "_INBOX_w1" });
    await session.open();
    expect(replies).toHaveLength(2);
    expect(replies.every((reply) => reply!.startsWith("_INBOX_w1."))).toBe(true);
  });

  it("is not there once it is closed", async () => {
    const { session } = await make();
    const last = session.open();
    session.close();
    await expect(last).rejects.toMatchObject({ code: "CLOSED" });
    expect([session.token, session.admits]).toEqual([undefined, false]);
  });

  it("of a worker the scheduler does not know gets no response", async () => {
    const { bus, clock } = await make();
    const { privateKeyPem, publicKeyPem } = generateKeyPair();
    const config: WorkerTrustConfig = {
      mode: "enforce",
      expectedAgentId: "a",
      tenantId: "t",
      proofKeyId: "k",
      proofPrivateKey: privateKeyPem,
      schedulerPublicKeys: { "scheduler-key": publicKeyPem },
      retries: 1,
      timeoutMs: 50,
    };
    const trust = resolveWorkerTrust(config, "stranger", {})!;
    const capability = create(HandshakeSchema, {});
    const session = new TrustSession({ bus: bus.connect(), trust, capability, clock, log });
    await expect(clock.until(session.open())).rejects.toMatchObject({ code: "TRUST_UNAVAILABLE" });
  });
});

describe("the configuration", () => {
  const good: WorkerTrustConfig = {
    mode: "warn",
    expectedAgentId: "a",
    tenantId: "t",
    proofKeyId: "k",
    proofPrivateKey: generateKeyPair().privateKeyPem,
    schedulerPublicKeys: { k: generateKeyPair().publicKeyPem },
  };
  const { mode: _, ...modeless } = good;
  const resolve = (options?: WorkerTrustOptions, env: Record<string, string> = {}) =>
    resolveWorkerTrust(options, "w-1", env);

  it(req("cap.trust.config", "is off by default, and on by option or environment"), () => {
    expect(resolve()).toBeUndefined();
    expect(resolve(undefined, { CORDUM_SDK_HANDSHAKE: " off " })).toBeUndefined();
    expect(resolve({ mode: "off" }, { CORDUM_SDK_HANDSHAKE: "enforce" })).toBeUndefined();
    expect(resolve(good)?.mode).toBe("warn");
    expect(resolve(good, { CORDUM_SDK_HANDSHAKE: "enforce" })?.mode).toBe("warn");
    expect(resolve(modeless, { CORDUM_SDK_HANDSHAKE: "Enforce" })?.mode).toBe("enforce");
    expect(resolveWorkerTrust(good, "w-1", {}, { crypto: nobleCrypto })?.mode).toBe("warn");
  });

  it.each<[string, WorkerTrustOptions | undefined, Record<string, string>, string]>([
    ["a mode alone", undefined, { CORDUM_SDK_HANDSHAKE: "warn" }, "mode warn requires `workerTrust`"],
    ["keys without a mode", modeless, {}, "workerTrust requires a mode"],
    ["keys with mode off", modeless, { CORDUM_SDK_HANDSHAKE: "off" }, "worker trust is off, but"],
    ["nothing at all", {} as WorkerTrustOptions, {}, "workerTrust requires a mode"],
    [
      "a misspelt key",
      { ...modeless, proofPrivateKey: undefined, proofKey: "x" } as never,
      {},
      "requires a mode",
    ],
    ["settings with mode off", { mode: "off", tenantId: "t" } as never, {}, "worker trust is off, but"],
    ["an empty mode", undefined, { CORDUM_SDK_HANDSHAKE: "" }, "must be off, warn or enforce"],
    ["another mode", modeless, { CORDUM_SDK_HANDSHAKE: "on" }, "must be off, warn or enforce"],
    ["an id with a space", { ...good, tenantId: "a b" }, {}, "tenantId must be 1 to 256 visible"],
    ["an empty id", { ...good, proofKeyId: "" }, {}, "proofKeyId must be 1 to 256 visible"],
    ["a long id", { ...good, expectedAgentId: "a".repeat(257) }, {}, "expectedAgentId must be"],
    ["no time", { ...good, timeoutMs: 0 }, {}, "timeoutMs must be a number above 0 and at most 60000"],
    [
      "too much time",
      { ...good, timeoutMs: 60_001 },
      {},
      "timeoutMs must be a number above 0 and at most 60000",
    ],
    ["NaN", { ...good, renewMinIntervalMs: Number.NaN }, {}, "renewMinIntervalMs must be a number above 0"],
    [
      "no attempt",
      { ...good, retries: 0 },
      {},
      "retries must be a whole number of at least 1 and at most 10",
    ],
    [
      "11 attempts",
      { ...good, retries: 11 },
      {},
      "retries must be a whole number of at least 1 and at most 10",
    ],
    [
      "half an attempt",
      { ...good, retries: 1.5 },
      {},
      "retries must be a whole number of at least 1 and at most 10",
    ],
    ["a number as mode", { ...good, mode: 1 as never }, {}, "workerTrust.mode must be a string"],
    ["a number in a text", { ...good, timeoutMs: "1000" as never }, {}, "timeoutMs must be"],
    ["a list of settings", [] as never, {}, "workerTrust"],
    ["no pinned key", { ...good, schedulerPublicKeys: {} }, {}, "requires at least one key"],
    ["a broken pin", { ...good, schedulerPublicKeys: { k: "x" } }, {}, 'public key of "k" cannot be used'],
    ["a broken proof key", { ...good, proofPrivateKey: "secret" }, {}, "expected PEM text"],
  ])(req("cap.trust.config", "is refused: %s"), (_name, options, env, message) => {
    let error: AgentwireError | undefined;
    try {
      resolve(options, env);
    } catch (thrown) {
      error = thrown as AgentwireError;
    }
    expect(error?.name).toBe("ValidationError");
    expect(error?.message).toContain(message);
    expect(error?.message).not.toContain("secret");
  });
});
