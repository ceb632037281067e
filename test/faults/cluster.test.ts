/**
 * Durable subscriptions on a cluster of three nodes with three replicas. Starting and electing takes long, so without
 * `AGENTWIRE_FAULTS=full` (`pnpm test:faults`) only the leader is killed.
 */
import { expect, it } from "vitest";
import { clients } from "../cap/nats/clients.ts";
import { describeWithPeers, natsReleases, natsServer } from "../peers/ladder.ts";
import { clusterFaults, runClusterFault } from "./cluster-run.ts";
import { makeOperator } from "./operator.ts";

const full = process.env.AGENTWIRE_FAULTS === "full";
if (!full)
  process.stderr.write("cluster faults: the leader is killed only; AGENTWIRE_FAULTS=full runs all\n");
const LONGEST_SILENCE_MS = 10_000;
const releases = full ? natsReleases : [natsServer];

for (const release of releases) {
  await describeWithPeers(`faults of a cluster, ${release.name}`, [release], ([path]) => {
    const judge = async (fault: (typeof clusterFaults)[number], options: object) => {
      const figures = await runClusterFault(fault, path!, { perSubject: full ? 334 : 150, ...options });
      if (full)
        process.stdout.write(`| ${release.name} | ${fault} | ${Object.values(figures).join(" | ")} |\n`);
      expect(figures).toMatchObject({ lost: 0, twice: 0, stuck: 0 });
      // 2.9 gives the place of a message in the stream to another one after some elections, and takes the
      // acknowledgement of the first for that of the second.
      if (!release.name.includes(" 2.9.")) expect(figures.displaced).toBe(0);
      // An election takes what it takes; then at most 2 s more.
      expect(figures.silenceMs).toBeLessThan(Math.max(LONGEST_SILENCE_MS, figures.unansweredMs + 2_000));
    };
    it.each(full ? clusterFaults : (["leader killed"] as const))("%s", (fault) => judge(fault, {}), 180_000);

    if (!full) return;
    it("leader killed, @nats-io 3", () => judge("leader killed", { client: clients[1]![1] }), 180_000);
    it("leader killed, operator mode with JWTs of 5 s", async () => {
      const operator = makeOperator();
      const client = { credentials: () => operator.credentials(5) };
      await judge("leader killed", { client, config: operator.config });
    }, 180_000);
  });
}
