/**
 * A gateway in mock mode inside the process, for `mock://`: no socket, no policy, no rate limit, jobs, and the same
 * ids and times in every run.
 */
import { errorText } from "../core/errors.js";
import { mockTools } from "./mock-tools.js";
import { checkParams } from "./params.js";
import { sampleOf } from "./sample.js";
import { findAction, type ToolTable } from "./tool-table.js";

const TS = Date.UTC(2026, 0, 1);

interface Body {
  readonly agent_id?: string;
  readonly expires_at?: unknown;
  readonly tool?: string;
  readonly action?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly async?: boolean;
}

/** The gateway as a `fetch`, with tools of its caller's own. Each one counts its ids from the start. */
export function mockFetch(own?: ToolTable): typeof fetch {
  const counts = { token: 0, call: 0, job: 0, mail: 0 };
  const jobs = new Map<string, unknown>();
  const tools = mockTools(
    () => TS,
    () => `mock_${++counts.mail}`,
  );

  const token = ({ agent_id, expires_at }: Body): Response => {
    const id = `mock-token-${++counts.token}`;
    const agent_token = `${btoa(id)}.${"0".repeat(64)}`;
    return json(201, { agent_token, token_id: id, expires_at, agent_name: agent_id });
  };

  const proxy = ({ tool = "", action = "", params = {}, async }: Body): Response => {
    const headers = { "x-correlation-id": `req_${TS}_${String(++counts.call).padStart(9, "0")}` };
    const known = findAction(own, tool, action);
    const { result } = known ?? {};
    const run =
      result === undefined ? Object.hasOwn(tools, tool) && tools[tool]![action] : () => sampleOf(result);
    const details = !run || known === undefined ? [`No validator found for ${tool}:${action}`] : [];
    // The gateway's own tools fail in words of their own, which tests of callers rely on.
    if (run && known && result !== undefined) details.push(...checkParams(known, params));
    if (!run || details.length > 0)
      return json(400, { error: "Parameter validation failed", details }, headers);
    try {
      const data = run(params);
      if (async !== true) return json(200, { success: true, data, metadata: { tool, action } }, headers);
      const job_id = `mock-job-${++counts.job}`;
      jobs.set(job_id, { job_id, status: "done", result: data });
      return json(202, { job_id }, headers);
    } catch (error) {
      return json(502, { error: "External API request failed", details: errorText(error) }, headers);
    }
  };

  return async (input, init) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    const body = (typeof init?.body === "string" ? JSON.parse(init.body) : {}) as Body;
    if (pathname === "/api/generate-token") return token(body);
    if (pathname === "/api/proxy-request") return proxy(body);
    const job = jobs.get(decodeURIComponent(pathname.replace(/^\/api\/jobs\//, "")));
    if (job !== undefined) return json(200, job);
    return json(404, { message: `the mock gateway has no ${pathname}`, error: "Not Found", statusCode: 404 });
  };
}

function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}
