import * as api from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { GatewayClient } from "../../src/4runr/index.js";
import { AureusClient, type PolicyContext } from "../../src/aureus/index.js";
import { forwardToCap } from "../../src/bridge/index.js";
import { defineHandler } from "../../src/handler/index.js";
import { Neuron } from "../../src/neuron/index.js";
import { openTelemetry } from "../../src/otel/index.js";
import { remoteSpan, traceHeaders } from "../../src/otel/w3c.js";
import { Local4Runr, LocalAureus, LocalBigBrain, memoryAgentPair } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
api.trace.setGlobalTracerProvider(provider);
const contexts = new AsyncLocalStorageContextManager().enable();
api.context.setGlobalContextManager(contexts);
afterAll(() => {
  api.trace.disable();
  api.context.disable();
});
beforeEach(() => exporter.reset());

describe("traceparent", () => {
  it(req("otel.traceparent", "is read as it was written, whatever the span"), () => {
    const hex = (length: number) =>
      fc
        .array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length })
        .map((digits) => digits.join(""))
        .filter((text) => /[^0]/.test(text));
    fc.assert(
      fc.property(hex(32), hex(16), fc.integer({ min: 0, max: 1 }), (traceId, spanId, traceFlags) => {
        const { traceparent } = traceHeaders({ traceId, spanId, traceFlags });
        expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
        expect(remoteSpan(traceparent)).toEqual({ traceId, spanId, traceFlags, isRemote: true });
      }),
    );
  });

  const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  it.each([
    undefined,
    7,
    "",
    good.toUpperCase(),
    `ff${good.slice(2)}`,
    `${good}-more`,
    good.replace(/-b7.*-/, "-0000000000000000-"),
    good.replace("0af7651916cd43dd8448eb211c80319c", "0".repeat(32)),
    good.slice(0, -1),
  ])("%s is none", (text) => {
    expect(remoteSpan(text)).toBeUndefined();
  });

  it("of a later version is read as far as it is known", () => {
    expect(remoteSpan(`01${good.slice(2)}-more`)?.spanId).toBe("b7ad6b7169203331");
  });

  it("is none for a span of no trace", () => {
    expect(traceHeaders(api.INVALID_SPAN_CONTEXT)).toEqual({});
  });
});

const policy: PolicyContext = {
  principal: { id: "p", type: "agent", permissions: [] },
  action: { id: "a", name: "a", riskTier: "low", requiredPermissions: [] },
  currentState: "evaluating",
  auditLog: [],
};

describe("a piece of work over all four wires", () => {
  it(req("otel.one-trace", "is one trace, with every hop below the one that made it"), async () => {
    const otel = await openTelemetry();
    const gateway = await Local4Runr.start();
    const { agentId } = await gateway.register();
    const tools = new GatewayClient({
      baseUrl: gateway.url,
      agentId,
      fetch: otel.fetch(),
      middleware: [otel.toolCalls()],
    });
    const server = await LocalAureus.start({ port: false });
    const seen: Headers[] = [];
    const aureus = new AureusClient({
      baseUrl: server.url,
      fetch: otel.fetch(async (input, init) => {
        seen.push(new Headers(init?.headers));
        return server.fetch(input, init);
      }),
    });
    const pair = memoryAgentPair({
      agent: { middleware: [otel.jobs()] },
      scheduler: { pools: { topics: { "job.digest": "test" } } },
    });
    pair.agent.job(
      "job.digest",
      defineHandler({
        async run() {
          await tools.proxy("serpapi", "search", { q: "agents" });
          return (await aureus.evaluatePolicy(policy)).allowed;
        },
      }),
    );
    await pair.start();
    const brain = await LocalBigBrain.start();
    const neuron = new Neuron({
      gatewayUrl: brain.url,
      neuronId: "n-1",
      auth: () => "token",
      middleware: [otel.leases()],
    });
    const traced = {
      start: ((job, options) =>
        otel.submit(job, (sent) => pair.client.start(sent, options))) as typeof pair.client.start,
    };
    neuron.handle(
      { type: "acme/digest", scope: "any", concurrency: 1 },
      forwardToCap({ client: traced, topic: "job.digest" }),
    );
    const registered = brain.until("registered");
    await neuron.start();
    await registered;

    const root = api.trace.getTracer("test").startSpan("task");
    const outcome = await api.context.with(api.trace.setSpan(api.context.active(), root), () =>
      brain.submit({ capability: "acme/digest", input: { url: "x" }, metadata: { ...otel.carrier() } }),
    );
    root.end();
    expect(outcome).toMatchObject({ status: "completed", output: true });
    await neuron.stop();
    await Promise.all([brain.close(), pair.close(), tools.close(), aureus.close()]);
    await gateway.close();

    const spans = exporter.getFinishedSpans();
    const { traceId } = root.spanContext();
    expect(new Set(spans.map((span) => span.spanContext().traceId))).toEqual(new Set([traceId]));
    const byId = new Map(spans.map((span) => [span.spanContext().spanId, span]));
    const path = (name: string): string[] => {
      const names: string[] = [];
      let span = spans.find((one) => one.name === name);
      while (span !== undefined) {
        names.unshift(span.name);
        span = byId.get(span.parentSpanContext?.spanId ?? "");
      }
      return names;
    };
    const job = ["task", "lease acme/digest", "submit job.digest", "job job.digest"];
    expect(path("POST /api/proxy-request")).toEqual([...job, "serpapi search", "POST /api/proxy-request"]);
    expect(path("POST /api/v1/policy/evaluate")).toEqual([...job, "POST /api/v1/policy/evaluate"]);
    expect(seen[0]?.get("traceparent")).toContain(traceId);
  });

  it("shows retries: one span for each try below the call", async () => {
    const otel = await openTelemetry({ api });
    const answers = [503, 200];
    const client = new AureusClient({
      baseUrl: "http://127.0.0.1:1",
      retry: { minDelayMs: 0 },
      fetch: otel.fetch(
        async () => new Response("[]", { status: answers.shift()!, headers: { "retry-after": "0" } }),
      ),
    });
    expect(await client.getMetrics()).toEqual([]);
    expect(
      exporter
        .getFinishedSpans()
        .map(({ name, attributes, status }) => [name, attributes["http.response.status_code"], status.code]),
    ).toEqual([
      ["GET /api/v1/observability/metrics", 503, api.SpanStatusCode.ERROR],
      ["GET /api/v1/observability/metrics", 200, api.SpanStatusCode.UNSET],
    ]);
  });

  it(req("otel.secrets", "hold nothing of headers, bodies, queries and error texts"), async () => {
    const otel = await openTelemetry();
    const secret = "planted-secret-0123456789";
    const client = new AureusClient({
      baseUrl: "http://127.0.0.1:1",
      apiKey: secret,
      retry: false,
      fetch: otel.fetch(async () => {
        throw new Error(secret);
      }),
    });
    await client.getMetrics({ name: secret } as never).catch(() => {});
    const spans = exporter.getFinishedSpans();
    expect(spans).toHaveLength(1);
    const shown = JSON.stringify(
      spans.map(({ name, attributes, events, status, links }) => ({
        name,
        attributes,
        events,
        status,
        links,
      })),
    );
    expect(shown).not.toContain(secret);
    expect(spans[0]!.attributes["error.type"]).toBe("Error");
  });

  it("goes on without an SDK", async () => {
    api.trace.disable();
    const otel = await openTelemetry();
    const sent = await otel.submit({ topic: "job.x" }, async (job) => job);
    expect(sent).toEqual({ topic: "job.x" });
    expect(otel.carrier()).toEqual({});
    api.trace.setGlobalTracerProvider(provider);
  });
});
