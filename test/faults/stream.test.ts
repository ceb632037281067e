/**
 * A durable agent while its consumer, its stream or its server goes away. `AGENTWIRE_FAULTS=full` (`pnpm test:faults`)
 * runs every fault on every release of nats-server; otherwise the slow ones are left out.
 */
import { expect, it } from "vitest";
import { clients } from "../cap/nats/clients.ts";
import { describeWithPeers, natsReleases, natsServer } from "../peers/ladder.ts";
import { runStreamFault, type StreamFault, streamFaults } from "./stream-run.ts";

const full = process.env.AGENTWIRE_FAULTS === "full";
if (!full)
  process.stderr.write("stream faults: one release of nats-server only; AGENTWIRE_FAULTS=full runs all\n");
/** From the moment the server is fit again to the next result. */
const LONGEST_SILENCE_MS = 10_000;
const reported: readonly StreamFault[] = [
  "consumer deleted, busy",
  "consumer deleted, idle",
  "stream deleted, back after 1 s",
  "killed, memory streams",
];

for (const release of full ? natsReleases : [natsServer]) {
  await describeWithPeers(`faults of streams, ${release.name}`, [release], ([path]) => {
    it.each(clients.flatMap((client) => streamFaults.map((fault) => [fault, client] as const)))(
      "%s",
      async (fault, [name, client]) => {
        const jobs = full ? 300 : 120;
        const { errors, ...figures } = await runStreamFault(fault, path!, client, jobs);
        if (full) {
          process.stdout.write(
            `| ${release.name} | ${name} | ${fault} | ${Object.values(figures).join(" | ")} |\n`,
          );
        }
        expect(figures).toMatchObject({ kept: jobs, done: jobs, lost: 0, stuck: 0, runTwice: 0 });
        expect(figures.silenceMs).toBeLessThan(LONGEST_SILENCE_MS);
        const isReported = errors.some((error) => error.includes("is gone; creating it again"));
        expect(isReported).toBe(reported.includes(fault));
      },
      120_000,
    );
  });
}
