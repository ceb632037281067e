/** Searches for leads through the gateway. GATEWAY_URL, AGENT_ID and AGENT_PRIVATE_KEY say which one. */
import { GatewayClient } from "agentwire/4runr";

export async function scrapeLeads(env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const gw = new GatewayClient({
    baseUrl: env.GATEWAY_URL ?? "mock://localhost", // a gateway in this process, without any socket
    agentId: env.AGENT_ID ?? "test-agent",
    agentPrivateKeyPem: env.AGENT_PRIVATE_KEY ?? "test-key",
    defaultIntent: "lead_discovery",
  });
  try {
    const token = await gw.getToken({ tools: ["serpapi"], permissions: ["read"], ttlMinutes: 15 });
    const found = await gw.proxy(
      "serpapi",
      "search",
      { q: 'site:linkedin.com "software engineer" "San Francisco"', engine: "google", num: 10 },
      token,
    );
    const leads = found.results ?? [];
    console.log(`Found ${leads.length} leads`);
    for (const { title, url } of leads.slice(0, 3)) console.log(`  ${title}\n    ${url}`);
    return leads.length;
  } finally {
    await gw.close();
  }
}

if (process.argv[1] === import.meta.filename && (await scrapeLeads()) === 0) process.exitCode = 1;
