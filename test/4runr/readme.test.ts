/** Every block of code in the README of runrgateway 1.0.0, in TypeScript, against Local4Runr. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  GatewayAuthError,
  GatewayClient,
  GatewayPolicyError,
  GatewayRateLimitError,
  GatewayUpstreamError,
  generateIdempotencyKey,
} from "../../src/4runr/index.js";
import { Local4Runr } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";
import { failure } from "./scripted.ts";

let gateway: Local4Runr;
beforeEach(async () => {
  gateway = await Local4Runr.start();
  for (const [name, value] of Object.entries((await gateway.register()).env)) vi.stubEnv(name, value);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await gateway.close();
});

const fromEnvironment = () =>
  new GatewayClient({
    baseUrl: process.env.GATEWAY_URL!,
    agentId: process.env.AGENT_ID!,
    agentPrivateKeyPem: process.env.AGENT_PRIVATE_KEY!,
    defaultIntent: "lead_discovery",
  });

describe("the README", () => {
  it(req("fourRunr.readme", "quickstart"), async () => {
    const gw = fromEnvironment();
    // Get a token for SerpAPI access
    const token = await gw.getToken({ tools: ["serpapi"], permissions: ["read"], ttlMinutes: 15 });
    // Search for leads
    const results = await gw.proxy(
      "serpapi",
      "search",
      { q: "site:linkedin.com Montreal plumber", engine: "google" },
      token,
    );
    expect(results.query).toBe("site:linkedin.com Montreal plumber");
    expect(results.results).toHaveLength(10);
  });

  it(req("fourRunr.readme", "constructor: url, agent and key are enough"), async () => {
    const { GATEWAY_URL: baseUrl, AGENT_ID: agentId, AGENT_PRIVATE_KEY: agentPrivateKeyPem } = process.env;
    const gw = new GatewayClient({ baseUrl, agentId, agentPrivateKeyPem, timeoutMs: 6000 });
    expect(await gw.proxy("gmail_send", "profile", {})).toEqual({
      email: "mock@example.com",
      name: "Mock User",
      status: "active",
    });
  });

  it(req("fourRunr.readme", "set_intent and get_token"), async () => {
    const gw = fromEnvironment();
    gw.setIntent("outreach");
    const token = await gw.getToken({
      tools: ["serpapi", "http_fetch"],
      permissions: ["read", "write"],
      ttlMinutes: 15,
    });
    expect(typeof token).toBe("string");
  });

  it(req("fourRunr.readme", "proxy with the client's own token and with one at hand"), async () => {
    const gw = fromEnvironment();
    // Auto-fetch token
    const results = await gw.proxy("serpapi", "search", { q: "openai canada", engine: "google" });
    // Use existing token
    const token = await gw.getToken({ tools: ["serpapi"] });
    const again = await gw.proxy("serpapi", "search", { q: "openai canada", engine: "google" }, token);
    expect(again.results).toEqual(results.results);
  });

  it(req("fourRunr.readme", "proxy_async and get_job"), async () => {
    const gw = fromEnvironment();
    const { jobId } = await gw.proxyAsync("gmail_send", "send", {
      to: "user@example.com",
      subject: "Test email",
      body: "Hello world!",
    });
    const job = await gw.getJob(jobId);
    expect(job.status).toBe("done"); // 'queued' | 'running' | 'done' | 'failed'
    expect(job.result).toMatchObject({ to: "user@example.com", body_len: 12 });
  });

  it(req("fourRunr.readme", "error handling"), async () => {
    const printed: string[] = [];
    const call = async (gw: GatewayClient) => {
      try {
        await gw.proxy("serpapi", "search", { q: "test" });
        printed.push("fine");
      } catch (error) {
        if (error instanceof GatewayAuthError) printed.push("Authentication failed");
        else if (error instanceof GatewayPolicyError) printed.push("Policy violation");
        else if (error instanceof GatewayRateLimitError) {
          printed.push(`Rate limited, retry after ${error.retryAfter} seconds`);
        } else if (error instanceof GatewayUpstreamError) printed.push("Upstream service error");
      }
    };
    for (let i = 0; i < 6; i++) await call(fromEnvironment());
    expect(printed.slice(0, 5)).toEqual(Array(5).fill("fine"));
    expect(printed[5]).toMatch(/^Rate limited, retry after (60|59) seconds$/);
    const denied = await gateway.register({ spec: { scopes: ["http_fetch:get"] } });
    await call(new GatewayClient({ agentId: denied.agentId }));
    gateway.faults.add({ kind: "status", status: 401, on: "proxyRequest" });
    await call(new GatewayClient({ agentId: denied.agentId }));
    gateway.faults.add({ kind: "status", status: 503, on: "proxyRequest" });
    await call(new GatewayClient({ agentId: denied.agentId, retry: false }));
    expect(printed.slice(6)).toEqual(["Policy violation", "Authentication failed", "Upstream service error"]);
  });

  it(req("fourRunr.readme", "idempotency"), async () => {
    const idempotency_key = generateIdempotencyKey();
    const gw = fromEnvironment();
    const mail = { to: "prospect@company.com", subject: "Partnership opportunity", body: "Hi there" };
    const first = await gw.proxy("gmail_send", "send", { ...mail, idempotency_key });
    expect(await gw.proxy("gmail_send", "send", { ...mail, idempotency_key })).toEqual(first);
  });

  it(req("fourRunr.readme", "lead scraper, data enricher, email engager"), async () => {
    const gw = fromEnvironment();
    const leads = await gw.proxy("serpapi", "search", {
      q: 'site:linkedin.com "software engineer" "San Francisco"',
      engine: "google",
      num: 10,
    });
    expect(`Found ${leads.results!.length} leads`).toBe("Found 10 leads");
    const content = await gw.proxy("http_fetch", "get", { url: "https://example.com" });
    const summary = await gw.proxy("openai", "chat", {
      messages: [{ role: "user", content: `Summarize this content: ${JSON.stringify(content)}` }],
    });
    expect(summary.output).toMatch(/^SUMMARY: Summarize this content: \{"url":"https:\/\/example.com"/);
    await gw.proxy("gmail_send", "send", {
      to: "prospect@company.com",
      subject: "Partnership opportunity",
      body: "Hi there, I think we could work together...",
      idempotency_key: generateIdempotencyKey(),
    });
  });

  it(req("fourRunr.readme", "async context manager"), async () => {
    let used: GatewayClient;
    {
      await using gw = fromEnvironment();
      used = gw;
      expect((await gw.proxy("serpapi", "search", { q: "test" })).query).toBe("test");
    }
    expect((await failure(used.proxy("serpapi", "search", { q: "test" }))).name).toBe("ClosedError");
  });
});

describe("mock mode", () => {
  const mock = () =>
    new GatewayClient({
      baseUrl: "mock://localhost",
      agentId: "test-agent",
      agentPrivateKeyPem: "test-key",
      fetch: () => {
        throw new Error("a socket");
      },
    });

  it(req("fourRunr.mock", "is the same in every run, without a socket"), async () => {
    const run = async () => {
      const gw = mock();
      const mail = { to: "user@example.com", subject: "s", body: "b" };
      const token = await gw.getToken({ tools: ["serpapi"] });
      const { jobId } = await gw.proxyAsync("openai", "complete", { prompt: "p" });
      return [
        token,
        await gw.proxy("serpapi", "search", { q: "a", num: 2 }, token),
        await gw.proxy("http_fetch", "head", { url: "https://example.com" }),
        await gw.proxy("gmail_send", "send", mail),
        await gw.proxy("gmail_send", "send", mail),
        await gw.getJob(jobId),
        (await failure(gw.proxy("nope", "x", {}))).message,
        (await failure(gw.getJob("nope"))).name,
      ];
    };
    const [first, second] = [await run(), await run()];
    expect(first).toEqual(second);
    expect(first.slice(3)).toEqual([
      { id: "mock_1", to: "user@example.com", status: "queued", subject_len: 1, body_len: 1 },
      { id: "mock_2", to: "user@example.com", status: "queued", subject_len: 1, body_len: 1 },
      {
        jobId: "mock-job-1",
        status: "done",
        result: { model: "gpt-4o-mini", output: "COMPLETION: p...", tokens_est: 1 },
      },
      "Parameter validation failed: No validator found for nope:x",
      "GatewayUnsupportedError",
    ]);
  });

  it("answers as the gateway in mock mode does", async () => {
    const real = fromEnvironment();
    const calls = [
      ["http_fetch", "get", { url: "https://example.com" }],
      ["openai", "chat", { messages: [{ role: "user", content: "hi" }] }],
      ["gmail_send", "profile", {}],
    ] as const;
    for (const [tool, action, params] of calls) {
      expect(await mock().proxy(tool as string, action, params)).toEqual(
        await real.proxy(tool as string, action, params),
      );
    }
  });
});
