import { jsonSchema } from "agentwire";
import { natsAgent } from "agentwire/cap/nats";

const input = jsonSchema<{ prompt: string }>({
  type: "object",
  properties: { prompt: { type: "string" } },
  required: ["prompt"],
});

// Connects to NATS_URL and REDIS_URL.
const agent = natsAgent({
  workerId: "worker-1",
  pool: "summaries", // a pool that the scheduler knows; without one, it never chooses this worker
  retries: 2,
  concurrency: 4,
});

agent.job("job.summarize", { input }, async ({ prompt }, ctx) => {
  ctx.progress({ percent: 50, message: "reading" });
  if (prompt === "") ctx.fail("there is nothing to summarize", { code: "JOB_INVALID_INPUT" });
  return { summary: prompt.slice(0, 140) };
});

await agent.run(); // until SIGTERM, SIGINT or agent.close()
