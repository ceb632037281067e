import { GatewayClient, GatewayPolicyError, GatewayRateLimitError } from "agentwire/4runr";
import { Local4Runr } from "agentwire/testing";

const gateway = await Local4Runr.start();
const { agentId } = await gateway.register({ role: "scraper", spec: { scopes: ["serpapi:search"] } });
const gw = new GatewayClient({ baseUrl: gateway.url, agentId, retry: { minDelayMs: 10 } });

const { results = [] } = await gw.proxy("serpapi", "search", { q: "openai canada", num: 2 });
console.log(results.map(({ title }) => title));

try {
  await gw.proxy("http_fetch", "get", { url: "https://example.com" });
} catch (error) {
  if (error instanceof GatewayPolicyError) console.log(error.kind, error.reason);
}

// The next two searches fail with 503. A search has no side effects, so the client retries it.
gateway.faults.add({ kind: "status", status: 503, tool: "serpapi", times: 2 });
gw.on("retry", ({ attempt }) => console.log("attempt", attempt, "failed"));
await gw.proxy("serpapi", "search", { q: "again" });

try {
  for (;;) await gw.proxy("serpapi", "search", { q: "and again" });
} catch (error) {
  if (error instanceof GatewayRateLimitError)
    console.log("limited for", Math.ceil(error.retryAfter! / 10) * 10, "s");
}

await gw.close();
await gateway.close();
