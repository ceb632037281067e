/** Agent, client and scheduler over both NATS clients, with JetStream and without. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { DecisionType, JobStatus } from "../../gen/cap/index.js";
import {
  Agent,
  InMemoryBlobStore,
  JobCancelledError,
  JobFailedError,
  MemoryResultCache,
  NoPoolError,
  openJobClient,
  SafetyDeniedError,
} from "../../src/cap/index.js";
import { openJetStream } from "../../src/cap/jetstream/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";
import { clients } from "../cap/nats/clients.ts";
import { failure, turn } from "../cap-client/stack.ts";
import { describeWithPeers, natsServer } from "../peers/ladder.ts";
import { startNats } from "../peers/processes.ts";
import { req } from "../requirements/index.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
const modes = clients.flatMap(([name, options]) => [
  { mode: `${name}, JetStream on`, options, on: true },
  { mode: `${name}, JetStream off`, options, on: false },
]);

await describeWithPeers("agent and client", [natsServer], ([path]) => {
  it.each(modes)(req("cap.client.everywhere", "$mode"), async ({ options, on }) => {
    const folder = mkdtempSync(join(tmpdir(), "agentwire-matrix-"));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    const server = await startNats(path!, { args: on ? ["-js", "-sd", folder] : [] });
    cleanups.push(() => server.stop("SIGKILL"));
    const connect = async () => {
      const bus = await connectNats({ ...options, env: {}, servers: server.url });
      cleanups.push(() => bus.close());
      return bus;
    };
    const scheduler = await LocalScheduler.start({
      bus: await connect(),
      pools: { topics: { "job.square": "p", "job.secret": "p" }, pools: { p: {} } },
      safety: ({ topic }) => ({
        decision: topic === "job.secret" ? DecisionType.DENY : DecisionType.ALLOW,
      }),
    });
    const store = new InMemoryBlobStore();
    const client = await openJobClient({
      bus: await connect(),
      senderId: "c",
      store,
      ...(on ? { durable: await openJetStream(await connect(), { createStreams: true }) } : {}),
    });
    let aborted = 0;
    const agent = new Agent({
      workerId: "w",
      pool: "p",
      bus: await connect(),
      store,
      concurrency: 8,
      dedupe: new MemoryResultCache(),
      ...(on ? { durable: (bus) => openJetStream(bus) } : {}),
    });
    agent.job("job.secret", () => ({}));
    agent.job<{ n: number }>("job.square", async ({ n }, { progress, signal }) => {
      progress({ percent: 50 });
      if (n < 0) throw new Error("negative");
      if (n > 1000) {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        aborted++;
      }
      return { square: n * n };
    });
    await agent.start();
    cleanups.push(
      () => scheduler.close(),
      () => agent.close(),
      () => client.close(),
    );
    while (scheduler.workers().size === 0) await turn();

    const square = (n: number) => ({ topic: "job.square", input: { n } });
    const items = await client.submitMany<{ square: number }>([1, 2, 3, -1].map(square), { concurrency: 2 });
    expect(items.map((item) => item.status === "fulfilled" && item.value.output.square)).toEqual([
      1,
      4,
      9,
      false,
    ]);
    expect(items[3]).toMatchObject({ status: "rejected", reason: expect.any(JobFailedError) });
    const job = await client.start(square(2000));
    expect(job.stored?.stream).toBe(on ? "CORDUM_SYS" : undefined);
    const [first] = [await job.progress().next()];
    expect(first.value).toMatchObject({ percent: 50, status: JobStatus.RUNNING });
    await job.cancel();
    expect(await failure(job.result)).toBeInstanceOf(JobCancelledError);
    expect(aborted).toBe(1);
    expect(await failure(client.submitAndWait({ topic: "job.secret", input: 1 }))).toBeInstanceOf(
      SafetyDeniedError,
    );
    expect(await failure(client.submitAndWait({ topic: "job.nowhere", input: 1 }))).toBeInstanceOf(
      NoPoolError,
    );
    expect(agent.stats).toMatchObject({ succeeded: 3, failed: 2, repeated: 0, unpublished: 0 });
  });
});
