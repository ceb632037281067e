/** OpenTelemetry on all protocols: what is wrapped here makes spans, and carries the W3C context to the other side. */
import type { Span } from "@opentelemetry/api";
import type { ToolCall } from "../4runr/index.js";
import type { AgentMiddleware, JobSubmission } from "../cap/index.js";
import type { Middleware } from "../core/middleware.js";
import { loadPeer } from "../core/optional-peer.js";
import { VERSION } from "../core/version.js";
import type { LeaseCall } from "../neuron/index.js";
import { type OtelApi, Spans } from "./spans.js";
import { type TraceHeaders, traceHeaders } from "./w3c.js";

/** Options of {@link openTelemetry}. */
export interface OpenTelemetryOptions {
  /** The whole module `@opentelemetry/api`. Default: that package, loaded now. */
  readonly api?: OtelApi | undefined;
  /** Name of the tracer. Default: "agentwire". */
  readonly tracerName?: string | undefined;
}

/** Makes spans; where they go is set by the OpenTelemetry SDK of the program. */
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
  const spans = new Spans(api, api.trace.getTracer(options.tracerName ?? "agentwire", VERSION));
  const carried = (span: Span | undefined): TraceHeaders =>
    span === undefined ? {} : traceHeaders(span.spanContext());
  return {
    fetch: (base) => tracedFetch(spans, base, carried),
    toolCalls: () => (next) => (call) =>
      spans.run(
        {
          name: `${call.tool} ${call.action}`,
          kind: "INTERNAL",
          attributes: {
            "agentwire.wire": "4runr",
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
          attributes: {
            "agentwire.wire": "cap",
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
      return spans.run(
        {
          name: `job ${job.topic}`,
          kind: "CONSUMER",
          from: { traceparent: job.env.TRACEPARENT, tracestate: job.env.TRACESTATE },
          attributes: {
            "agentwire.wire": "cap",
            "messaging.system": "nats",
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
      return spans.run(
        {
          name: `lease ${task.capability}`,
          kind: "CONSUMER",
          from: task.metadata ?? {},
          attributes: {
            "agentwire.wire": "neuron",
            "messaging.destination.name": task.capability,
            "messaging.message.id": leaseId,
            "agentwire.correlation_id": task.taskId,
            "agentwire.attempt": task.attempt + 1,
          },
        },
        () => next(call),
      );
    },
    carrier: () => carried(api.trace.getActiveSpan()),
  };
}

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
    return spans.run({ name: `${method} ${url.pathname}`, kind: "CLIENT", attributes }, async (span) => {
      const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
      for (const [name, value] of Object.entries(carried(span))) headers.set(name, value);
      const response = await (base ?? fetch)(input, { ...init, headers: Object.fromEntries(headers) });
      span.setAttribute("http.response.status_code", response.status);
      if (response.status >= 400) spans.fail(span);
      return response;
    });
  };
}
