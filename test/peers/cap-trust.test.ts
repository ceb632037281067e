/**
 * Our agent and the one of cap-sdk-python 2.17.0 under worker trust, against the issuer of the local scheduler, over a
 * real nats-server: every scenario must end the same for both.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { Bus } from "../../src/cap/index.js";
import { Agent, InMemoryBlobStore } from "../../src/cap/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
import { Party } from "../../src/cap/party.js";
import { MemoryReplayStore } from "../../src/cap/production/index.js";
import type { WorkerTrustConfig } from "../../src/cap/trust/config.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";
import type { TrustFault } from "../../src/testing/scheduler/trust.js";
import { req } from "../requirements/index.ts";
import { capPython, describeWithPeers, natsServer } from "./ladder.ts";
import { start, startNats } from "./processes.ts";

const script = join(import.meta.dirname, "cap_trust_peer.py");
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A worker under test. */
interface Worker {
  /** How its start went: "ok", or the code of what it failed with. */
  readonly start: string;
  stop(): Promise<unknown>;
}

interface Scenario {
  readonly name: string;
  readonly mode: "warn" | "enforce";
  /** Faults of the handshakes at the start, and of those after it. */
  readonly first?: readonly TrustFault[];
  readonly later?: readonly TrustFault[];
  readonly tokenTtlMs?: number;
  /** How long the worker is watched after the start. */
  readonly forMs?: number;
  readonly production?: boolean;
  /** The server goes away and comes back after the start. */
  readonly restart?: boolean;
  readonly expected: Outcome;
  /** Where our agent knowingly does better. */
  readonly ours?: Partial<Outcome>;
}

interface Outcome {
  readonly start: string;
  /** Whether a heartbeat with a live token came at the end, and whether a job was done. */
  readonly session: boolean;
  readonly works: boolean;
  /** Tokens the worker has used. */
  readonly tokens: number;
}

const CODES: Readonly<Record<string, string>> = {
  WorkerHandshakePacketError: "TRUST_PACKET",
  WorkerHandshakeBindingError: "TRUST_BINDING",
  WorkerHandshakeExpiredError: "TRUST_EXPIRED",
  WorkerHandshakeRejectionError: "TRUST_REJECTED",
  WorkerTrustOperationalError: "TRUST_UNAVAILABLE",
};
const failed = (code: string): Outcome => ({ start: code, session: false, works: false, tokens: 0 });
const works: Outcome = { start: "ok", session: true, works: true, tokens: 1 };
const both = (scenario: Omit<Scenario, "mode">): Scenario[] =>
  (["enforce", "warn"] as const).map((mode) => ({ ...scenario, mode }));

const scenarios: readonly Scenario[] = [
  ...both({ name: "a session is issued", expected: works }),
  ...both({
    name: "a token of 6 s is renewed",
    tokenTtlMs: 6_000,
    forMs: 7_000,
    expected: { ...works, tokens: 2 },
  }),
  ...both({ name: "the scheduler responds at the second attempt", first: ["silent"], expected: works }),
  {
    name: "the scheduler is silent",
    mode: "enforce",
    first: ["silent", "silent"],
    expected: failed("TRUST_UNAVAILABLE"),
  },
  {
    name: "the scheduler is silent",
    mode: "warn",
    first: ["silent", "silent"],
    expected: { start: "ok", session: false, works: true, tokens: 0 },
  },
  ...both({ name: "the session is refused", first: ["reject"], expected: failed("TRUST_REJECTED") }),
  ...both({ name: "the challenge has another key", first: ["wrong key"], expected: failed("TRUST_PACKET") }),
  ...both({
    name: "the challenge has another nonce",
    first: ["bad nonce"],
    expected: failed("TRUST_BINDING"),
  }),
  ...both({ name: "the challenge is over", first: ["expired"], expected: failed("TRUST_EXPIRED") }),
  ...both({ name: "the challenge is an old one", first: ["replayed"], expected: failed("TRUST_BINDING") }),
  ...both({
    name: "the renewal is refused",
    later: ["reject"],
    tokenTtlMs: 2_000,
    forMs: 3_000,
    expected: { start: "ok", session: false, works: false, tokens: 1 },
  }),
  {
    name: "the renewal gets no response",
    mode: "enforce",
    later: Array<TrustFault>(12).fill("silent"),
    tokenTtlMs: 2_000,
    forMs: 4_000,
    expected: { start: "ok", session: false, works: false, tokens: 1 },
  },
  {
    name: "the scheduler responds again after a renewal got no response",
    mode: "enforce",
    later: ["silent", "silent"],
    tokenTtlMs: 2_000,
    forMs: 4_400,
    expected: { start: "ok", session: false, works: false, tokens: 1 },
    ours: { start: "ok", session: true, works: true },
  },
  {
    name: "the renewal gets no response",
    mode: "warn",
    later: ["silent", "silent"],
    tokenTtlMs: 2_000,
    forMs: 4_000,
    expected: { start: "ok", session: false, works: true, tokens: 1 },
  },
  ...both({
    name: "the server is restarted",
    restart: true,
    forMs: 7_000,
    expected: { ...works, tokens: 2 },
  }),
  { name: "jobs under CAP-PRODUCTION", mode: "enforce", production: true, expected: works },
];

await describeWithPeers("worker trust with the official SDK", [natsServer, capPython], ([nats, python]) => {
  let server: Awaited<ReturnType<typeof startNats>>;
  const ends: (() => unknown)[] = [];
  const table: string[] = [];

  beforeAll(async () => {
    server = await startNats(nats!);
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  afterAll(async () => {
    await server?.stop();
    process.stdout.write(`${table.join("\n")}\n`);
  });

  async function official(trust: WorkerTrustConfig, topic: string, production: boolean): Promise<Worker> {
    const job = { nats: server.url, worker: "w-1", topic, trust, production };
    const peer = start(python!, [script, JSON.stringify(job)]);
    await peer.until(/peer \{"start": "[^"]*"\}/);
    const told = /"start": "([^"]*)"/.exec(peer.output())![1]!;
    return { start: CODES[told] ?? told, stop: () => peer.stop() };
  }

  async function ours(workerTrust: WorkerTrustConfig, topic: string, production: boolean): Promise<Worker> {
    const store = new InMemoryBlobStore();
    await store.set("ctx:1", new TextEncoder().encode('{"n": 1}'));
    const agent = new Agent({
      bus: () => connectNats({ servers: server.url }),
      store,
      workerId: "w-1",
      pool: "pool",
      concurrency: 8,
      privateKey: workerTrust.proofPrivateKey,
      workerTrust,
      heartbeatIntervalMs: 100,
      goodbyeMs: 0,
      logger: false,
      ...(production && { production: { replayStore: new MemoryReplayStore(), clockSkewMs: 5_000 } }),
    });
    agent.job(topic, (data) => data);
    const started = await agent.start().then(
      () => "ok",
      (error: { code: string }) => error.code,
    );
    return { start: started, stop: () => agent.close() };
  }

  async function play(scenario: Scenario, make: typeof ours): Promise<Outcome> {
    const { mode, first = [], later = [], tokenTtlMs = 60_000, forMs = 0, production = false } = scenario;
    const bus: Bus = await connectNats({ servers: server.url });
    ends.push(() => bus.close());
    const topic = `job.trust${Math.random().toString(36).slice(2)}`;
    const scheduler = await LocalScheduler.start({
      bus,
      trust: { faults: first, tokenTtlMs, production },
      logger: false,
    });
    ends.push(() => scheduler.close());
    const config = scheduler.enroll("w-1");
    const worker = await make(
      { ...config, mode, timeoutMs: 400, retries: 2, renewMinIntervalMs: 30_000 },
      topic,
      production,
    );
    ends.push(worker.stop);
    scheduler.trustFaults.push(...later);
    const tokens = new Set<string>();
    let live = 0;
    const watch = new Party({ bus, senderId: "watch", logger: false });
    let last = "";
    await watch.receive("sys.heartbeat", {
      onPacket: ({ authToken }) => {
        last = authToken;
        live = Date.now();
        if (authToken !== "") tokens.add(authToken);
      },
    });
    const results: string[] = [];
    await watch.receive("sys.job.result", {
      onPacket: ({ payload }) => {
        if (payload.case === "jobResult") results.push(payload.value.jobId);
      },
    });
    if (scenario.restart) {
      await wait(500); // a heartbeat with the first token
      await server.stop();
      server = await startNats(nats!, { port: server.port });
    }
    await wait(forMs + 400);
    if (worker.start === "ok") {
      const value = { jobId: "j-1", topic, contextPtr: "redis://ctx:1" };
      await watch.send("sys.job.submit", { case: "jobRequest", value });
      for (let waited = 0; waited < 800 && results.length === 0; waited += 20) await wait(20);
    }
    const session = last !== "" && Date.now() - live < 500 && scheduler.workers().has("w-1");
    return { start: worker.start, session, works: results.length > 0, tokens: tokens.size };
  }

  for (const scenario of scenarios) {
    it(req("cap.trust.session", `${scenario.mode}: ${scenario.name}`), { timeout: 180_000 }, async () => {
      const theirs = await play(scenario, official);
      for (const end of ends.splice(0).reverse()) await end();
      const mine = await play(scenario, ours);
      table.push(`${scenario.mode} | ${scenario.name} | ${JSON.stringify(theirs)} | ${JSON.stringify(mine)}`);
      expect(theirs).toEqual(scenario.expected);
      if (scenario.ours === undefined) expect(mine).toEqual(scenario.expected);
      else expect(mine).toMatchObject(scenario.ours);
    });
  }

  it(req("cli.dev.trust", "the official Agent starts with what `agentwire dev --trust` hands out"), {
    timeout: 180_000,
  }, async () => {
    const { startStack } = await import("../../src/cli/dev/stack.js");
    for (const [production, fault, outcome] of [
      [false, "none", "ok"],
      [true, "none", "ok"],
      [false, "reject", "TRUST_REJECTED"],
      [false, "wrong key", "TRUST_PACKET"],
      [false, "expired", "TRUST_EXPIRED"],
    ] as const) {
      const said: string[] = [];
      const stack = await startStack({
        nats: server.url,
        env: { PATH: "" },
        jetstream: false,
        demo: false,
        keys: new Map(),
        functions: { tools: {}, actions: {}, validators: {} },
        trust: { workers: ["w-1"], faults: [fault], production },
        log: (_part, text) => said.push(text),
      });
      ends.push(() => stack.close());
      const file = await readFile(join(stack.env.AGENTWIRE_TRUST!, "w-1.json"), "utf8");
      const config: WorkerTrustConfig = JSON.parse(file);
      const topic = `job.dev${Math.random().toString(36).slice(2)}`;
      const bounds = { timeoutMs: 400, retries: 2, renewMinIntervalMs: 30_000 };
      const worker = await official({ ...config, ...bounds }, topic, production);
      ends.push(worker.stop);
      expect(worker.start).toBe(outcome);
      if (outcome === "ok") {
        const bus = await connectNats({ servers: server.url });
        ends.push(() => bus.close());
        const client = new Party({ bus, senderId: "client", logger: false });
        const value = { jobId: "j-1", topic, contextPtr: "redis://ctx:1" };
        await client.send("sys.job.submit", { case: "jobRequest", value });
        await expect
          .poll(() => said, { timeout: 60_000 })
          .toContainEqual(expect.stringMatching(/job j-1 on job.dev\w+: SUCCEEDED/));
      }
      for (const end of ends.splice(0).reverse()) await end();
    }
  });
});
