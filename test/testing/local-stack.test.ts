import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { GatewayClient } from "../../src/4runr/index.js";
import { AureusClient, AureusConsoleClient } from "../../src/aureus/index.js";
import { ConnectionError } from "../../src/core/errors.js";
import { Neuron } from "../../src/neuron/index.js";
import { Local4Runr, LocalBigBrain, localStack } from "../../src/testing/index.js";

afterEach(() => vi.unstubAllEnvs());

describe("localStack", () => {
  it("serves all four protocols to clients that know its variables alone", async () => {
    await using stack = await localStack({ policy: { scopes: ["serpapi:search"] }, logger: false });
    for (const [name, value] of Object.entries(stack.env)) vi.stubEnv(name, value);

    const tools = new GatewayClient({ retry: { attempts: 2, minDelayMs: 1 } });
    const agent = stack.agent({ pool: "scouts" }).job("job.scout", {}, async (input) => {
      const { results = [] } = await tools.proxy("serpapi", "search", { q: String(input), num: 1 });
      return { found: results.length };
    });
    await agent.start();
    stack.fourRunr.faults.add({ on: "proxyRequest", kind: "status", status: 503, times: 1 });
    const { output } = await stack.client.submitAndWait({ topic: "job.scout", input: "a" });
    expect(output).toEqual({ found: 1 });
    expect(stack.fourRunr.requests.filter(({ operation }) => operation === "proxyRequest")).toHaveLength(2);
    await expect(tools.proxy("gmail_send", "profile", {})).rejects.toThrow("scope");

    const neuron = new Neuron({ logger: false });
    neuron.handle({ type: "acme/echo", scope: "any", concurrency: 1 }, (input) => input);
    await neuron.start();
    const done = await stack.bigBrain.submit({ capability: "acme/echo", input: { n: 1 } });
    expect(done).toMatchObject({ status: "completed", output: { n: 1 } });
    await neuron.stop();

    const task = { id: "a", name: "A", type: "action" as const };
    const workflow = { id: "w", name: "W", tasks: [task], dependencies: {} };
    expect((await new AureusClient().executeWorkflow(workflow)).status).toBe("success");
    expect(await new AureusConsoleClient().getWorkflow("w")).toMatchObject({ status: "completed" });
  });

  it("closes what it started if a part cannot start", async () => {
    await using taken = await Local4Runr.start({ logger: false });
    const { port } = new URL(taken.url);
    const start = localStack({ fourRunr: { port: Number(port) }, logger: false });
    await expect(start).rejects.toBeInstanceOf(ConnectionError);
  });
});

describe("a server without a port", () => {
  it("serves an event stream and its POSTs in process, and a request that is aborted ends", async () => {
    await using brain = await LocalBigBrain.start({ port: false, logger: false });
    const ask = (path: string, init: RequestInit = {}) =>
      brain.fetch(`${brain.url}/neuron/${path}`, {
        ...init,
        headers: {
          authorization: "Bearer t",
          accept: "text/event-stream",
          "content-type": "application/json",
        },
      });
    const cut = new AbortController();
    const stream = await ask("events?neuronId=n-1", { signal: cut.signal });
    const reader = stream.body!.getReader();
    brain.send("n-1", "event: x\ndata: 1\n\n");
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("event: x\ndata: 1\n\n");
    const refused = await ask("register", { method: "POST", body: "{}" });
    expect(refused.status).toBe(400);
    const gone = brain.until("disconnected");
    cut.abort();
    await expect(reader.read()).rejects.toThrow();
    expect((await gone).neuronId).toBe("n-1");
  });
});

it("agentwire/testing has 22 names", () => {
  const text = readFileSync(join(import.meta.dirname, "../../src/testing/index.ts"), "utf8");
  const names = [...text.matchAll(/export (?:type )?\{ ([^}]*) \}/g)].flatMap(([, list]) =>
    list!.split(", "),
  );
  expect(names).toHaveLength(22);
});

it("hono stays out of the entry points that are not for tests or the command", () => {
  const root = join(import.meta.dirname, "../../src");
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  const users = files.filter((file) =>
    /from "hono|"#node-server"/.test(readFileSync(join(root, file), "utf8")),
  );
  expect(users.length).toBeGreaterThan(0);
  expect(users.filter((file) => !/^(testing|cli)[\\/]/.test(file))).toEqual([]);
});
