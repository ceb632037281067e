/** An agent that is held up, and the results of what cuts a job short. */
import { JobStatus } from "../../gen/cap/index.js";
import type { AgentContext, AgentOptions } from "../../src/cap/index.js";
import { bench, gate } from "./agent-bench.ts";

/** A result that says so. */
export const CANCELLED = { status: JobStatus.CANCELLED, errorCode: "CANCELLED", errorCodeEnum: 1001 };
export const TIMEOUT = { status: JobStatus.TIMEOUT, errorCode: "TIMEOUT", errorCodeEnum: 200 };

/** An agent whose handlers wait until the test lets them go on, or their signal fires. */
export async function waiting(options: Partial<AgentOptions> = {}) {
  const set = await bench(options);
  const begun: AgentContext[] = [];
  const ends = new Map<string, ReturnType<typeof gate<unknown>>>();
  set.agent.job("job.echo", (_, ctx: AgentContext) => {
    begun.push(ctx);
    const end = gate<unknown>();
    ends.set(ctx.jobId, end);
    ctx.signal.addEventListener("abort", () => end.fail(ctx.signal.reason));
    return end.opened;
  });
  await set.agent.start();
  const end = async (jobId: string, output: unknown = 1) => {
    ends.get(jobId)!.open(output);
    await set.clock.settle();
  };
  return { ...set, begun, end };
}
