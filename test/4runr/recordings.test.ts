import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as fourRunr from "../../src/4runr/index.js";
import { readToken } from "../../src/4runr/proof.js";
import type { AnyParams } from "../../src/4runr/types.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { expectedDifference, staleDifferences } from "../expected-differences.ts";
import { req } from "../requirements/index.ts";
import { type Reply, scripted } from "./scripted.ts";

const folder = join(import.meta.dirname, "../vectors/4runr");
const lines = <T>(file: string): T[] =>
  readFileSync(join(folder, file), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as T);

/** Outcome of a call: its result, or the error. */
type Outcome = { readonly result: unknown } | { readonly error: Record<string, unknown> };

async function outcomeOf(clock: FakeClock, call: Promise<unknown>): Promise<Outcome> {
  return clock.until(
    call.then(
      (result): Outcome => ({ result }),
      (error: Record<string, unknown>): Outcome => ({ error }),
    ),
  );
}

interface GatewayLine {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly body?: Record<string, unknown>;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Record<string, string>;
    readonly body?: Record<string, unknown>;
  };
}

const gatewayFiles = [
  "gateway-current-mock",
  "gateway-current-live",
  "gateway-current-edge",
  "gateway-older-encrypted-mock",
  "gateway-oldest-live-upstream",
  "breaker-and-creds",
];

/** Which error a refusal stands for: the first row that fits. */
const table: readonly (readonly [status: RegExp, text: RegExp, type: string])[] = [
  [/./, /^External API request failed: Circuit breaker is OPEN/, "GatewayCircuitOpenError"],
  [/./, /^External API request failed/, "GatewayUpstreamError"],
  [/403/, /^Policy denied/, "GatewayPolicyError"],
  [
    /403/,
    /^(Token (expired|has been|not found|proof|decoding|decryption)|Invalid token signature)/,
    "GatewayTokenError",
  ],
  [/400/, /^Invalid token format/, "GatewayTokenError"],
  [/401|403/, /./, "GatewayAuthError"],
  [/429/, /./, "GatewayRateLimitError"],
  [/404/, /./, "GatewayNotFoundError"],
  [/400|413|422/, /./, "GatewayValidationError"],
  [/502|503|504/, /./, "GatewayUpstreamError"],
  [/5../, /./, "GatewayError"],
];

describe("recorded calls of gateways", () => {
  const recorded = gatewayFiles.flatMap((file) =>
    lines<GatewayLine>(`${file}.jsonl`).map((line, index) => ({ ...line, id: `${file}/${index + 1}` })),
  );
  // A call that this client cannot be made to make: a member is missing or has a type of its own.
  const calls = recorded.filter(({ request: { method, path, body } }) => {
    const { agent_token, tool, action, params, token_id, proof_payload } = body ?? {};
    const proof = token_id === undefined ? [] : [token_id, proof_payload];
    const texts = [agent_token, tool, action, ...proof].every((item) => typeof item === "string");
    return (
      method === "POST" &&
      path === "/api/proxy-request" &&
      texts &&
      typeof params === "object" &&
      params !== null
    );
  });

  it.each(calls)(req("fourRunr.recordings", "$id $name"), async ({ id, request, response }) => {
    const { agent_token, tool, action, params, token_id, proof_payload, intent, ...others } = request.body!;
    const clock = new FakeClock({ now: Date.parse("2026-11-21T04:00:00Z") });
    const { status, headers, body } = response;
    const gateway = scripted([{ status, headers, body }]);
    const gw = new fourRunr.GatewayClient({
      baseUrl: "http://gateway.test",
      agentId: "a",
      clock,
      fetch: gateway.fetch,
      retry: false,
      bridgeParams: false,
      checkParams: false,
      intentInParams: false,
    });
    const outcome = await outcomeOf(
      clock,
      gw.proxy(tool as string, action as string, params as AnyParams, {
        agentToken: agent_token as string,
        tokenId: token_id as string | undefined,
        proofPayload: proof_payload,
        intent: intent as string | undefined,
      }),
    );
    const differs = expectedDifference(`fourRunr/gateway/${id}`);
    const sent = gateway.proxied()[0]?.body;
    if (differs !== undefined) {
      expect(sent, "listed as a difference and is none").toBeUndefined();
      return;
    }
    expect({ ...sent, ...others }).toEqual(request.body);
    if (status === 200) {
      expect(outcome).toEqual({ result: body!.data });
      return;
    }
    const { error } = outcome as { error: Record<string, unknown> };
    const text = String(error.message);
    const type = table.find(([statuses, pattern]) => statuses.test(String(status)) && pattern.test(text))![2];
    expect([error.name, error.statusCode]).toEqual([type, status]);
    expect(error.requestId).toBe(headers["x-correlation-id"]);
    expect(error.reason).toEqual(body?.reason);
    if (typeof body?.retry_after === "number") expect(error.retryAfter).toBe(body.retry_after);
  });

  it("all of them are there", () => {
    expect(calls.length).toBeGreaterThan(150);
    expect(staleDifferences("fourRunr/gateway/")).toEqual([]);
  });

  it("the payload of every token of the current gateway is read exactly as it was signed", () => {
    const issued = recorded.filter(
      ({ id, request, response }) =>
        id.startsWith("gateway-current") && request.path === "/api/generate-token" && response.status === 201,
    );
    expect(issued.length).toBeGreaterThan(10);
    for (const { request, response } of issued) {
      const token = String(response.body!.agent_token);
      const [first, signature] = token.split(".");
      expect(createHmac("sha256", "holdout-signing-secret").update(first!).digest("hex")).toBe(signature);
      const { payload, agentId } = readToken(token);
      expect(Buffer.from(payload!).toString("base64")).toBe(first);
      expect(agentId).toBe(request.body!.agent_id);
    }
  });
});

interface SdkLine {
  readonly case: string;
  readonly requests: readonly {
    readonly method: string;
    readonly path: string;
    readonly body?: Record<string, unknown>;
    readonly reply: { status: number; body: unknown; headers?: Record<string, string>; delay?: number };
  }[];
  readonly result?: unknown;
  readonly error?: { readonly class: string; readonly code?: string | null; readonly retry_after?: unknown };
}

interface SentBody {
  readonly tool: string;
  readonly action: string;
  readonly params: AnyParams;
  readonly agent_token: string;
  readonly intent?: string;
  readonly proof_payload?: unknown;
}

/** Makes the call that a recorded session made. */
function repeat(gw: fourRunr.GatewayClient, line: SdkLine): Promise<unknown> {
  const { path, body: given } = line.requests.at(-1)!;
  const body = given ?? {};
  const { tool, action, params, agent_token, intent, proof_payload } = body as unknown as SentBody;
  if (path.startsWith("/api/jobs/")) return gw.getJob(decodeURIComponent(path.slice("/api/jobs/".length)));
  if (path === "/api/generate-token") {
    return gw.getToken({
      tools: body.tools as string[],
      permissions: body.permissions as string[],
      ttlMinutes: 15,
    });
  }
  gw.setIntent(intent);
  const own = line.requests.length > 1 && line.requests[0]!.path === "/api/generate-token";
  const options = { agentToken: own ? undefined : agent_token, proofPayload: proof_payload };
  return "async" in body
    ? gw.proxyAsync(tool, action, params, options)
    : gw.proxy(tool, action, params, options);
}

describe.each(["py", "js"])("recorded sessions of the %s SDK", (sdk) => {
  const sessions = lines<SdkLine>(`sdk-${sdk}-1.0.0-vs-standin.jsonl`).filter(
    ({ requests }) => requests.length > 0,
  );

  it.each(sessions)(req("fourRunr.recordings", "$case"), async (line) => {
    const clock = new FakeClock({ now: Date.parse("2026-11-21T03:50:00Z") });
    const replies = line.requests
      .filter(({ path }) => path !== "/api/generate-token")
      .map(({ reply }): Reply => (reply.delay ? { hangs: true } : reply));
    const token = line.requests.find(({ path }) => path === "/api/generate-token")?.reply;
    const gateway = scripted(replies, () => token ?? {});
    const base = line.case.includes("slashes") ? "http://gateway.test//" : "http://gateway.test";
    const gw = new fourRunr.GatewayClient({
      baseUrl: base,
      agentId: "agent-1",
      clock,
      fetch: gateway.fetch,
      timeoutMs: 500,
      bridgeParams: false,
      checkParams: false,
      intentInParams: false,
    });
    const outcome = await outcomeOf(clock, repeat(gw, line));
    const seen = (list: readonly { method: string; path: string; body?: unknown }[]) =>
      list.map(({ method, path, body }) => {
        const { expires_at: _, ...members } = (body ?? {}) as Record<string, unknown>;
        return { method, path, members };
      });
    const requestsEqual =
      JSON.stringify(sorted(seen(gateway.asked))) === JSON.stringify(sorted(seen(line.requests)));
    const equal = requestsEqual && sameOutcome(outcome, line);
    const id = `fourRunr/sdk-${sdk}/${line.case}`;
    const differs = expectedDifference(id);
    if (!equal && differs === undefined) {
      expect({ requests: seen(gateway.asked), outcome: describeOutcome(outcome) }, id).toEqual({
        requests: seen(line.requests),
        outcome: line.error ?? line.result,
      });
    }
    expect(equal, `${id} is listed as a difference and is none`).toBe(differs === undefined);
  });

  it("no listed difference is stale", () => {
    expect(staleDifferences(`fourRunr/sdk-${sdk}/`)).toEqual([]);
  });
});

function sameOutcome(outcome: Outcome, line: SdkLine): boolean {
  if (line.error === undefined) {
    if (!("result" in outcome)) return false;
    const { result } = outcome;
    const given = result as Record<string, unknown> | null;
    if (given !== null && typeof given === "object" && "jobId" in given) {
      const { job_id, jobId, ...members } = line.result as Record<string, unknown>;
      const expected = Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));
      const { jobId: ours, ...rest } = given;
      return JSON.stringify(rest) === JSON.stringify(expected) && (job_id ?? jobId ?? ours) === ours;
    }
    return JSON.stringify(result) === JSON.stringify(line.result);
  }
  if (!("error" in outcome)) return false;
  const type = (fourRunr as unknown as Record<string, new () => Error>)[line.error.class];
  if (type === undefined || !(outcome.error instanceof type)) return false;
  const code = line.error.code ?? undefined;
  return code === undefined || outcome.error.code === code;
}

function describeOutcome(outcome: Outcome): unknown {
  if ("result" in outcome) return outcome.result;
  return { class: outcome.error.name, code: outcome.error.code };
}

/** The same data with the keys of objects in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}
