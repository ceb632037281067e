import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { GatewayClient } from "agentwire/4runr";
import { openTelemetry } from "agentwire/otel";
import { memoryAgentPair } from "agentwire/testing";

// Your OpenTelemetry SDK decides where spans go. Here they stay in memory.
const exporter = new InMemorySpanExporter();
trace.setGlobalTracerProvider(
  new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
);
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

const otel = await openTelemetry();
const tools = new GatewayClient({
  baseUrl: "mock://local",
  agentId: "scout",
  middleware: [otel.toolCalls()],
});
await using cap = memoryAgentPair({ agent: { middleware: [otel.jobs()] } });
cap.agent.job("job.search", {}, (_, ctx) =>
  tools.proxy("serpapi", "search", { query: "agents" }, { signal: ctx.signal }),
);
await cap.start();

await otel.submit({ topic: "job.search", input: {} }, (job) => cap.client.submitAndWait(job));

const spans = exporter.getFinishedSpans();
for (const span of spans.toReversed()) {
  const parent = spans.find((other) => other.spanContext().spanId === span.parentSpanContext?.spanId);
  console.log(parent === undefined ? span.name : `${span.name}, below ${parent.name}`);
}
console.log("traces:", new Set(spans.map((span) => span.spanContext().traceId)).size);
