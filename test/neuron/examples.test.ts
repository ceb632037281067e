/** The examples, run against the embedded gateway. */
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { httpFetch } from "../../examples/neuron-http-fetch/capability.ts";
import { startBridge } from "../../examples/neuron-mcp-bridge/bridge.ts";
import { batchProcess } from "../../examples/neuron-progress-cancel/capability.ts";
import { publicSearch, webSearch } from "../../examples/neuron-web-search/capability.ts";
import { startStub } from "../../examples/neuron-web-search/stub-server.ts";
import type { HandlerDefinition } from "../../src/handler/index.js";
import { Neuron } from "../../src/neuron/index.js";
import { LocalBigBrain } from "../../src/testing/index.js";

const root = join(import.meta.dirname, "../..");
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(type: string, handler: HandlerDefinition) {
  const gateway = await LocalBigBrain.start();
  cleanups.push(() => gateway.close());
  const neuron = new Neuron({ gatewayUrl: gateway.url, neuronId: "n", auth: () => "t" });
  cleanups.push(() => neuron.stop({ drain: false }));
  neuron.handle({ type, scope: "any", concurrency: 2 }, handler);
  await neuron.start();
  return gateway;
}

describe("http.fetch", () => {
  it("fetches, fails for good on what is no URL, and refuses what its schema does", async () => {
    let large = false;
    const stub = createServer((request, response) => {
      response.setHeader("x-method", request.method!);
      response.end(large ? "x".repeat(1_000_001) : "hello");
    });
    await new Promise<void>((resolve) => stub.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => stub.close());
    const url = `http://127.0.0.1:${(stub.address() as { port: number }).port}/x`;
    const gateway = await serve("examples/http.fetch", httpFetch);
    const submit = (input: unknown) => gateway.submit({ capability: "examples/http.fetch", input });
    expect(await submit({ url, method: "PUT", body: "b" })).toMatchObject({
      status: "completed",
      output: { status: 200, body: "hello", finalUrl: url, headers: { "x-method": "PUT" } },
    });
    expect(await submit({ url: "file:///etc/hosts" })).toMatchObject({ kind: "terminal", code: "BAD_URL" });
    expect(await submit({ url, more: 1 })).toMatchObject({ kind: "schema-mismatch" });
    expect(await submit({ url: "http://127.0.0.1:1/" })).toMatchObject({
      kind: "retryable",
      reason: expect.stringMatching(/fetch failed: .+/),
    });
    large = true;
    expect(await submit({ url })).toMatchObject({ kind: "terminal", code: "BODY_TOO_LARGE" });
  });
});

describe("web.search", () => {
  const capability = "examples/web.search";

  it("gives what the server found, and fails for good when it refuses", async () => {
    const stub = await startStub();
    cleanups.push(() => stub.close());
    const gateway = await serve(capability, webSearch(stub.url));
    const submit = (input: unknown) => gateway.submit({ capability, input });
    const leases = { title: "Leases", snippet: "Work that is handed out for a time." };
    expect(await submit({ query: "lease" })).toMatchObject({
      status: "completed",
      output: {
        query: "lease",
        results: [leases, { title: "Heartbeats" }, { title: "Neurons", url: "https://example.org/neurons" }],
      },
    });
    expect(await submit({ query: "lease", maxResults: 1 })).toMatchObject({ output: { results: [leases] } });
    expect(await submit({ query: "nothing of the kind" })).toMatchObject({ output: { results: [] } });
    expect(await submit({ query: "status 503" })).toMatchObject({
      kind: "terminal",
      code: "UPSTREAM_NON_2XX",
    });
    expect(await submit({ query: "" })).toMatchObject({ kind: "schema-mismatch" });
  });

  // Only where the network may be used: tests are for loopback.
  if (process.env.E2E_NETWORK === "1") {
    it("finds something on the network", async () => {
      const gateway = await serve(capability, webSearch(publicSearch));
      const outcome = await gateway.submit({ capability, input: { query: "TypeScript" } });
      expect(outcome).toMatchObject({ status: "completed", output: { query: "TypeScript" } });
    });
  }
});

describe("the MCP bridge", () => {
  async function bridge() {
    const gateway = await LocalBigBrain.start();
    cleanups.push(() => gateway.close());
    const lines: string[] = [];
    const running = await startBridge({
      command: process.execPath,
      args: ["--import", "tsx", join(root, "examples/neuron-mcp-bridge/server.ts")],
      prefix: "mcp",
      newNeuron: () => new Neuron({ gatewayUrl: gateway.url, neuronId: "bridge", auth: () => "t" }),
      log: (line) => lines.push(line),
    });
    cleanups.push(() => running.close());
    const submit = (tool: string, input: unknown = {}, taskId?: string) =>
      gateway.submit({ capability: `mcp/${tool}`, input, taskId });
    return { gateway, lines, running, submit };
  }

  it("serves the tools of a real server with their schemas, and leaves out what fits no capability", async () => {
    const { gateway, lines, submit } = await bridge();
    expect(await submit("divide", { a: 6, b: 4 })).toMatchObject({
      status: "completed",
      output: { quotient: 1.5 },
    });
    const { capabilities } = gateway.registration("bridge")!;
    expect(capabilities.map(({ type }) => type)).toEqual([
      "mcp/divide",
      "mcp/countdown",
      "mcp/cancellations",
      "mcp/learn",
    ]);
    expect(capabilities[0]).toMatchObject({
      description: "Divides a by b.",
      inputSchema: { required: ["a", "b"] },
      outputSchema: { required: ["quotient"] },
    });
    expect(lines).toContainEqual(expect.stringMatching(/"not a capability" is left out/));
    expect(await submit("divide", { a: 6 })).toMatchObject({ kind: "schema-mismatch" });
    expect(await submit("divide", { a: 6, b: 0 })).toMatchObject({
      kind: "terminal",
      code: "MCP_TOOL_ERROR",
      reason: "b must not be 0",
    });
  });

  it("passes progress on, and cancels the call of a cancelled lease", async () => {
    const { gateway, submit } = await bridge();
    const done = await submit("countdown", { from: 1 });
    expect(done).toMatchObject({ output: { content: [{ type: "text", text: "lift-off" }] } });
    const begun = gateway.until("progress", ({ frame }) => frame.message === "4093");
    const cut = submit("countdown", { from: 4_096 }, "long");
    const { lease } = await begun;
    expect(lease.progress.slice(0, 3).map(({ percent, message }) => [percent, message])).toEqual([
      [0.0244140625, "4095"],
      [0.048828125, "4094"],
      [0.0732421875, "4093"],
    ]);
    expect(gateway.cancel("long")).toBe(true);
    expect(await cut).toMatchObject({ status: "cancelled" });
    expect(await submit("cancellations")).toMatchObject({ output: { content: [{ text: "1" }] } });
  });

  it("serves a tool that the server has learned", async () => {
    const { gateway, submit } = await bridge();
    const learned = gateway.until("registered", ({ capabilities }) =>
      capabilities.some(({ type }) => type === "mcp/greet"),
    );
    expect(await submit("learn")).toMatchObject({ status: "completed" });
    await learned;
    expect(await submit("greet", { name: "Ada" })).toMatchObject({
      output: { content: [{ text: "hello, Ada" }] },
    });
  });

  it("ends when the server does", async () => {
    const { running } = await bridge();
    await running.close();
    await expect(running.closed).resolves.toBeUndefined();
  });
});

describe("progress and cancel", () => {
  it("reports every item, and ends when cancelled", async () => {
    const gateway = await serve("examples/batch.process", batchProcess);
    const submit = (taskId: string, input: unknown) =>
      gateway.submit({ capability: "examples/batch.process", input, taskId });
    const done = await submit("t-1", { items: ["a", "b"], perItemMs: 0 });
    expect(done).toMatchObject({ status: "completed", output: { processed: 2 } });
    expect(done.progress.map(({ percent, data }) => [percent, data])).toEqual([
      [50, { item: "a" }],
      [100, { item: "b" }],
    ]);
    const progress = gateway.until("progress");
    const cut = submit("t-2", { items: ["a", "b"], perItemMs: 100 });
    await progress;
    expect(gateway.cancel("t-2")).toBe(true);
    expect(await cut).toMatchObject({ status: "cancelled" });
  });
});

describe("runners", () => {
  it.each(["http-fetch", "web-search", "progress-cancel", "mcp-bridge"])(
    "neuron-%s registers, and stops in order on SIGTERM",
    async (name) => {
      const gateway = await LocalBigBrain.start();
      cleanups.push(() => gateway.close());
      const registered = gateway.until("registered");
      // Not the command `tsx`, which passes a signal on for a moment only, and then kills.
      const child = spawn(
        process.execPath,
        ["--import", "tsx", join(root, `examples/neuron-${name}/main.ts`)],
        {
          cwd: root,
          env: {
            ...process.env,
            HOME: "/nonexistent",
            BIGBRAIN_GATEWAY_URL: gateway.url,
            BIGBRAIN_NEURON_ID: "example",
            BIGBRAIN_TOKEN: "token",
          },
          stdio: "ignore",
        },
      );
      const ended = new Promise((resolve) => child.once("exit", resolve));
      await registered;
      child.kill("SIGTERM");
      expect(await ended).toBe(0);
    },
  );
});
