import * as api from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { afterAll, describe, expect, it } from "vitest";
import { GatewayClient } from "../../src/4runr/index.js";
import { Neuron } from "../../src/neuron/index.js";
import { openTelemetry } from "../../src/otel/index.js";
import { Local4Runr, LocalBigBrain, memoryAgentPair } from "../../src/testing/index.js";

const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
api.metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
afterAll(async () => {
  api.metrics.disable();
  await reader.shutdown();
});

/** The points of a metric: its attributes, and its value or the count of its histogram. */
async function points(name: string): Promise<(readonly [api.Attributes, number])[]> {
  exporter.reset();
  await reader.forceFlush();
  const metrics = exporter
    .getMetrics()
    .at(-1)!
    .scopeMetrics.flatMap((scope) => scope.metrics);
  const found = metrics.filter(({ descriptor }) => descriptor.name === name);
  return found
    .flatMap(
      ({ dataPoints }) =>
        [...dataPoints] as { attributes: api.Attributes; value: number | { count: number } }[],
    )
    .map(({ attributes, value }) => [attributes, typeof value === "number" ? value : value.count]);
}

describe("metrics", () => {
  it("of CAP jobs: durations, outcomes, retries, what is in flight", async () => {
    const otel = await openTelemetry();
    const cap = memoryAgentPair({ agent: { middleware: [otel.jobs()], retries: 1, workerId: "w-1" } });
    const off = otel.observe(cap.agent);
    let inFlight: unknown;
    let fails = 1;
    cap.agent.job("job.x", {}, async () => {
      inFlight = [await points("agentwire.operations.active"), await points("agentwire.worker.in_flight")];
      if (fails-- > 0) throw new RangeError("no");
    });
    await cap.start();
    await otel.submit({ topic: "job.x", input: {} }, (job) => cap.client.submitAndWait(job));
    const job = {
      "messaging.system": "nats",
      "messaging.operation.name": "process",
      "messaging.destination.name": "job.x",
    };
    expect(await points("messaging.process.duration")).toEqual([
      [{ ...job, "error.type": "RangeError" }, 1],
      [job, 1],
    ]);
    expect(await points("messaging.client.operation.duration")).toEqual([
      [{ ...job, "messaging.operation.name": "submit" }, 1],
    ]);
    expect(await points("agentwire.retries")).toEqual([
      [{ "messaging.system": "nats", "messaging.destination.name": "job.x" }, 1],
    ]);
    const worker = { "agentwire.protocol": "cap", "agentwire.worker.id": "w-1" };
    const outcome = (name: string) => ({ ...worker, "agentwire.outcome": name });
    expect(await points("agentwire.worker.jobs")).toEqual([
      [outcome("succeeded"), 1],
      ...["failed", "repeated", "refused", "unpublished"].map((name) => [outcome(name), 0]),
    ]);
    expect(inFlight).toEqual([
      expect.arrayContaining([[{ "agentwire.operation": "messaging.process" }, 1]]),
      [[worker, 1]],
    ]);
    expect(await points("agentwire.worker.serving")).toEqual([[worker, 1]]);
    await cap.close();
    expect(await points("agentwire.worker.serving")).toEqual([[worker, 0]]);
    off();
    expect((await points("agentwire.operations.active")).every(([, value]) => value === 0)).toBe(true);
  });

  it("of leases, reconnects, requests and tool calls", async () => {
    const otel = await openTelemetry({ tracerName: "second" });
    const [brain, gateway] = [await LocalBigBrain.start(), await Local4Runr.start()];
    const { agentId } = await gateway.register();
    const tools = new GatewayClient({
      baseUrl: gateway.url,
      agentId,
      fetch: otel.fetch(),
      middleware: [otel.toolCalls()],
      retry: { minDelayMs: 1 },
      logger: false,
    });
    const neuron = new Neuron({
      gatewayUrl: brain.url,
      neuronId: "n-1",
      auth: () => "t",
      middleware: [otel.leases()],
      initialReconnectDelayMs: 1,
      logger: false,
    });
    const offs = [otel.observe(neuron), otel.observe(tools)];
    neuron.handle({ type: "acme/x" }, () => tools.proxy("serpapi", "search", { query: "q" }));
    const answered = new Promise((resolve) => neuron.once("lease:answered", resolve));
    await neuron.start();
    gateway.faults.add({ on: "proxyRequest", kind: "status", status: 503, times: 1 });
    const done = await brain.submit({ capability: "acme/x", input: {} });
    expect(done.status).toBe("completed");
    await answered;
    const worker = { "agentwire.protocol": "neuron", "agentwire.worker.id": "n-1" };
    expect(await points("agentwire.worker.leases")).toContainEqual([
      { ...worker, "agentwire.outcome": "ack" },
      1,
    ]);
    const retries = await points("agentwire.retries");
    expect(retries).toContainEqual([
      { "agentwire.protocol": "4runr", "agentwire.operation": "proxyRequest" },
      1,
    ]);
    const tool = { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "serpapi.search" };
    expect(await points("gen_ai.client.operation.duration")).toEqual([[tool, 1]]);
    const statuses = (await points("http.client.request.duration")).map(
      ([attributes]) => attributes["http.response.status_code"],
    );
    expect(statuses).toEqual(expect.arrayContaining([200, 503]));
    brain.dropStreams();
    while ((await points("agentwire.reconnects")).length === 0) await new Promise(setImmediate);
    for (const off of offs) off();
    await Promise.all([neuron.close(), tools.close()]);
    await Promise.all([brain.close(), gateway.close()]);
  });
});
