/** What `dev` records, acts on and replays, and what `inspect` reads. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { GatewayClient } from "../../../src/4runr/index.js";
import { AureusClient } from "../../../src/aureus/index.js";
import { Agent, generateKeyPair, InMemoryBlobStore } from "../../../src/cap/index.js";
import { connectNats } from "../../../src/cap/nats/index.js";
import { Party } from "../../../src/cap/party.js";
import { MemoryReplayStore } from "../../../src/cap/production/index.js";
import { loadPolicy } from "../../../src/cli/dev/functions.js";
import { type StackOptions, startStack } from "../../../src/cli/dev/stack.js";
import { type CaptureRecord, parseCapture } from "../../../src/cli/inspector/record.js";
import { Neuron } from "../../../src/neuron/index.js";
import { describeWithPeers, natsServer } from "../../peers/ladder.ts";
import { startNats } from "../../peers/processes.ts";
import { req } from "../../requirements/index.ts";
import { file, folder, run } from "../cli.ts";
import { pathWith } from "../dev-process.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(options: Partial<StackOptions> = {}) {
  const said: string[] = [];
  const stack = await startStack({
    ...{
      jetstream: false,
      demo: true,
      keys: new Map(),
      functions: { tools: {}, actions: {}, validators: {} },
    },
    ...{ env: { PATH: pathWith([]) }, log: (part, text) => said.push(`${part} ${text}`) },
    ...options,
  });
  closing.push(() => stack.close());
  const headers = {
    authorization: `Bearer ${new URLSearchParams(new URL(stack.pageUrl).hash.slice(1)).get("t")}`,
  };
  const post = async (path: string, body: unknown) => {
    const response = await fetch(`${stack.url}${path}`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return {
      status: response.status,
      body: (await response.json()) as { done?: Record<string, unknown>; error?: string },
    };
  };
  const records = async () =>
    parseCapture(await (await fetch(`${stack.url}/events.ndjson`, { headers })).text());
  const state = async () =>
    (await (await fetch(`${stack.url}/api/state`, { headers })).json()) as {
      readonly approvals: { id: string }[];
      readonly targets: unknown[];
      readonly denials: unknown[];
    };
  const seen = (what: Partial<CaptureRecord>) =>
    expect.poll(records, { timeout: 60_000 }).toContainEqual(expect.objectContaining(what));
  return { ...stack, said, post, records, state, seen };
}

describe("dev without servers of others", () => {
  it(req("cli.inspector.capture", "records three protocols, and sends the capture again"), async () => {
    const record = join(folder(), "capture.ndjson");
    const first = await start({ record });
    const { env } = first;
    const aureus = new AureusClient({ baseUrl: env.AUREUS_URL! });
    await aureus.getWorkflowStatus("nothing").catch(() => {});
    await aureus.close();
    const gateway = new GatewayClient({ baseUrl: env.GATEWAY_URL, agentId: env.AGENT_ID });
    await gateway.proxy("serpapi", "search", { q: "x" });
    await gateway.close();
    const neuron = new Neuron({
      gatewayUrl: env.BIGBRAIN_GATEWAY_URL!,
      neuronId: "n-1",
      auth: () => env.BIGBRAIN_TOKEN!,
    });
    neuron.handle({ type: "test/echo", scope: "any", concurrency: 1 }, (input) => input);
    await neuron.start();
    await first.seen({ kind: "ack", type: "response", http: 200 });
    expect((await first.state()).targets).toContainEqual({
      protocol: "neuron",
      name: "test/echo",
      sample: { hello: "from agentwire dev" },
    });
    const lease = (await first.records()).find(({ kind, type }) => kind === "lease" && type === "event")!;
    expect(await first.post(`/api/records/${lease.seq}/resend`, {})).toMatchObject({
      status: 200,
      body: { done: { task: expect.any(String) } },
    });
    await expect
      .poll(
        async () =>
          (await first.records()).filter(({ kind, type }) => kind === "ack" && type === "request").length,
      )
      .toBe(2);
    await neuron.stop();
    await first.close();
    const text = readFileSync(record, "utf8");
    expect(text).not.toContain(env.BIGBRAIN_TOKEN!);
    const captured = parseCapture(text);
    expect(new Set(captured.map(({ protocol }) => protocol))).toEqual(new Set(["neuron", "aureus", "4runr"]));

    const second = await start({ replay: record });
    const again = await second.records();
    const asked = (records: readonly CaptureRecord[], protocol: string) =>
      records
        .filter((one) => one.type === "request" && one.protocol === protocol)
        .map(({ target }) => target);
    expect(asked(again, "aureus")).toEqual(asked(captured, "aureus"));
    const resent = again.filter(({ protocol, type }) => protocol === "aureus" && type === "request");
    for (const { reason } of resent) expect(reason).toMatch(/^resent from #\d+$/);
    expect(second.said).toContainEqual(
      expect.stringContaining("is not sent again: parts of its body are masked"),
    );
    expect(second.said.at(-1)).toMatch(/^replay sent \d+ of \d+ again$/);
  });

  it(req("cli.inspector.act", "approves and denies tasks of workflows"), async () => {
    const dev = await start();
    const client = new AureusClient({ baseUrl: dev.env.AUREUS_URL! });
    const task = {
      name: "Drop",
      type: "action" as const,
      riskTier: "CRITICAL" as const,
      requiredPermissions: [],
    };
    for (const id of ["cleanup-1", "cleanup-2"]) {
      await client.executeWorkflow({
        id,
        name: id,
        tasks: [{ ...task, id: `drop-${id}` }],
        dependencies: {},
      });
    }
    await client.close();
    const waiting = async () => (await dev.state()).approvals.map(({ id }) => id);
    expect(await waiting()).toEqual(["cleanup-1/drop-cleanup-1", "cleanup-2/drop-cleanup-2"]);
    expect(
      (await dev.post("/api/decide", { protocol: "aureus", id: "cleanup-1/drop-cleanup-1", approve: true }))
        .body.done,
    ).toEqual({ task: "drop-cleanup-1", approved: true });
    await dev.seen({ op: "approve", http: 200, status: "ok" });
    expect(
      (await dev.post("/api/decide", { protocol: "aureus", id: "cleanup-2/drop-cleanup-2", approve: false }))
        .status,
    ).toBe(200);
    await dev.seen({ op: "deny", http: 200 });
    expect(await waiting()).toEqual([]);
    expect(
      (await dev.post("/api/decide", { protocol: "aureus", id: "cleanup-2/drop-cleanup-2", approve: true }))
        .body.error,
    ).toContain("nothing waits");
    expect(JSON.stringify(await dev.records())).not.toContain("operator123");
  });

  it("does not overwrite a capture, and refuses a policy that is none", async () => {
    const record = file("capture.ndjson", "kept");
    await expect(start({ record })).rejects.toThrow("is not overwritten");
    expect(readFileSync(record, "utf8")).toBe("kept");
    await expect(loadPolicy(file("policy.mjs", "export default 3;"))).rejects.toThrow("must be a function");
  });
});

await describeWithPeers("dev with NATS, and inspect", [natsServer], ([nats]) => {
  const env = { PATH: pathWith([nats!]) };

  it(
    req("cli.dev.trust", "issues sessions to the workers it enrolls only, with the faults it is told"),
    async () => {
      const other = generateKeyPair();
      for (const publicKeys of [undefined, { "client-1": other.publicKeyPem }]) {
        const trust = { workers: ["w-1"], faults: ["reject"] as const, production: publicKeys === undefined };
        const dev = await start({ env, demo: false, trust, publicKeys });
        const { NATS_URL, CORDUM_SDK_HANDSHAKE, AGENTWIRE_TRUST } = dev.env;
        expect(CORDUM_SDK_HANDSHAKE).toBe("enforce");
        const path = join(AGENTWIRE_TRUST!, "w-1.json");
        expect(statSync(path).mode & 0o777).toBe(0o600);
        const { workerId, ...workerTrust } = JSON.parse(readFileSync(path, "utf8"));
        const bus = await connectNats({ servers: NATS_URL, env: {} });
        closing.push(() => bus.close());
        const open = async (id: string) => {
          const agent = new Agent({
            bus,
            store: new InMemoryBlobStore(),
            workerId: id,
            pool: "p",
            privateKey: workerTrust.proofPrivateKey,
            workerTrust: { ...workerTrust, timeoutMs: 300, retries: 1 },
            ...(trust.production && {
              production: { replayStore: new MemoryReplayStore(), clockSkewMs: 5_000 },
            }),
            logger: false,
          });
          agent.job("job.trusted", () => ({}));
          closing.push(() => agent.close());
          await agent.start();
        };
        await expect(open(workerId)).rejects.toMatchObject({ code: "TRUST_REJECTED" });
        await open(workerId);
        await expect(open("w-2")).rejects.toMatchObject({ code: "TRUST_UNAVAILABLE" });
        const client = new Party({
          bus,
          senderId: "client-1",
          privateKey: other.privateKeyPem,
          logger: false,
        });
        const value = { jobId: "j-1", topic: "job.trusted" };
        await client.send("sys.job.submit", { case: "jobRequest", value });
        await expect
          .poll(() => dev.said, { timeout: 60_000 })
          .toContainEqual(expect.stringMatching(/job j-1 on job.trusted: (?:FAILED|SUCCEEDED)/));
        expect(JSON.stringify(await dev.records())).not.toMatch(/PRIVATE KEY|"authToken":"(?!\[secret\])/);
        await dev.close();
        expect(existsSync(path)).toBe(false);
      }
    },
  );

  it(
    req("cli.inspector.act", "holds, approves, denies and cancels jobs; a policy that fails denies"),
    async () => {
      const policy = await loadPolicy(
        file(
          "policy.mjs",
          `export default ({ topic }) => {
          if (topic === "job.echo") return { decision: "require_human", reason: "asks" };
          if (topic === "job.never") return { decision: "deny", reason: "not allowed" };
          return topic === "job.odd" ? { decision: "maybe" } : { decision: "allow" };
        };`,
        ),
      );
      const dev = await start({ env, policy });
      const send = async (name: string) =>
        String((await dev.post("/api/send", { protocol: "cap", name })).body.done?.job);
      const [yes, no] = [await send("job.echo"), await send("job.echo")];
      await expect.poll(async () => (await dev.state()).approvals, { timeout: 60_000 }).toHaveLength(2);
      await dev.post("/api/decide", { protocol: "cap", id: yes, approve: true });
      await dev.seen({ op: "sys.job.result", status: "ok", ids: expect.objectContaining({ job: yes }) });
      await dev.post("/api/decide", { protocol: "cap", id: no, approve: false });
      await dev.seen({ op: "sys.job.dlq", status: "denied", ids: expect.objectContaining({ job: no }) });
      const [never, odd, open] = [await send("job.never"), await send("job.odd"), await send("job.nobody")];
      await dev.seen({
        op: "sys.job.dlq",
        status: "denied",
        reason: "not allowed",
        ids: expect.objectContaining({ job: never }),
      });
      await dev.seen({ op: "sys.job.dlq", status: "denied", ids: expect.objectContaining({ job: odd }) });
      expect((await dev.state()).denials).toContainEqual(expect.objectContaining({ why: "not allowed" }));
      await dev.seen({ op: "job.nobody" });
      expect((await dev.post("/api/cancel", { protocol: "cap", id: open })).body).toEqual({ done: true });
      await dev.seen({ kind: "jobCancel" });
      expect(
        (await dev.post("/api/decide", { protocol: "cap", id: "none", approve: true })).body.error,
      ).toContain("none");
      expect(
        (await dev.post("/api/send", { protocol: "cap", name: "job.echo", input: {} })).body.error,
      ).toContain("Redis");
    },
  );

  it(req("cli.inspector.act", "sends a recorded job again under a new id"), async () => {
    const dev = await start({ env });
    const { body } = await dev.post("/api/send", { protocol: "cap", name: "job.echo" });
    await dev.seen({ op: "sys.job.result", status: "ok" });
    const [first] = await dev.records();
    expect(first).toMatchObject({ op: "sys.job.submit", ids: { job: body.done!.job } });
    const again = await dev.post(`/api/records/${first!.seq}/resend`, {});
    expect(again.body.done!.job).not.toBe(body.done!.job);
    await dev.seen({ op: "sys.job.submit", reason: `resent from #${first!.seq}` });
    await dev.seen({ op: "sys.job.result", ids: expect.objectContaining({ job: again.body.done!.job }) });
  });

  it(req("cli.inspector.act", "inspect shows a bus, and a capture, and has no way to send"), async () => {
    const server = await startNats(nats!);
    closing.push(() => server.stop());
    const inspect = async (argv: readonly string[]) => {
      const stop = new AbortController();
      let address: (url: string) => void;
      const url = new Promise<string>((resolve) => {
        address = resolve;
      });
      const ended = run(["inspect", ...argv], {
        signal: stop.signal,
        env: {},
        onOut: (text) => address(text.trim()),
      });
      closing.push(() => {
        stop.abort();
        return ended;
      });
      const { origin, hash } = new URL(
        await Promise.race([url, ended.then(({ err }) => Promise.reject(new Error(err)))]),
      );
      const headers = { authorization: `Bearer ${hash.slice(3)}` };
      const get = async (path: string, init: RequestInit = {}) =>
        fetch(`${origin}${path}`, { ...init, headers });
      return { get };
    };
    const record = join(folder(), "bus.ndjson");
    const live = await inspect(["--nats", server.url, "--record", record, "--raw"]);
    await run(["submit", "job.x", "--nats", server.url, "--no-wait", "--job-id", "job-seen"]);
    const lines = async () => parseCapture(await (await live.get("/events.ndjson")).text());
    await expect.poll(lines, { timeout: 60_000 }).toHaveLength(1);
    expect((await live.get("/api/send", { method: "POST" })).status).not.toBe(200);
    expect(await (await live.get("/api/state")).json()).toMatchObject({ mode: "inspect", canAct: false });
    for (const close of closing.splice(1).reverse()) await close();
    const opened = await inspect(["--file", record]);
    expect(await (await opened.get("/api/state")).json()).toMatchObject({
      mode: "file",
      jobs: [{ id: "job-seen" }],
    });
    expect(await (await opened.get("/api/records/1/bytes")).json()).toMatchObject({ kind: "cap-packet" });
    const { code, err } = await run(["inspect", "--file", record, "--nats", server.url]);
    expect([code, err]).toEqual([2, expect.stringContaining("--file cannot be combined")]);
  });
});
