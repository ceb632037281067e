/**
 * Durable agents in processes of their own while Redis, a worker, the client or a permission goes away, and on a cluster.
 * `AGENTWIRE_FAULTS=full` (`pnpm test:faults`) runs every fault; otherwise two of them on one server.
 */
import { expect, it } from "vitest";
import { clients } from "../cap/nats/clients.ts";
import { describeWithPeers, natsReleases, natsServer, redisServer } from "../peers/ladder.ts";
import { clusterFaults } from "./cluster-run.ts";
import { full } from "./sizes.ts";
import { JOBS, runClusterWork, runWorkFault, type WorkFigures, workFaults } from "./work-run.ts";

/** Their jobs end without the handler, as they have to. */
const ENDED: readonly string[] = ["all workers away past the deadline", "all workers away past a cancel"];
const SHORT: readonly string[] = ["a worker killed for good", "all workers away past a cancel"];
const MINUTES = 60_000;

const print = (...cells: readonly unknown[]): void => {
  if (full) process.stdout.write(`| ${cells.join(" | ")} |\n`);
};
const whole = (figures: WorkFigures, jobs: number): void =>
  expect(figures).toMatchObject({ confirmed: jobs, lost: 0, stuck: 0, wrong: 0, told: jobs });

const releases = full ? natsReleases.filter(({ name }) => /2\.(9|12)\./.test(name)) : [natsServer];
for (const release of releases) {
  await describeWithPeers(`work, ${release.name}`, [release, redisServer], ([nats, redis]) => {
    const paths = { nats: nats!, redis: redis! };
    it.each(full ? Object.keys(workFaults) : SHORT)(
      "%s",
      async (fault) => {
        const figures = await runWorkFault(fault, paths, clients[0]!);
        print(release.name, fault, ...Object.values(figures));
        whole(figures, JOBS);
        const ended = ENDED.includes(fault) ? (2 * JOBS) / 3 : 0;
        expect(figures).toMatchObject({ done: JOBS - ended, failed: ended });
      },
      3 * MINUTES,
    );

    if (!full) return;
    it.each([2, 4, 8].flatMap((workers) => clusterFaults.map((fault) => [workers, fault] as const)))(
      "a cluster, %d workers, %s",
      async (workers, fault) => {
        const figures = await runClusterWork(fault, workers, 999, paths, clients[0]!);
        print(release.name, `cluster, ${workers} workers, ${fault}`, ...Object.values(figures));
        whole(figures, 999);
        expect(figures).toMatchObject({ done: 999, failed: 0 });
      },
      5 * MINUTES,
    );
  });
}
