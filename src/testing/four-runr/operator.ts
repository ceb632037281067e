/** What an operator asks: status, logs, health, metrics, credentials, faults. */
import { answer, type GatewayAnswer, refused } from "./answer.js";
import { type GatewayContext, type Handlers, timestamp } from "./context.js";
import { newest } from "./store.js";

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
  getProxyStatus(_, gateway) {
    const works = gateway.settings.upstream === "mock";
    return answer(200, {
      status: "operational",
      timestamp: timestamp(gateway),
      configured_tools: { serpapi: works, openai: works, http_fetch: true, gmail_send: works },
      available_actions: actions,
      signing_secret: true,
      gateway_key: false,
      kek_configured: true,
    });
  },

  listRequestLogs({ query }, gateway) {
    const logs = newest(gateway.store.requestLogs, Number.parseInt(query.limit ?? "20", 10));
    return answer(200, { logs, total: logs.length, timestamp: timestamp(gateway) });
  },

  async runMockTool({ query }, { settings, tools }) {
    if (!settings.testBypass) {
      const message = `Set ${bypassOn} to enable direct mock testing`;
      return answer(403, { error: "Test bypass disabled", message });
    }
    const { tool, action } = query;
    if (!tool || !action) return refused(400, "tool and action query parameters required");
    if (settings.upstream === "live" && Object.hasOwn(actions, tool)) {
      return refused(500, "Mock test failed", { details: "this.isConfigured is not a function" });
    }
    if (!tools.has(tool, action)) return refused(400, `Unsupported tool/action: ${tool}/${action}`);
    const params = samples[tool] ?? {};
    const result = await tools.once(tool, action, { ...params });
    return answer(200, {
      success: true,
      tool,
      action,
      params,
      result,
      mode: settings.upstream,
      chaos_enabled: settings.chaos,
      bypass_warning: `${bypassOn} - this bypasses all security checks!`,
    });
  },

  getTelemetry({ params }, { store, clock }) {
    const correlationId = params.correlation_id!;
    const spans = store.spans.filter((span) => span.correlationId === correlationId);
    const data = { spans, events: [], verdicts: [] };
    return answer(200, { success: true, data, correlationId, timestamp: clock.now() });
  },

  getSentinelHealth(_, { store, clock, startedAt }) {
    const metrics = { activeSpans: store.spans.filter((span) => span.endTime === undefined).length };
    const system = { uptime: (clock.monotonic() - startedAt) / 1000 };
    const data = { status: "healthy", features: { telemetry: true }, metrics, system };
    return answer(200, { success: true, data, timestamp: clock.now() });
  },

  getHealth: (_, gateway) => answer(200, health(gateway)),

  getEnhancedHealth: (_, gateway) =>
    answer(200, {
      ...health(gateway),
      enhanced: false,
      message: "Enhanced health monitoring not started",
    }),

  getReadiness(_, gateway) {
    const { tools, settings } = gateway;
    const breakers = [...tools.breakers];
    const ready = breakers.every(([, breaker]) => breaker.state !== "OPEN");
    const said = breakers.map(([tool, { state, failures }]) => [
      tool,
      state === "OPEN" ? `OPEN (${failures} failures)` : "OK",
    ]);
    const closed = breakers.map(([tool, { state }]) => [tool, state !== "OPEN"]);
    return answer(ready ? 200 : 503, {
      ready,
      timestamp: timestamp(gateway),
      checks: { database: true, circuitBreakers: Object.fromEntries(closed), cache: true },
      details: { database: "OK", circuitBreakers: Object.fromEntries(said), cache: "OK" },
      ...(settings.testBypass && { warnings: [`${bypassOn} - security bypass enabled!`] }),
    });
  },

  getMetrics: (_, { metrics }): GatewayAnswer => ({
    status: 200,
    body: metrics.text(),
    headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
  }),
} satisfies Handlers;

function health(gateway: GatewayContext): object {
  const { clock, startedAt } = gateway;
  const { heapUsed, heapTotal, external } = process.memoryUsage();
  return {
    ok: true,
    timestamp: timestamp(gateway),
    uptime: Math.round(clock.monotonic() - startedAt),
    memory: { used: heapUsed, total: heapTotal, external },
    process: { pid: process.pid, version: process.version, platform: process.platform },
  };
}
