import { GatewayAdmin, GatewayClient, GatewayPolicyError } from "agentwire/4runr";
import { Local4Runr } from "agentwire/testing";

await using gateway = await Local4Runr.start(); // or any gateway: GATEWAY_URL

// The operator creates an agent and says what it may do.
const admin = new GatewayAdmin({ baseUrl: gateway.url });
const { agentId } = await admin.createAgent({ name: "scraper-1", createdBy: "ops", role: "scraper" });
const quotas = [{ action: "serpapi:search", limit: 2, window: "24h" }];
await admin.createPolicy({ name: "search only", agentId, spec: { scopes: ["serpapi:search"], quotas } });

// The agent: the client requests, caches and renews tokens by itself.
await using gw = new GatewayClient({ baseUrl: gateway.url, agentId, defaultIntent: "lead_discovery" });
const { results = [] } = await gw.proxy("serpapi", "search", { q: "plumber montreal", num: 2 });
console.log(results.map(({ title }) => title));

// Would the policies allow a mail? Ask first, or make the call and look at the denial.
const verdict = await admin.wouldAllow({ agentId, tool: "gmail_send", action: "profile" });
console.log(verdict.allowed, verdict.allowed ? "" : verdict.kind);
try {
  await gw.proxy("gmail_send", "profile", {});
} catch (error) {
  if (!(error instanceof GatewayPolicyError)) throw error;
  const { denial } = await admin.explain(error.requestId!);
  console.log(error.reason, denial);
}
for (const { action, used, remaining } of await admin.quotas(agentId)) console.log(action, used, remaining);
