import { GatewayClient } from "agentwire/4runr";
import { memoryAgentPair } from "agentwire/testing";

const tools = new GatewayClient({ baseUrl: "mock://local", agentId: "scout" });
const cap = memoryAgentPair(); // an agent, a scheduler and a client over a bus in memory

cap.agent.job("job.search", {}, async (query, ctx) => {
  const { results = [] } = await tools.proxy(
    "serpapi",
    "search",
    { query: `${query}` },
    { signal: ctx.signal },
  );
  return { found: results.length, first: results[0]?.title };
});

await cap.start();
console.log((await cap.submit("job.search", "agents")).output);
await cap.close();
