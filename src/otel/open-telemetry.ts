/** OpenTelemetry on all protocols: what is wrapped here makes spans and metrics, and carries the W3C context to the other side. */
import type { Span } from "@opentelemetry/api";
import type { ToolCall } from "../4runr/index.js";
import type { AgentMiddleware } from "../cap/agent/context.js";
import type { JobSubmission } from "../cap/index.js";
import type { Middleware } from "../core/middleware.js";
import { loadPeer } from "../core/optional-peer.js";
import { VERSION } from "../core/version.js";
import type { LeaseCall } from "../neuron/run-lease.js";
import { Instruments, type Observed } from "./instruments.js";
import { type OtelApi, Spans } from "./spans.js";
import { type TraceHeaders, traceHeaders } from "./w3c.js";

/** Options of {@link openTelemetry}. */
export interface OpenTelemetryOptions {
  /** The whole module `@opentelemetry/api`. Default: that package, loaded now. */
  readonly api?: OtelApi | undefined;
  /** Name of the tracer and of the meter. Default: "agentwire". */
  readonly tracerName?: string | undefined;
}

/** Creates spans and metrics. The OpenTelemetry SDK of your program decides where they go. */
export interface OpenTelemetry {
  /**
   * A `fetch` for the clients of this package: a client span for every try, so that retries show, and the headers
   * `traceparent` and `tracestate` on it. Default of `base`: the platform's.
   */
  fetch(base?: typeof fetch): typeof fetch;
  /** Middleware of a 4Runr client: a span for every call of a tool, its attempts below it. */
  toolCalls(): Middleware<ToolCall, unknown>;
  /**
   * Sends a job under a span that ends with `send`: `submit(job, (traced) => client.submitAndWait(traced))`. The
   * context travels in `env` as TRACEPARENT and TRACESTATE, which schedulers leave alone.
   */
  submit<T>(submission: JobSubmission, send: (traced: JobSubmission) => Promise<T>): Promise<T>;
  /** Middleware of a CAP agent: a span for every attempt at a job, below the span of who submitted it. */
  jobs(): AgentMiddleware;
  /** Middleware of a neuron: a span for every lease, below the span that the task's metadata names, if any. */
  leases(): Middleware<LeaseCall, unknown>;
  /**
   * Counts results, retries and reconnects of a worker, a bus or a 4Runr client, and reports what a worker has in flight and
   * whether it is serving, until the returned function is called.
   */
  observe(observed: Observed): () => void;
  /** The active context, to be carried by hand: as the metadata of a neuron task, or as headers. */
  carrier(): TraceHeaders;
}

/**
 * Opens it. Nothing is recorded unless the program has set up an OpenTelemetry SDK with a context manager.
 *
 * @throws UnsupportedError when `@opentelemetry/api` is not installed.
 */
export async function openTelemetry(options: OpenTelemetryOptions = {}): Promise<OpenTelemetry> {
  const load = () => import("@opentelemetry/api");
  const api = options.api ?? (await loadPeer("@opentelemetry/api", "tracing", load));
  const { tracerName = "agentwire" } = options;
  const instruments = new Instruments(api.metrics.getMeter(tracerName, VERSION));
  const spans = new Spans(api, api.trace.getTracer(tracerName, VERSION), instruments);
  const carried = (span: Span | undefined): TraceHeaders =>
    span === undefined ? {} : traceHeaders(span.spanContext());
  return {
    fetch: (base) => tracedFetch(spans, base, carried),
    toolCalls: () => (next) => (call) =>
      spans.run(
        {
          name: `${call.tool} ${call.action}`,
          kind: "INTERNAL",
          metric: "gen_ai.client.operation.duration",
          measured: ["gen_ai.operation.name", "gen_ai.tool.name"],
          attributes: {
            "agentwire.protocol": "4runr",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": `${call.tool}.${call.action}`,
            "agentwire.correlation_id": call.correlationId,
          },
        },
        () => next(call),
      ),
    submit: (submission, send) =>
      spans.run(
        {
          name: `submit ${submission.topic ?? ""}`,
          kind: "PRODUCER",
          metric: "messaging.client.operation.duration",
          measured: DESTINATION,
          attributes: {
            "agentwire.protocol": "cap",
            "messaging.operation.name": "submit",
            "messaging.system": "nats",
            "messaging.destination.name": submission.topic ?? "",
          },
        },
        (span) => {
          const { traceparent, tracestate } = carried(span);
          if (traceparent === undefined) return send(submission);
          const env = { TRACEPARENT: traceparent, ...(tracestate && { TRACESTATE: tracestate }) };
          return send({ ...submission, env: { ...submission.env, ...env } });
        },
      ),
    jobs: () => (next) => (call) => {
      const { job, attempt, traceId } = call.ctx;
      if (attempt > 1)
        instruments.retried({ "messaging.system": "nats", "messaging.destination.name": job.topic });
      return spans.run(
        {
          name: `job ${job.topic}`,
          kind: "CONSUMER",
          metric: "messaging.process.duration",
          measured: DESTINATION,
          from: { traceparent: job.env.TRACEPARENT, tracestate: job.env.TRACESTATE },
          attributes: {
            "agentwire.protocol": "cap",
            "messaging.system": "nats",
            "messaging.operation.name": "process",
            "messaging.destination.name": job.topic,
            "messaging.message.id": job.jobId,
            "agentwire.correlation_id": traceId,
            "agentwire.attempt": attempt,
          },
        },
        () => next(call),
      );
    },
    leases: () => (next) => (call) => {
      const { task, leaseId } = call.ctx;
      const name = { "messaging.system": "bigbrain", "messaging.destination.name": task.capability };
      if (task.attempt > 0) instruments.retried(name);
      return spans.run(
        {
          name: `lease ${task.capability}`,
          kind: "CONSUMER",
          metric: "messaging.process.duration",
          measured: DESTINATION,
          from: task.metadata ?? {},
          attributes: {
            ...name,
            "agentwire.protocol": "neuron",
            "messaging.operation.name": "process",
            "messaging.message.id": leaseId,
            "agentwire.correlation_id": task.taskId,
            "agentwire.attempt": task.attempt + 1,
          },
        },
        () => next(call),
      );
    },
    observe: (observed) => instruments.observe(observed),
    carrier: () => carried(api.trace.getActiveSpan()),
  };
}

/** Attributes of the metrics of messages. */
const DESTINATION = ["messaging.system", "messaging.operation.name", "messaging.destination.name"];

function tracedFetch(
  spans: Spans,
  base: typeof fetch | undefined,
  carried: (span: Span) => TraceHeaders,
): typeof fetch {
  return (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const method = (init?.method ?? (input instanceof Request ? input.method : "GET")).toUpperCase();
    const attributes = {
      "http.request.method": method,
      "server.address": url.hostname,
      "server.port": Number(url.port) || (url.protocol === "https:" ? 443 : 80),
      // Without its query, which may hold what is nobody's business.
      "url.path": url.pathname,
    };
    const about = {
      name: `${method} ${url.pathname}`,
      kind: "CLIENT",
      metric: "http.client.request.duration",
      measured: ["http.request.method", "server.address", "server.port"],
      attributes,
    } as const;
    return spans.run(about, async (span, ended) => {
      const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
      for (const [name, value] of Object.entries(carried(span))) headers.set(name, value);
      const response = await (base ?? fetch)(input, { ...init, headers: Object.fromEntries(headers) });
      const failed = response.status >= 400 ? { "error.type": String(response.status) } : {};
      ended({ "http.response.status_code": response.status, ...failed });
      if (response.status >= 400) spans.fail(span);
      return response;
    });
  };
}
