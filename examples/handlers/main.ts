import { GatewayClient } from "agentwire/4runr";
import { GoalGuard } from "agentwire/aureus/engine";
import { equip, localGate } from "agentwire/bridge";
import { Neuron } from "agentwire/neuron";
import { LocalBigBrain, memoryAgentPair } from "agentwire/testing";

const read = { action: "read", resource: "web", intent: "read", dataZone: "public" } as const;
const searching = { id: "search", name: "Search", riskTier: "low", requiredPermissions: [read] } as const;

// Tools through a 4Runr gateway, and decisions by GoalGuard. Both stop when the job or lease is cancelled.
const kit = equip({
  tools: new GatewayClient({ baseUrl: "mock://local", agentId: "scout" }),
  gate: localGate({
    guard: new GoalGuard(),
    principal: { id: "scout", type: "agent", permissions: [read] },
  }),
});

const scout = kit.defineHandler({
  input: {
    type: "object",
    properties: { query: { type: "string", minLength: 1 } },
    required: ["query"],
  },
  async run(input, ctx) {
    const { query } = input as { query: string };
    await ctx.gate.require({ ...searching, requiredPermissions: [...searching.requiredPermissions] });
    ctx.progress({ percent: 50, message: "searching" });
    const found = await ctx.tools.proxy("serpapi", "search", { query });
    const titles = (found.results ?? []).map(({ title }) => title);
    return { found: titles.length, first: titles[0] };
  },
});

// Served as a CAP job ...
await using cap = memoryAgentPair();
cap.agent.job("job.scout", scout);
await cap.start();
console.log("CAP:", (await cap.submit("job.scout", { query: "agents" })).output);

// ... and as a neuron lease, unchanged.
const brain = await LocalBigBrain.start();
const neuron = new Neuron({ gatewayUrl: brain.url, neuronId: "scout-1", auth: () => "token" });
neuron.handle({ type: "acme/scout", scope: "any", concurrency: 1 }, scout);
await neuron.start();
const task = await brain.submit({ capability: "acme/scout", input: { query: "agents" } });
console.log("neuron:", task.status === "completed" ? task.output : task);
await neuron.stop();
await brain.close();
