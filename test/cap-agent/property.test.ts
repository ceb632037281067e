import fc from "fast-check";
import { expect, it } from "vitest";
import { JobStatus } from "../../gen/cap/index.js";
import { req } from "../requirements/index.ts";
import { bench, gate } from "./agent-bench.ts";
import { stream } from "./stream.ts";

const jobId = fc.integer({ min: 1, max: 5 }).map(String);
const step = fc.oneof(
  fc.record({ do: fc.constant("send" as const), jobId, deadlineMs: fc.constantFrom(0n, 0n, 50n, 500n) }),
  fc.record({ do: fc.constant("cancel" as const), jobId }),
  fc.record({ do: fc.constant("end" as const), jobId, how: fc.constantFrom("output", "throw", "junk") }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(10, 100, 1_000) }),
);
const run = fc.record({
  steps: fc.array(step, { maxLength: 25 }),
  concurrency: fc.integer({ min: 1, max: 3 }),
  retries: fc.integer({ min: 0, max: 1 }),
  heeds: fc.boolean(),
  durable: fc.boolean(),
});

it(
  req(
    "cap.agent.faults",
    "whatever comes in whatever order, every job is answered once or given back, and nothing is left",
  ),
  async () => {
    await fc.assert(
      fc.asyncProperty(run, async ({ steps, concurrency, retries, heeds, durable }) => {
        let told: string[] = [];
        const set = await bench({
          concurrency,
          retries,
          graceMs: 2_000,
          ...(durable
            ? {
                durable: (bus) => {
                  const made = stream(bus);
                  told = made.told;
                  return made.durable;
                },
              }
            : {}),
        });
        const { agent, clock, results } = set;
        const ends = new Map<string, ReturnType<typeof gate<unknown>>>();
        agent.job("job.echo", (_, ctx) => {
          const end = gate<unknown>();
          ends.set(ctx.jobId, end);
          if (heeds) ctx.signal.addEventListener("abort", () => end.fail(ctx.signal.reason));
          return end.opened;
        });
        await agent.start();
        for (const given of steps) {
          if (given.do === "send") {
            await set.send({ jobId: given.jobId, budget: { deadlineMs: given.deadlineMs } });
          } else if (given.do === "cancel") await set.cancel(given.jobId);
          else if (given.do === "wait") await clock.advance(given.ms);
          else if (given.how === "throw") ends.get(given.jobId)?.fail(new Error("no"));
          else ends.get(given.jobId)?.open(given.how === "junk" ? 1n : "output");
          await clock.settle();
          expect(agent.activeJobs).toBeLessThanOrEqual(concurrency);
        }
        await clock.until(agent.close());
        const { received, repeated, succeeded, failed, unpublished } = agent.stats;
        const settled = told
          .filter((line) => /^(ack|back|drop)/.test(line))
          .map((line) => line.split(" ")[1]);
        if (durable) expect(settled.sort()).toEqual([...new Set(settled)].sort());
        if (durable) expect(settled).toHaveLength(received);
        else expect(results()).toHaveLength(received - repeated);
        expect([succeeded + failed, unpublished, agent.inFlight]).toEqual([results().length, 0, 0]);
        for (const { status, errorCodeEnum, errorCode, errorMessage } of results()) {
          if (status === JobStatus.SUCCEEDED) continue;
          expect([JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMEOUT]).toContain(status);
          expect([errorCodeEnum === 0, errorCode, errorMessage]).not.toContain("");
          expect(errorCodeEnum).not.toBe(0);
        }
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 60, seed: 7 },
    );
  },
);
