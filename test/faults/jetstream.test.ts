/** Nothing is lost in JetStream mode. `AGENTWIRE_FAULTS=full` (`pnpm test:faults`) makes it the whole run. */
import { describe, expect, it } from "vitest";
import { clients } from "../cap/nats/clients.ts";
import { describeWithPeers, natsServer, redisServer } from "../peers/ladder.ts";
import { req } from "../requirements/index.ts";
import { runFaults } from "./jetstream-run.ts";
import { full, sizes } from "./sizes.ts";

const { jobs, restarts, kills } = sizes.jetStream;

await describeWithPeers("faults of JetStream", [natsServer, redisServer], ([natsPath, redisPath]) => {
  describe.each(clients)("with %s", (...client) => {
    it(req(
      "cap.jetstream.nothing-lost",
      `${jobs} jobs, ${restarts} restarts of the server, ${kills} kills`,
    ), async () => {
      const figures = await runFaults({
        jobs,
        restarts,
        kills,
        client,
        natsPath: natsPath!,
        redisPath: redisPath!,
        patienceMs: 30_000,
      });
      if (full) process.stdout.write(`${client[0]}: ${JSON.stringify(figures)}\n`);
      expect(figures).toMatchObject({ confirmed: jobs, restarts, kills, lost: 0, stuck: 0, wrong: 0 });
      expect(figures.handlerRuns).toBeGreaterThanOrEqual(jobs);
      expect(figures.results).toBeGreaterThan(0);
    }, 600_000);
  });
});
