/** What an operator asks: status, logs, health, metrics. */
import { Refusal, refusal } from "../http/refusal.js";
import { type Gateway, type Handlers, newest } from "./context.js";

const actions = {
  serpapi: ["search"],
  http_fetch: ["get", "head"],
  openai: ["chat", "complete"],
  gmail_send: ["send", "profile"],
};

/** What `/api/test/mock` calls the tools with. */
const samples: Readonly<Record<string, object>> = {
  serpapi: { q: "test query", engine: "google" },
  http_fetch: { url: "https://example.com" },
  openai: { model: "gpt-4o-mini", input: "test input" },
  gmail_send: { to: "test@example.com", subject: "test", text: "test" },
};

const bypassOn = "FF_TEST_BYPASS=on";

/** Operations about the gateway itself. */
export const operatorHandlers = {
  getProxyStatus: (_, gateway) => ({
    status: "operational",
    timestamp: gateway.now(),
    configured_tools: {
      ...{ serpapi: gateway.isMock, openai: gateway.isMock },
      ...{ http_fetch: true, gmail_send: gateway.isMock },
    },
    available_actions: actions,
    ...{ signing_secret: true, gateway_key: false, kek_configured: true },
  }),

  listRequestLogs({ query }, gateway) {
    const logs = newest(gateway.requestLogs, Number.parseInt(query.limit ?? "20", 10));
    return { logs, total: logs.length, timestamp: gateway.now() };
  },

  async runMockTool({ query }, { options, isMock, chaos, tools }) {
    if (!options.testBypass) {
      const message = `Set ${bypassOn} to enable direct mock testing`;
      throw refusal(403, "Test bypass disabled", { message });
    }
    const { tool, action } = query;
    if (!tool || !action) throw refusal(400, "tool and action query parameters required");
    if (!isMock && Object.hasOwn(actions, tool)) {
      throw refusal(500, "Mock test failed", { details: "this.isConfigured is not a function" });
    }
    if (!tools.has(tool, action)) throw refusal(400, `Unsupported tool/action: ${tool}/${action}`);
    const params = samples[tool] ?? {};
    return {
      ...{ success: true, tool, action, params },
      result: await tools.once(tool, action, { ...params }),
      mode: isMock ? "mock" : "live",
      chaos_enabled: chaos,
      bypass_warning: `${bypassOn} - this bypasses all security checks!`,
    };
  },

  getTelemetry({ params }, { spans: all, clock }) {
    const correlationId = params.correlation_id!;
    const spans = all.filter((span) => span.correlationId === correlationId);
    const data = { spans, events: [], verdicts: [] };
    return { success: true, data, correlationId, timestamp: clock.now() };
  },

  getSentinelHealth(_, { spans, clock, startedAt }) {
    const metrics = { activeSpans: spans.filter((span) => span.endTime === undefined).length };
    const system = { uptime: (clock.monotonic() - startedAt) / 1000 };
    const data = { status: "healthy", features: { telemetry: true }, metrics, system };
    return { success: true, data, timestamp: clock.now() };
  },

  getHealth: (_, gateway) => health(gateway),

  getEnhancedHealth: (_, gateway) => ({
    ...health(gateway),
    enhanced: false,
    message: "Enhanced health monitoring not started",
  }),

  getReadiness(_, gateway) {
    const breakers = [...gateway.tools.breakers];
    const ready = breakers.every(([, breaker]) => breaker.state !== "OPEN");
    const said = breakers.map(([tool, { state, failures }]) => [
      tool,
      state === "OPEN" ? `OPEN (${failures} failures)` : "OK",
    ]);
    const closed = breakers.map(([tool, { state }]) => [tool, state !== "OPEN"]);
    const body = {
      ready,
      timestamp: gateway.now(),
      checks: { database: true, circuitBreakers: Object.fromEntries(closed), cache: true },
      details: { database: "OK", circuitBreakers: Object.fromEntries(said), cache: "OK" },
      ...(gateway.options.testBypass && { warnings: [`${bypassOn} - security bypass enabled!`] }),
    };
    if (!ready) throw new Refusal(503, body);
    return body;
  },

  getMetrics({ headers }, { metrics }) {
    headers["content-type"] = "text/plain; version=0.0.4; charset=utf-8";
    return metrics.text();
  },
} satisfies Handlers;

function health(gateway: Gateway): object {
  const { clock, startedAt } = gateway;
  const { heapUsed, heapTotal, external } = process.memoryUsage();
  return {
    ok: true,
    timestamp: gateway.now(),
    uptime: Math.round(clock.monotonic() - startedAt),
    memory: { used: heapUsed, total: heapTotal, external },
    process: { pid: process.pid, version: process.version, platform: process.platform },
  };
}
