/** Our agent and the one of cap-sdk-python 2.17.0, over a real nats-server and redis-server. */
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { JobResult } from "../../gen/cap/index.js";
import {
  DecisionType,
  ErrorCode,
  JobStatus,
  SUBJECT_HANDSHAKE,
  SUBJECT_RESULT,
} from "../../gen/cap/index.js";
import type { Agent, AgentOptions, Bus } from "../../src/cap/index.js";
import {
  contextKey,
  JobFailedError,
  openJobClient,
  pointerFor,
  SafetyDeniedError,
} from "../../src/cap/index.js";
import { connectNats, natsAgent, natsClient } from "../../src/cap/nats/index.js";
import { Party } from "../../src/cap/party.js";
import { RedisBlobStore } from "../../src/cap/redis/index.js";
import { jsonSchema } from "../../src/core/json-schema.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";
import { keyFile } from "../cap/vectors.ts";
import { startProxy } from "../faults/proxy.ts";
import { req } from "../requirements/index.ts";
import { capPython, describeWithPeers, natsServer, redisServer } from "./ladder.ts";
import type { Running } from "./processes.ts";
import { start, startNats, startRedis } from "./processes.ts";

const agentScript = join(import.meta.dirname, "cap_agent_peer.py");
const clientScript = join(import.meta.dirname, "cap_peer.py");
const publicKeys = {
  "client-1": keyFile("client.pub.pem"),
  "worker-1": keyFile("worker.pub.pem"),
  "cordum-scheduler": keyFile("scheduler.pub.pem"),
};
const prompt = jsonSchema<{ prompt: string }>({
  type: "object",
  properties: { prompt: { type: "string" } },
  required: ["prompt"],
});
const summary = jsonSchema<{ summary: string }>({
  type: "object",
  properties: { summary: { type: "string" } },
  required: ["summary"],
});

/** The handlers of `cap_agent_peer.py`. */
function serve(agent: Agent, prefix: string): void {
  const topic = (name: string) => `job.${prefix}.${name}`;
  agent
    .job(topic("echo"), (data) => data)
    .job(topic("summarize"), { input: prompt, output: summary }, (data) => ({
      summary: data.prompt.slice(0, 140),
    }))
    .job(topic("fail"), { retries: 1 }, () => {
      throw new Error("secret detail");
    })
    .job(topic("retry"), { retries: 2 }, (_, { attempt }) => {
      if (attempt < 3) throw new Error("not yet");
      return attempt;
    })
    .job(topic("nothing"), () => undefined)
    .job(topic("misfit"), { output: summary }, () => ({ summary: 7 }) as never)
    .job(topic("big"), () => "x".repeat(1000))
    .job(topic("unwritable"), () => 1n);
}

interface Case {
  readonly name: string;
  readonly topic: string;
  /** Bytes of the input; none are kept when it is undefined. */
  readonly input?: string | Uint8Array;
  readonly pointer?: string;
  readonly status: JobStatus;
  /** Text of the failure; a text that ends in ": " is where the parsers' own words begin. */
  readonly message?: string;
  readonly value?: unknown;
}

const { SUCCEEDED, FAILED } = JobStatus;
const cases: readonly Case[] = [
  { name: "echo", topic: "echo", input: '{"n": 1}', status: SUCCEEDED, value: { n: 1 } },
  { name: "echo of text", topic: "echo", input: '"é 😀"', status: SUCCEEDED, value: "é 😀" },
  { name: "echo of null", topic: "echo", input: "null", status: SUCCEEDED, value: null },
  {
    name: "summarize",
    topic: "summarize",
    input: '{"prompt":"hi"}',
    status: SUCCEEDED,
    value: { summary: "hi" },
  },
  {
    name: "a misfit input",
    topic: "summarize",
    input: '{"prompt":7}',
    status: FAILED,
    message: "input validation failed: ",
  },
  {
    name: "an input of another kind",
    topic: "summarize",
    input: "[]",
    status: FAILED,
    message: "input validation failed: ",
  },
  { name: "no JSON", topic: "echo", input: "{nope", status: FAILED, message: "context decode failed: " },
  {
    name: "no text",
    topic: "echo",
    input: new Uint8Array([0xff]),
    status: FAILED,
    message: "context decode failed: ",
  },
  { name: "nothing there", topic: "echo", status: FAILED, message: "context not found" },
  { name: "no pointer", topic: "echo", pointer: "", status: FAILED, message: "empty pointer" },
  {
    name: "another scheme",
    topic: "echo",
    pointer: "s3://x/y",
    status: FAILED,
    message: "unsupported pointer scheme",
  },
  { name: "no key", topic: "echo", pointer: "redis://", status: FAILED, message: "missing pointer key" },
  {
    name: "too large",
    topic: "echo",
    input: `"${"x".repeat(1999)}"`,
    status: FAILED,
    message: "context exceeds max size",
  },
  { name: "fail", topic: "fail", input: "1", status: FAILED, message: "handler failed" },
  { name: "retry", topic: "retry", input: "1", status: SUCCEEDED, value: 3 },
  { name: "no output", topic: "nothing", input: "1", status: SUCCEEDED, value: null },
  { name: "a misfit output", topic: "misfit", input: "1", status: FAILED, message: "handler failed" },
  {
    name: "too much output",
    topic: "big",
    input: "1",
    status: FAILED,
    message: "result write failed: result exceeds max size",
  },
  {
    name: "no JSON as output",
    topic: "unwritable",
    input: "1",
    status: FAILED,
    message: "result write failed: output is not JSON serializable",
  },
];

await describeWithPeers("agents over NATS and Redis", [natsServer, redisServer, capPython], (paths) => {
  const [natsPath, redisPath, python] = paths;
  let nats: Awaited<ReturnType<typeof startNats>>;
  let redis: Awaited<ReturnType<typeof startRedis>>;
  let store: RedisBlobStore;
  const peers: Running[] = [];
  const ends: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    [nats, redis] = await Promise.all([startNats(natsPath!), startRedis(redisPath!)]);
    store = new RedisBlobStore({ url: redis.url });
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    for (const peer of peers.splice(0)) await peer.stop("SIGKILL");
  });
  afterAll(async () => {
    await store.close();
    await nats.stop();
    await redis.stop();
  });

  const connect = async (): Promise<Bus> => {
    const bus = await connectNats({ env: {}, servers: nats.url });
    ends.push(() => bus.close());
    return bus;
  };
  const ours = async (prefix: string, options: Partial<AgentOptions> = {}): Promise<Agent> => {
    const agent = natsAgent({
      env: { NATS_URL: nats.url, REDIS_URL: redis.url },
      workerId: "worker-1",
      pool: "agents",
      concurrency: 8,
      maxContextBytes: 2000,
      maxResultBytes: 1000,
      ...options,
    });
    serve(agent, prefix);
    await agent.start();
    ends.push(() => agent.close());
    return agent;
  };
  const theirs = async (prefix: string, more: object = {}): Promise<Running> => {
    const job = { nats: nats.url, redis: redis.url, worker: "worker-1", pool: "agents", prefix, ...more };
    const peer = start(python!, [agentScript, JSON.stringify(job)]);
    peers.push(peer);
    await peer.until("peer ready");
    return peer;
  };
  /** Puts jobs on the subjects of their topics, and gives the first result of each. */
  const dispatch = async (bus: Bus, prefix: string) => {
    const party = new Party({ bus, senderId: "cordum-scheduler" });
    const results = new Map<string, JobResult>();
    let tell = () => {};
    await party.receive(SUBJECT_RESULT, {
      onPacket: ({ payload }) => {
        if (payload.case !== "jobResult") return;
        results.set(payload.value.jobId, payload.value);
        tell();
      },
    });
    await bus.flush();
    for (const { name, topic, input, pointer } of cases) {
      const jobId = `${prefix}-${name.replaceAll(" ", "-")}`;
      const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
      if (bytes !== undefined) await store.set(contextKey(jobId), bytes);
      const subject = `job.${prefix}.${topic}`;
      const contextPtr = pointer ?? pointerFor(contextKey(jobId));
      await party.send(subject, { case: "jobRequest", value: { jobId, topic: subject, contextPtr } }, "t");
    }
    await new Promise<void>((resolve) => {
      tell = () => results.size === cases.length && resolve();
      tell();
    });
    return cases.map(({ name }) => results.get(`${prefix}-${name.replaceAll(" ", "-")}`)!);
  };
  const outputOf = async ({ resultPtr }: JobResult): Promise<unknown> => {
    if (resultPtr === "") return undefined;
    return JSON.parse(new TextDecoder().decode(await store.get(resultPtr.slice("redis://".length))));
  };

  it(
    req("cap.agent.peers", "case by case, the agents say the same, and ours says why in codes"),
    async () => {
      await theirs("theirs", { worker: "worker-py" });
      await ours("ours");
      const bus = await connect();
      const official = await dispatch(bus, "theirs");
      const own = await dispatch(bus, "ours");
      for (const [i, { name, status, message = "", value }] of cases.entries()) {
        const [their, our] = [official[i]!, own[i]!];
        expect([their.status, our.status], name).toEqual([status, status]);
        if (message.endsWith(": ")) {
          expect(their.errorMessage.startsWith(message), their.errorMessage).toBe(true);
          expect(our.errorMessage.startsWith(message), our.errorMessage).toBe(true);
        } else expect([their.errorMessage, our.errorMessage], name).toEqual([message, message]);
        expect([await outputOf(their), await outputOf(our)], name).toEqual([value, value]);
        expect(their.resultPtr === "" ? "" : `redis://res:${their.jobId}`, name).toBe(their.resultPtr);
        expect(our.resultPtr === "" ? "" : `redis://res:${our.jobId}`, name).toBe(our.resultPtr);
        expect([their.errorCodeEnum, their.errorCode], name).toEqual([0, ""]);
        expect([our.errorCodeEnum !== ErrorCode.UNSPECIFIED, our.errorCode !== ""], name).toEqual(
          status === FAILED ? [true, true] : [false, false],
        );
      }
    },
  );

  it.each([
    ["unsigned", false],
    ["signed", true],
  ])(
    req("cap.agent.peers", "the official client's jobs, %s, through a scheduler to our agent"),
    async (_, signed) => {
      const keys = (name: string) => (signed ? { publicKeys, privateKey: keyFile(`${name}.pkcs8.pem`) } : {});
      await ours("client", { ...keys("worker"), mapOrder: "upb", heartbeatIntervalMs: 200 });
      const bus = await connect();
      const pools = { topics: { "job.client.echo": "agents" }, pools: { agents: {} } };
      const scheduler = await LocalScheduler.start({ bus, pools, ...keys("scheduler"), mapOrder: "upb" });
      ends.push(() => scheduler.close());
      for (let i = 0; i < 5; i++) await store.set(`ctx/job-${i}`, new TextEncoder().encode(`{"i":${i}}`));
      const job = {
        url: nats.url,
        role: "client",
        jobs: 5,
        subject: "job.client.echo",
        sender: "client-1",
        ...(signed ? { public: publicKeys, private: keyFile("client.pkcs8.pem") } : {}),
      };
      const client = start(python!, [clientScript, JSON.stringify(job)]);
      peers.push(client);
      await client.until("]]");
      const results = JSON.parse(client.output()) as [string, number, string, string][];
      expect(results.sort()).toEqual(
        [0, 1, 2, 3, 4].map((i) => [`job-${i}`, SUCCEEDED, "worker-1", `trace-${i}`]),
      );
      expect(new TextDecoder().decode(await store.get("res:job-3"))).toBe('{"i":3}');
    },
  );

  it.each([
    ["unsigned", false],
    ["signed", true],
  ])(
    req("cap.agent.local-scheduler", "drives the official agent, %s, by its direct subject"),
    async (_, signed) => {
      const keys = (name: string) => (signed ? { publicKeys, privateKey: keyFile(`${name}.pkcs8.pem`) } : {});
      const prefix = signed ? "driven-signed" : "driven";
      const names = ["echo", "summarize", "fail", "retry", "deny"];
      const bus = await connect();
      const scheduler = await LocalScheduler.start({
        bus,
        ...keys("scheduler"),
        mapOrder: "upb",
        pools: {
          topics: Object.fromEntries(names.map((name) => [`job.${prefix}.${name}`, "agents"])),
          pools: { agents: {} },
        },
        safety: ({ topic }) => ({
          decision: topic.endsWith("deny") ? DecisionType.DENY : DecisionType.ALLOW,
          reason: "not here",
        }),
      });
      ends.push(() => scheduler.close());
      await theirs(prefix, signed ? { public: publicKeys, private: keyFile("worker.pkcs8.pem") } : {});
      const client = await openJobClient({ bus: await connect(), senderId: "client-1", ...keys("client") });
      ends.push(() => client.close());
      const submit = async (name: string, input: unknown) => {
        const jobId = `${prefix}-${name}`;
        await store.set(contextKey(jobId), new TextEncoder().encode(JSON.stringify(input)));
        const topic = `job.${prefix}.${name}`;
        return client.submitAndWait({ jobId, topic, contextPtr: pointerFor(contextKey(jobId)) });
      };
      const outcome = async (name: string, input: unknown) => outputOf(await submit(name, input));
      expect(await outcome("echo", { n: 1 })).toEqual({ n: 1 });
      expect(await outcome("summarize", { prompt: "x".repeat(200) })).toEqual({ summary: "x".repeat(140) });
      expect(await outcome("retry", 1)).toBe(3);
      await expect(submit("fail", 1)).rejects.toThrow(JobFailedError);
      await expect(submit("deny", 1)).rejects.toThrow(SafetyDeniedError);
      expect(scheduler.job(`${prefix}-echo`)?.subject).toBe("worker.worker-1.jobs");
      expect(scheduler.job(`${prefix}-deny`)?.status).toBe(JobStatus.DENIED);
    },
  );

  it(
    req("cap.agent.env", "an agent needs nothing but NATS_URL and REDIS_URL, and ends its own connections"),
    async () => {
      const agent = natsAgent({ env: { NATS_URL: nats.url, REDIS_URL: redis.url } });
      agent.job("job.env.echo", (input) => input);
      const running = agent.run();
      const bus = await connect();
      const client = await natsClient({ clientId: "c", env: { NATS_URL: nats.url, REDIS_URL: redis.url } });
      const scheduler = await LocalScheduler.start({ bus });
      ends.push(() => scheduler.close());
      await new Promise<void>((resolve) => {
        if (agent.state === "running") resolve();
        else agent.on("state", (state) => state === "running" && resolve());
      });
      const { workerId, output } = await client.submitAndWait({ topic: "job.env.echo", input: 7 });
      expect([workerId, output]).toEqual(["cap-runtime", 7]);
      await client.close();
      await expect(client.submit({ topic: "job.env.echo", input: 7 })).rejects.toMatchObject({
        name: "ClosedError",
      });
      await agent.close();
      await running;
    },
  );

  it(
    req("cap.agent.readme", "the example serves its topic, and ends on SIGTERM with its job done"),
    async () => {
      const root = join(import.meta.dirname, "../..");
      const tsx = join(root, "node_modules/tsx/dist/cli.mjs");
      const env = { ...process.env, NATS_URL: nats.url, REDIS_URL: redis.url };
      const bus = await connect();
      const scheduler = await LocalScheduler.start({
        bus,
        pools: { topics: { "job.summarize": "summaries" } },
      });
      ends.push(() => scheduler.close());
      const client = await openJobClient({ bus, senderId: "c" });
      ends.push(() => client.close());
      const example = start(process.execPath, [tsx, join(root, "examples/cap-agent/main.ts")], env);
      peers.push(example);
      await store.set("ctx:example", new TextEncoder().encode('{"prompt":"hello"}'));
      const request = { jobId: "example", topic: "job.summarize", contextPtr: "redis://ctx:example" };
      const result = await client.submitAndWait(request);
      expect(await outputOf(result)).toEqual({ summary: "hello" });
      await store.set("ctx:empty", new TextEncoder().encode('{"prompt":""}'));
      const empty = { ...request, jobId: "empty", contextPtr: "redis://ctx:empty" };
      await expect(client.submitAndWait(empty)).rejects.toThrow("there is nothing to summarize");
      const exited = new Promise<number | null>((resolve) => example.process.once("exit", resolve));
      example.process.kill("SIGTERM");
      expect(await exited).toBe(0);
    },
  );

  it("a NATS or a Redis that is not there is known at the start", async () => {
    const nobody = "127.0.0.1:1";
    const withoutNats = natsAgent({ env: { NATS_URL: `nats://${nobody}`, REDIS_URL: redis.url } });
    withoutNats.job("job.x", () => 1);
    await expect(withoutNats.start()).rejects.toMatchObject({ name: "ConnectionError" });
    const withoutRedis = natsAgent({ env: { NATS_URL: nats.url, REDIS_URL: `redis://${nobody}` } });
    withoutRedis.job("job.x", () => 1);
    await expect(withoutRedis.start()).rejects.toMatchObject({ name: "ConnectionError" });
    expect(withoutRedis.state).toBe("idle");
    const env = { NATS_URL: nats.url, REDIS_URL: `redis://${nobody}` };
    await expect(natsClient({ clientId: "c", env })).rejects.toMatchObject({ name: "ConnectionError" });
  });

  it(
    req("cap.agent.reconnect", "a server that was restarted hears of the agent again, and gives it jobs"),
    async () => {
      let server = await startNats(natsPath!);
      ends.push(() => server.stop());
      const { port } = server;
      // In front of the agent only, so that it cannot come back before somebody listens.
      const link = await startProxy(port);
      ends.push(() => link.stop());
      const agent = natsAgent({
        natsUrl: link.url,
        env: {},
        store,
        workerId: "worker-r",
        nats: { reconnectWaitMs: 20 },
      });
      agent.job("job.again.echo", (input) => input);
      await agent.start();
      ends.push(() => agent.close());
      link.refuse();
      await server.stop();
      server = await startNats(natsPath!, { port });
      const bus = await connectNats({ env: {}, servers: server.url });
      ends.push(() => bus.close());
      const party = new Party({ bus, senderId: "scheduler" });
      let greet!: () => void;
      const greeted = new Promise<void>((resolve) => {
        greet = resolve;
      });
      await party.receive(SUBJECT_HANDSHAKE, {
        onPacket: ({ senderId }) => senderId === "worker-r" && greet(),
      });
      link.resume();
      await greeted;
      const done = new Promise<JobResult>((resolve) => agent.on("result", resolve));
      await store.set("ctx:again", new TextEncoder().encode("7"));
      const value = { jobId: "again", topic: "job.again.echo", contextPtr: "redis://ctx:again" };
      await party.send("worker.worker-r.jobs", { case: "jobRequest", value });
      expect(await done).toMatchObject({ jobId: "again", status: SUCCEEDED });
    },
  );
});
