/** Fetches a page and lets a model sum it up, both through the gateway. */
import { GatewayClient } from "agentwire/4runr";

export async function enrichData(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  const gw = new GatewayClient({
    baseUrl: env.GATEWAY_URL ?? "mock://localhost",
    agentId: env.AGENT_ID ?? "test-agent",
    agentPrivateKeyPem: env.AGENT_PRIVATE_KEY ?? "test-key",
  });
  try {
    // Each call gets a token for its tool; the client keeps and renews them.
    const content = await gw.proxy("http_fetch", "get", { url: "https://example.com" });
    const summary = await gw.proxy("openai", "chat", {
      messages: [{ role: "user", content: `Summarize this content: ${content.body ?? content.data}` }],
    });
    console.log(summary.output);
    return summary.output;
  } finally {
    await gw.close();
  }
}

if (process.argv[1] === import.meta.filename && !(await enrichData())) process.exitCode = 1;
