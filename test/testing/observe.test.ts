import { expect, test } from "vitest";
import { AureusClient } from "../../src/aureus/index.js";
import { Neuron } from "../../src/neuron/index.js";
import type { Observation } from "../../src/testing/http/observe.js";
import { Local4Runr, LocalAureus, LocalBigBrain } from "../../src/testing/index.js";

const shape = ({ type, exchange, operation }: Observation): unknown[] => [type, exchange, operation];

test("an observer of a 4Runr gateway sees requests, responses and cut connections", async () => {
  const seen: Observation[] = [];
  await using gateway = await Local4Runr.start({ observe: (observation) => seen.push(observation) });
  await fetch(`${gateway.url}/api/create-agent`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"name":"a"}',
  });
  gateway.faults.add({ on: "getHealth", kind: "drop" });
  await fetch(`${gateway.url}/health?deep=1`).catch(() => {});
  expect(seen.map(shape)).toEqual([
    ["request", 1, "createAgent"],
    ["response", 1, "createAgent"],
    ["request", 2, "getHealth"],
    ["end", 2, "getHealth"],
  ]);
  expect(seen[0]).toMatchObject({ method: "POST", path: "/api/create-agent", body: '{"name":"a"}' });
  expect(seen[1]).toMatchObject({ status: 400, body: expect.stringContaining("Missing required fields") });
  expect(seen[2]).toMatchObject({ path: "/health?deep=1" });
});

test("an observer of Aureus sees what is asked in process, and cannot break it", async () => {
  const seen: Observation[] = [];
  const aureus = await LocalAureus.start({
    port: false,
    logger: false,
    observe(observation) {
      seen.push(observation);
      throw new Error("a broken observer");
    },
  });
  const client = new AureusClient({ baseUrl: aureus.url, fetch: aureus.fetch });
  await expect(client.getTrace("t-1")).rejects.toThrow("Trace not found");
  expect(seen.map(shape)).toEqual([
    ["request", 1, "getTrace"],
    ["response", 1, "getTrace"],
  ]);
  expect(seen[1]).toMatchObject({ status: 404, body: '{"error":"Trace not found"}' });
  await client.close();
});

test("an observer of BigBrain sees the frames of event streams and their end", async () => {
  const seen: Observation[] = [];
  await using brain = await LocalBigBrain.start({ observe: (observation) => seen.push(observation) });
  const neuron = new Neuron({ gatewayUrl: brain.url, neuronId: "n-1", auth: () => "token", logger: false });
  neuron.handle({ type: "text/echo", scope: "any", concurrency: 1 }, (input) => input);
  await neuron.start();
  await brain.submit({ capability: "text/echo", input: { n: 1 } });
  const ended = brain.until("disconnected");
  await neuron.stop();
  await ended;
  const stream = seen.filter(({ exchange }) => exchange === 1);
  expect(stream.map(({ type }) => type)).toEqual(["request", "response", "event", "event", "end"]);
  expect(stream.map((item) => (item.type === "event" ? item.body.split("\n")[0] : ""))).toEqual([
    "",
    "",
    "event: registered",
    "event: lease",
    "",
  ]);
  const ack = seen.find(({ operation, type }) => operation === "ack" && type === "request");
  expect(ack).toMatchObject({ body: expect.stringContaining('"output":{"n":1}') });
});
