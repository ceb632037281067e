/** The examples, run against the embedded gateway. */
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { httpFetch } from "../../examples/neuron-http-fetch/capability.ts";
import { batchProcess } from "../../examples/neuron-progress-cancel/capability.ts";
import type { HandlerDefinition } from "../../src/handler/index.js";
import { Neuron } from "../../src/neuron/index.js";
import { LocalBigBrain } from "../../src/testing/index.js";

const root = join(import.meta.dirname, "../..");
const tsx = join(root, "node_modules/.bin/tsx");
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
    const stub = createServer((request, response) => {
      response.setHeader("x-method", request.method!);
      response.end("hello");
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
    expect(await submit({ url: "http://127.0.0.1:1/" })).toMatchObject({ kind: "retryable" });
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
  it.each(["http-fetch", "progress-cancel"])(
    "neuron-%s registers, and stops in order on SIGTERM",
    async (name) => {
      const gateway = await LocalBigBrain.start();
      cleanups.push(() => gateway.close());
      const registered = gateway.until("registered");
      const child = spawn(tsx, [join(root, `examples/neuron-${name}/main.ts`)], {
        env: {
          ...process.env,
          HOME: "/nonexistent",
          BIGBRAIN_GATEWAY_URL: gateway.url,
          BIGBRAIN_NEURON_ID: "example",
          BIGBRAIN_TOKEN: "token",
        },
        stdio: "ignore",
      });
      const ended = new Promise((resolve) => child.once("exit", resolve));
      await registered;
      child.kill("SIGTERM");
      expect(await ended).toBe(0);
    },
  );
});
