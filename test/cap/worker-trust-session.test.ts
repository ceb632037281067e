/** A worker's session against the issuer of the local scheduler: obtained, renewed, refused, lost. */
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ComponentRole, HandshakeSchema } from "../../gen/cap/index.js";
import { generateKeyPair, MemoryBus, nobleCrypto } from "../../src/cap/index.js";
import {
  resolveWorkerTrust,
  type WorkerTrustConfig,
  type WorkerTrustOptions,
} from "../../src/cap/trust/config.js";
import { TrustSession } from "../../src/cap/trust/session.js";
import type { MapOrder } from "../../src/cap/wire/map-order.js";
import type { AgentwireError } from "../../src/core/errors.js";
import { silentLogger } from "../../src/core/logger.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";
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
  const bus = new MemoryBus({ clock });
  const scheduler = await LocalScheduler.start({
    bus: bus.connect(),
    trust: { faults, tokenTtlMs },
    clock,
    logger: false,
  });
  const config = { ...scheduler.enroll("w-1"), ...given };
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
  const watch = await bus
    .connect()
    .subscribe("sys.worker.handshake.>", ({ subject }) => requests.push(subject));
  const connection = bus.connect();
  const session = new TrustSession({ bus: connection, trust, capability, clock, log, mapOrder });
  return { clock, bus, scheduler, session, connection, requests, watch };
}

describe("a session", () => {
  it.each(["spec", "upb"] as const)(
    req("cap.trust.session", "is obtained, renewed before it expires, and its token changes: map order %s"),
    async (mapOrder) => {
      const { clock, session, scheduler } = await make([], {}, 6_000, mapOrder);
      await expect(session.obtain()).resolves.toBe(true);
      const tokens = new Set([session.token]);
      session.keepAlive(() => expect.unreachable());
      for (let second = 0; second < 30; second++) {
        await clock.advance(1_000);
        expect(session.token).toBeDefined();
        tokens.add(session.token);
      }
      expect(tokens.size).toBe(6); // every 5.4 s, 90 % of 6 s
      session.close();
      expect(session.token).toBeUndefined();
      await scheduler.close();
    },
  );

  it("is renewed a minute before its end where that is later than its half", async () => {
    const { clock, session, requests } = await make([], {}, 900_000);
    await session.obtain();
    session.keepAlive(() => expect.unreachable());
    await clock.advance(449_999);
    expect(requests).toHaveLength(2);
    await clock.advance(2);
    expect(requests).toHaveLength(4);
    session.close();
  });

  it("is not renewed more often than renewMinIntervalMs", async () => {
    const { clock, session, requests } = await make([], { renewMinIntervalMs: 60_000 }, 70_000);
    await session.obtain();
    session.keepAlive(() => expect.unreachable());
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
        await expect(clock.until(session.obtain())).rejects.toMatchObject({ code });
        expect(requests).toHaveLength(asked);
        expect(session.token).toBeUndefined();
        await expect(session.obtain()).resolves.toBe(true);
      }
    },
  );

  it(req("cap.trust.session", "is asked for again, later each time, where nobody responds"), async () => {
    const faults: TrustFault[] = ["silent", "silent", "silent"];
    const enforced = await make(faults, { timeoutMs: 1_000 });
    await expect(enforced.clock.until(enforced.session.obtain())).rejects.toMatchObject({
      code: "TRUST_UNAVAILABLE",
      retryable: true,
    });
    expect(enforced.requests).toHaveLength(3);
    expect(enforced.clock.monotonic()).toBe(3_000 + 100 + 300);
    const warned = await make(faults, { timeoutMs: 1_000, mode: "warn" });
    await expect(warned.clock.until(warned.session.obtain())).resolves.toBe(false);
    expect(warned.session.token).toBeUndefined();
    const once = await make(["silent"], { timeoutMs: 1_000 });
    await expect(once.clock.until(once.session.obtain())).resolves.toBe(true);
  });

  it(req("cap.trust.session", "ends with a failed renewal in enforce; in warn with its token"), async () => {
    for (const mode of ["enforce", "warn"] as const) {
      const { clock, session, scheduler } = await make([], { mode, timeoutMs: 100, retries: 1 });
      await session.obtain();
      const lost: unknown[] = [];
      session.keepAlive((error) => lost.push(error));
      scheduler.trustFaults.push("silent");
      await clock.advance(5_600);
      if (mode === "enforce") {
        expect(session.token).toBeUndefined();
        expect(lost).toMatchObject([{ code: "TRUST_UNAVAILABLE" }]);
        await clock.advance(100_000);
        expect(session.token).toBeUndefined(); // until the worker connects again
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

  it("that is refused at a renewal ends in warn, too", async () => {
    const { clock, session, scheduler } = await make([], { mode: "warn" });
    await session.obtain();
    const lost: unknown[] = [];
    session.keepAlive((error) => lost.push(error));
    scheduler.trustFaults.push("reject");
    await clock.advance(5_500);
    expect(session.token).toBeUndefined();
    expect(lost).toMatchObject([{ code: "TRUST_REJECTED", reason: "AUTHENTICATION_FAILED" }]);
  });

  it(req("cap.trust.session", "waits for the scheduler behind the acknowledgement of a stream"), async () => {
    const { bus, session, clock } = await make();
    const stream = bus.connect();
    await stream.subscribe("sys.worker.handshake.>", ({ reply }) => {
      void stream.publish(reply!, new TextEncoder().encode('{"stream":"CORDUM_SYS","seq":1}'));
    });
    await expect(clock.until(session.obtain())).resolves.toBe(true);
  });

  it("fails at once where nobody listens, and when the connection is lost meanwhile", async () => {
    const { scheduler, session, clock, watch } = await make([], { retries: 1 });
    watch.unsubscribe();
    await scheduler.close();
    await expect(session.obtain()).rejects.toThrow("nobody listens on sys.worker.handshake.challenge");
    expect(clock.monotonic()).toBe(0);
    const other = await make(["silent"], { retries: 1 });
    const obtaining = other.session.obtain();
    await other.clock.settle();
    await other.connection.close();
    await expect(obtaining).rejects.toThrow("the connection was lost");
    expect(other.clock.monotonic()).toBe(0);
  });

  it("is shared by calls at the same time, and is not there once it is closed", async () => {
    const { session, requests } = await make();
    await Promise.all([session.obtain(), session.obtain()]);
    expect(requests).toHaveLength(2);
    const last = session.obtain();
    session.close();
    await expect(last).rejects.toMatchObject({ code: "CLOSED" });
    expect(session.token).toBeUndefined();
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
    await expect(clock.until(session.obtain())).rejects.toMatchObject({ code: "TRUST_UNAVAILABLE" });
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
    ["another mode", modeless, { CORDUM_SDK_HANDSHAKE: "on" }, "must be off, warn or enforce"],
    ["an id with a space", { ...good, tenantId: "a b" }, {}, "tenantId must be 1 to 256 visible"],
    ["an empty id", { ...good, proofKeyId: "" }, {}, "proofKeyId must be 1 to 256 visible"],
    ["a long id", { ...good, expectedAgentId: "a".repeat(257) }, {}, "expectedAgentId must be"],
    ["no time", { ...good, timeoutMs: 0 }, {}, "timeoutMs must be above 0 and at most 60000"],
    ["too much time", { ...good, timeoutMs: 60_001 }, {}, "timeoutMs must be above 0 and at most 60000"],
    ["NaN", { ...good, renewMinIntervalMs: Number.NaN }, {}, "renewMinIntervalMs must be above 0"],
    ["no attempt", { ...good, retries: 0 }, {}, "retries must be a whole number from 1 to 10"],
    ["11 attempts", { ...good, retries: 11 }, {}, "retries must be a whole number from 1 to 10"],
    ["half an attempt", { ...good, retries: 1.5 }, {}, "retries must be a whole number from 1 to 10"],
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
