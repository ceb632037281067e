import { afterEach, describe, expect, it } from "vitest";
import {
  AlertSeverity,
  type BusPacket,
  ComponentRole,
  ErrorCode,
  JobStatus,
  SUBJECT_ALERT,
  SUBJECT_CANCEL,
  SUBJECT_HANDSHAKE,
  SUBJECT_HEARTBEAT,
  SUBJECT_PROGRESS,
  SUBJECT_RESULT,
  type SystemAlert,
} from "../../gen/cap/index.js";
import {
  type Bus,
  ConnectionLostError,
  generateKeyPair,
  InvalidInputError,
  loggingMiddleware,
  MemoryBus,
  runWorker,
  type WorkerOptions,
} from "../../src/cap/index.js";
import { createPacket, encodePacket, validatePacket } from "../../src/cap/packet.js";
import { Party } from "../../src/cap/party.js";
import {
  alertPayload,
  cancelPayload,
  handshakePayload,
  heartbeatPayload,
  progressPayload,
} from "../../src/cap/payloads.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));
const turns = async () => {
  for (let i = 0; i < 8; i++) await turn();
};
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});
const beat = { workerId: "w", pool: "p", activeJobs: 1, maxParallel: 4, cpuLoad: 12.5 };

async function listen(memory: MemoryBus, subject: string, options: object = {}) {
  const packets: BusPacket[] = [];
  const party = new Party({ bus: memory.connect(), senderId: "watcher", ...options });
  await party.receive(subject, { onPacket: (packet) => packets.push(packet) });
  return packets;
}

describe("payloads", () => {
  it(req("cap.helpers.payloads", "heartbeats carry the worker, its load, and its id as trace"), () => {
    const plain = heartbeatPayload({ ...beat, authToken: " tok\n", agentName: "  my \t agent " });
    expect(plain).toMatchObject({ traceId: "w", senderId: "w" });
    expect(plain.payload.value).toMatchObject({
      workerId: "w",
      pool: "p",
      activeJobs: 1,
      maxParallelJobs: 4,
      cpuLoad: 12.5,
      memoryLoad: 0,
      authToken: "tok",
      agentName: "my agent",
    });
    expect(heartbeatPayload({ ...beat, memoryLoad: 50 }).payload.value).toMatchObject({
      memoryLoad: 50,
    });
    const working = heartbeatPayload({ ...beat, progressPct: 140.7, lastMemo: "half way" });
    expect(working.payload.value).toMatchObject({ progressPct: 100, lastMemo: "half way" });
  });

  it(req("cap.helpers.payloads", "progress, cancel, handshake and alert keep every rule of the wire"), () => {
    const progress = progressPayload({ senderId: "w", jobId: "j", stepId: "s", percent: 5, message: "m" });
    const cancel = cancelPayload({ senderId: "c", jobId: "j", reason: "r" });
    const handshake = handshakePayload({
      componentId: "w",
      capabilities: { "job.a": true },
      readyTopics: ["job.a"],
      agentName: " a  b ",
    });
    const alert = alertPayload({
      senderId: "w",
      severity: AlertSeverity.ERROR,
      errorCode: ErrorCode.JOB_TIMEOUT,
      message: "late",
      traceId: "t",
    });
    for (const packet of [progress, cancel, handshake, alert]) expect(validatePacket(packet)).toEqual([]);
    expect([progress.traceId, cancel.traceId, alert.traceId]).toEqual(["j", "j", "t"]);
    expect(handshake.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(cancel.payload.value).toMatchObject({ requestedBy: "c" });
    expect(handshake.payload.value).toMatchObject({
      role: ComponentRole.WORKER,
      supportedVersions: [1],
      agentName: "a b",
    });
    expect(() => handshakePayload({ componentId: "w", supportedVersions: [1, 2] })).toThrow(
      InvalidInputError,
    );
  });
});

describe("publishing packets that were built elsewhere", () => {
  it(req("cap.helpers.emit", "signs them, sets the token, and uses the subject of the payload"), async () => {
    const memory = new MemoryBus();
    const bus = memory.connect();
    const keys = generateKeyPair();
    const publicKeys = { w: keys.publicKeyPem };
    const subjects = [SUBJECT_HEARTBEAT, SUBJECT_PROGRESS, SUBJECT_CANCEL, SUBJECT_HANDSHAKE, SUBJECT_ALERT];
    const heard = await Promise.all(subjects.map((subject) => listen(memory, subject, { publicKeys })));
    const link = new Party({ bus, senderId: "w", privateKey: keys.privateKeyPem, sessionToken: "tok" });
    await link.publish(heartbeatPayload(beat));
    await link.publish(progressPayload({ senderId: "w", jobId: "j", percent: 1 }));
    await link.publish(cancelPayload({ senderId: "w", jobId: "j" }));
    await link.publish(handshakePayload({ componentId: "w" }));
    const severity = AlertSeverity.INFO;
    const errorCode = ErrorCode.JOB_TIMEOUT;
    await link.publish(alertPayload({ senderId: "w", severity, errorCode, message: "m" }));
    await turns();
    expect(heard.map((packets) => packets.map(({ payload }) => payload.case))).toEqual([
      ["heartbeat"],
      ["jobProgress"],
      ["jobCancel"],
      ["handshake"],
      ["alert"],
    ]);
    expect(heard.flat().map(({ authToken }) => authToken)).toEqual(Array(5).fill("tok"));
  });

  it(
    req("cap.helpers.heartbeat-loop", "beats at once and every interval, also after a failure"),
    async () => {
      const memory = new MemoryBus();
      const heard = await listen(memory, SUBJECT_HEARTBEAT);
      const clock = new FakeClock();
      const sent: string[] = [];
      let calls = 0;
      const link = new Party({ bus: memory.connect(), senderId: "w", clock });
      const next = () => {
        if (++calls === 2) throw new Error("no load known");
        return heartbeatPayload({ ...beat, activeJobs: calls });
      };
      const onHeartbeatSent = (workerId: string) => {
        sent.push(workerId);
        throw new Error("metrics are down");
      };
      const loop = link.startHeartbeats(next, { metrics: { onHeartbeatSent } });
      await clock.advance(15_000);
      await loop.stop();
      await clock.advance(15_000);
      expect(calls).toBe(4);
      expect(heard.map(({ payload }) => (payload.value as { activeJobs: number }).activeJobs)).toEqual([
        1, 3, 4,
      ]);
      expect(sent).toEqual(["w", "w", "w"]);
      expect(clock.pending).toBe(0);
    },
  );
});

async function withWorker(options: Partial<WorkerOptions> = {}) {
  const memory = new MemoryBus();
  const bus = memory.connect();
  const results = await listen(memory, SUBJECT_RESULT);
  const alerts = await listen(memory, SUBJECT_ALERT);
  const clock = new FakeClock();
  const worker = await runWorker({ bus, subject: "job.x", handler: () => ({}), clock, ...options });
  cleanups.push(() => worker.close());
  const other = memory.connect();
  const send = async (jobId: string, change: Partial<BusPacket> = {}) => {
    const packet = createPacket(
      { case: "jobRequest", value: { jobId, topic: "job.x" } },
      { senderId: "c", traceId: "t" },
    );
    await other.publish("job.x", encodePacket({ ...packet, ...change }));
    await turns();
  };
  return { memory, bus, other, results, alerts, clock, worker, send };
}

describe("a worker's helpers", () => {
  it(req("cap.worker.metrics", "the hook hears of every job, and cannot hurt one"), async () => {
    const told: unknown[][] = [];
    const tell =
      (name: string) =>
      (...args: unknown[]) => {
        told.push([name, ...args]);
        throw new Error("metrics are down");
      };
    const { send, results } = await withWorker({
      metrics: {
        onJobReceived: tell("received"),
        onJobCompleted: tell("completed"),
        onJobFailed: tell("failed"),
      },
      handler: ({ jobId }) => (jobId === "bad" ? null : { status: JobStatus.CANCELLED, executionMs: 7n }),
    });
    await send("good");
    await send("bad");
    expect(told).toEqual([
      ["received", "good", "job.x"],
      ["completed", "good", 7, "CANCELLED"],
      ["received", "bad", "job.x"],
      ["failed", "bad", "handler returned null"],
    ]);
    expect(results).toHaveLength(2);
    const quiet = await withWorker({ metrics: { onJobReceived: async () => Promise.reject(new Error()) } });
    await quiet.send("j");
    expect(quiet.results).toHaveLength(1);
  });

  it(
    req("cap.worker.logging", "the middleware logs job, topic and duration, and changes nothing"),
    async () => {
      const lines: unknown[][] = [];
      const log = (message: string, fields?: object) => void lines.push([message, fields]);
      const logger = { debug: log, info: log, warn: log, error: log };
      const clock = new FakeClock();
      const { send, results } = await withWorker({
        middleware: [loggingMiddleware(logger, clock)],
        handler: async ({ jobId }) => {
          await clock.advance(25);
          if (jobId === "bad") throw new Error("no");
          return { resultPtr: "redis://r" };
        },
      });
      await send("good");
      await send("bad");
      expect(lines).toEqual([
        ["job done", { jobId: "good", topic: "job.x", durationMs: 25 }],
        ["job failed", { jobId: "bad", topic: "job.x", durationMs: 25, reason: "no" }],
      ]);
      expect(results.map(({ payload }) => (payload.value as { status: number }).status)).toEqual([
        JobStatus.SUCCEEDED,
        JobStatus.FAILED,
      ]);
    },
  );

  it(req("cap.worker.alerts", "reports each kind of refused packet, with its severity"), async () => {
    const keys = generateKeyPair();
    const { send, other, alerts } = await withWorker({ alerts: true, publicKeys: { c: keys.publicKeyPem } });
    await send("j", { protocolVersion: 2 });
    await send("j", { payload: { case: undefined } });
    await send("j");
    await send("j", { signature: new Uint8Array(70) });
    await other.publish("job.x", new Uint8Array(9).fill(255));
    await turns();
    const seen = alerts.map(({ traceId, payload }) => {
      const alert = payload.value as SystemAlert;
      return [traceId, alert.severity, alert.errorCodeEnum, alert.sourceComponent, alert.details];
    });
    const details = { offending_sender: "c", subject: "job.x" };
    expect(seen.slice(0, 4)).toEqual([
      ["t", AlertSeverity.ERROR, ErrorCode.PROTOCOL_VERSION_MISMATCH, "cap-worker", details],
      ["t", AlertSeverity.WARNING, ErrorCode.PROTOCOL_UNKNOWN_PAYLOAD, "cap-worker", details],
      ["t", AlertSeverity.CRITICAL, ErrorCode.PROTOCOL_SIGNATURE_MISSING, "cap-worker", details],
      ["t", AlertSeverity.CRITICAL, ErrorCode.PROTOCOL_SIGNATURE_INVALID, "cap-worker", details],
    ]);
    expect(seen[4]!.slice(1)).toEqual([
      AlertSeverity.ERROR,
      ErrorCode.PROTOCOL_MALFORMED_PACKET,
      "cap-worker",
      { offending_sender: "", subject: "job.x" },
    ]);
  });

  it(
    req("cap.worker.alerts", "reports only so many a minute, none unless asked, and none on alerts"),
    async () => {
      const { send, alerts, clock, memory } = await withWorker({ alerts: { perMinute: 2 } });
      for (let i = 0; i < 5; i++) await send("j", { protocolVersion: 2 });
      expect(alerts).toHaveLength(2);
      await clock.advance(60_000);
      await send("j", { protocolVersion: 2 });
      expect(alerts).toHaveLength(3);
      expect((alerts[2]!.payload.value as SystemAlert).details.unreported).toBe("3");
      const silent = await withWorker();
      await silent.send("j", { protocolVersion: 2 });
      expect(silent.alerts).toHaveLength(0);
      const party = new Party({ bus: memory.connect(), senderId: "x", alerts: true });
      await party.receive(SUBJECT_ALERT, { onPacket: () => {} });
      await memory.connect().publish(SUBJECT_ALERT, new Uint8Array(3).fill(255));
      await turns();
      expect(party.stats.refused).toBe(1);
      expect(alerts).toHaveLength(3);
    },
  );

  it(req("cap.worker.bus", "leaves the bus open, or drains it when it is the worker's own"), async () => {
    const borrowed = await withWorker();
    await borrowed.worker.close();
    expect(borrowed.bus.status()).toBe("connected");
    const own = new MemoryBus().connect();
    const owned = await withWorker({ bus: () => own });
    expect(own.status()).toBe("connected");
    await owned.worker.close();
    expect(own.status()).toBe("closed");
  });

  it(
    req("cap.worker.publish-again", "a result waits for the connection, for its time, or for the end"),
    async () => {
      const memory = new MemoryBus();
      const real = memory.connect();
      const listeners = new Set<Parameters<Bus["onStatus"]>[0]>();
      let status: ReturnType<Bus["status"]> = "connected";
      const set = (next: typeof status) => {
        status = next;
        for (const listener of [...listeners]) listener(next);
      };
      const bus: Bus = {
        publish: (subject, data) => {
          if (status !== "connected") throw new ConnectionLostError("no connection");
          return real.publish(subject, data);
        },
        subscribe: real.subscribe.bind(real),
        flush: real.flush.bind(real),
        drain: real.drain.bind(real),
        close: real.close.bind(real),
        status: () => status,
        onStatus: (listener) => {
          listeners.add(listener);
          return () => void listeners.delete(listener);
        },
      };
      const results = await listen(memory, SUBJECT_RESULT);
      const clock = new FakeClock();
      const worker = await runWorker({
        bus,
        subject: "job.x",
        handler: () => ({}),
        clock,
        resendForMs: 1000,
      });
      const send = async (jobId: string) => {
        const value = { jobId, topic: "job.x" };
        const packet = createPacket({ case: "jobRequest", value }, { senderId: "c" });
        await memory.connect().publish("job.x", encodePacket(packet));
        await turns();
      };
      set("reconnecting");
      await send("a");
      expect(results).toHaveLength(0);
      set("connected");
      await turns();
      expect(results).toHaveLength(1);
      set("reconnecting");
      await send("b");
      await clock.advance(1000);
      expect(worker.stats.unpublished).toBe(1);
      await send("c");
      set("closed");
      await turns();
      expect(worker.stats.unpublished).toBe(2);
      expect(listeners.size, "the worker ends with its bus").toBe(0);
      expect(clock.pending).toBe(0);
      await worker.close();
      expect(listeners.size).toBe(0);
    },
  );
});
