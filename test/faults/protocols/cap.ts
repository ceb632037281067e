/** Durable jobs through a real nats-server that is killed, paused and reconfigured, with a store on a full disk. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { JobStatus } from "../../../gen/cap/index.js";
import { FileBlobStore } from "../../../src/cap/file/index.js";
import {
  Agent,
  JobCancelledError,
  JobTimeoutError,
  MemoryResultCache,
  openJobClient,
} from "../../../src/cap/index.js";
import { openJetStream } from "../../../src/cap/jetstream/index.js";
import { connectNats } from "../../../src/cap/nats/index.js";
import { startNats } from "../../peers/processes.ts";
import { fillDisk } from "../full-disk.ts";
import { dispatchDurably, observe, unsettled } from "../jetstream-run.ts";
import { TOPIC } from "../jetstream-settings.ts";
import { startProxy } from "../proxy.ts";
import { between, pick, type Random } from "../random.ts";
import { JumpingClock, type Protocol } from "../script.ts";
import { linkFaults } from "./http.ts";

/** What the workers are denied for a while. */
const DENIED = [
  'publish: { deny: ["sys.job.result"] }',
  'publish: { deny: ["$JS.API.CONSUMER.MSG.NEXT.>"] }',
  'publish: { deny: ["$JS.ACK.>"] }',
  'subscribe: { deny: ["sys.job.cancel", "worker.>"] }',
];

/** CAP over the nats-server at `path`. */
export const cap = (path: string): Protocol => ({
  name: "cap",
  async open(_, cleanups) {
    const folder = mkdtempSync(join(tmpdir(), "agentwire-script-"));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    const config = join(folder, "nats.conf");
    const configure = (workers = "") =>
      writeFileSync(
        config,
        `jetstream { store_dir: "${folder}/js" }
         authorization { users: [
           { user: own, password: p },
           { user: workers, password: p, permissions: { ${workers || 'publish: ">"'} } } ] }`,
      );
    configure();
    const args = ["-c", config];
    let server = await startNats(path, { args });
    const { port } = server;
    cleanups.push(() => server.stop("SIGKILL"));
    const [workerLink, clientLink] = [await startProxy(port), await startProxy(port)];
    cleanups.push(workerLink.stop, clientLink.stop);
    const clock = new JumpingClock();
    const connect = async (user: string, at = port) => {
      const bus = await connectNats({
        servers: `127.0.0.1:${at}`,
        env: {},
        user,
        password: "p",
        waitOnFirstConnect: true,
        reconnectWaitMs: 20,
        pingIntervalMs: 200,
        timeoutMs: 1_000,
        logger: false,
      });
      cleanups.push(() => bus.close());
      return { bus, durable: await openJetStream(bus, { ...STREAMS, createStreams: true }) };
    };
    const [scheduler, observer] = [await connect("own"), await connect("own")];
    const client = await connect("own", clientLink.port);
    const store = new FileBlobStore({ folder: join(folder, "store") });
    const finished = new MemoryResultCache();
    /** Jobs whose handler heeded a cancel. */
    const cancelled = new Set<string>();
    const worker = async (workerId: string, at: number, goodbyeMs: number) => {
      const agent = new Agent({
        workerId,
        pool: "faults",
        concurrency: 8,
        goodbyeMs,
        graceMs: 200,
        clock,
        store,
        dedupe: finished,
        bus: (await connect("workers", at)).bus,
        durable: (bus) => openJetStream(bus, { ...STREAMS, maxInFlight: 8 }),
        logger: false,
      });
      agent.job<{ n: number; ms: number }>(TOPIC, async ({ n, ms }, { jobId, signal }) => {
        await pause(ms);
        if (signal.aborted && signal.reason instanceof JobCancelledError) cancelled.add(jobId);
        signal.throwIfAborted();
        return { n, square: n * n };
      });
      await agent.start();
      return agent;
    };
    for (const [id, at] of [
      ["w-1", workerLink.port],
      ["w-2", port],
    ] as const) {
      const agent = await worker(id, at, 0);
      cleanups.push(() => agent.close());
    }
    await dispatchDurably(scheduler);
    const seen = await observe(observer, 30_000);
    const jobs = await openJobClient({ ...client, senderId: "c", store, clock, logger: false });
    cleanups.push(() => jobs.close());

    const confirmed = new Map<string, number>();
    const counts = { succeeded: 0, cancelled: 0, repeated: 0, restarts: 0 };
    const broken = { wrong: 0, failed: 0, timedOut: 0 };
    const restart = async (signal: NodeJS.Signals, random: Random) => {
      await server.stop(signal);
      await pause(between(random, 0, 200));
      server = await startNats(path, { args, port });
      counts.restarts++;
    };
    const reload = async (workers?: string) => {
      configure(workers);
      const reloads = () => server.output().split("Reloaded server configuration").length;
      const before = reloads();
      server.process.kill("SIGHUP");
      while (reloads() === before) await pause(5);
    };
    const prefixed = (name: string, link: typeof clientLink) =>
      Object.fromEntries(
        Object.entries(linkFaults(link)).map(([what, fault]) => [`${name}: ${what}`, fault]),
      );

    return {
      faults: {
        ...prefixed("worker", workerLink),
        ...prefixed("client", clientLink),
        "server is killed": (random) => restart("SIGKILL", random),
        "server restarts": (random) => restart("SIGTERM", random),
        "server is paused": async (random) => {
          server.process.kill("SIGSTOP");
          await pause(between(random, 100, 2_000));
          server.process.kill("SIGCONT");
        },
        "permission is withdrawn": async (random) => {
          await reload(pick(random, DENIED));
          await pause(between(random, 100, 1_000));
          await reload();
        },
        "disk is full": async (random) => {
          const makeRoom = fillDisk(folder);
          await pause(between(random, 1, 300));
          makeRoom();
        },
        "clock jumps": clock.jump,
      },
      async work(n, random) {
        const job = { jobId: `job-${n}`, topic: TOPIC, input: { n, ms: between(random, 0, 30) } };
        const cancelAfterMs = random() < 0.1 ? between(random, 0, 30) : undefined;
        for (;;) {
          try {
            const handle = await jobs.start<{ square: number }>(job, { timeoutMs: 120_000 });
            confirmed.set(job.jobId, n);
            if (cancelAfterMs !== undefined)
              void pause(cancelAfterMs).then(() => handle.cancel().catch(() => {}));
            const { output } = await handle.result;
            counts.succeeded++;
            if (output?.square !== n * n) broken.wrong++;
            return;
          } catch (error) {
            if (error instanceof JobTimeoutError) return void broken.timedOut++;
            if (error instanceof JobCancelledError) return void counts.cancelled++;
            if (confirmed.has(job.jobId)) return void broken.failed++;
            counts.repeated++; // it was not confirmed, so it is submitted again
            await pause(20);
          }
        }
      },
      async stop(n, random) {
        const own = await connect("own", clientLink.port);
        const agent = await worker(`stop-${n % 4}`, workerLink.port, 0);
        const one = await openJobClient({ ...own, senderId: `stop-${n}`, store, logger: false });
        const aborting = new AbortController();
        const calls = [0, 1, 2].map((i) =>
          one
            .submitAndWait(
              { jobId: `stop-${n}-${i}`, topic: TOPIC, input: { n, ms: between(random, 0, 10) } },
              i === 0 ? { signal: aborting.signal } : {},
            )
            .catch(() => {}),
        );
        await pause(between(random, 0, 15));
        if (random() < 0.5) aborting.abort();
        const ends = [() => one.close({ graceMs: between(random, 0, 20) }), () => agent.close()];
        if (random() < 0.5) ends.reverse();
        for (const end of ends) await end();
        for (const end of cleanups.splice(-2)) await end(); // the two connections
        return calls;
      },
      async verdict() {
        await seen.until(confirmed.size);
        const results = [...confirmed.keys()].map((jobId) => [jobId, seen.of(jobId).size] as const);
        const isAcked = (jobId: string) => seen.first(jobId)?.status === JobStatus.SUCCEEDED;
        return {
          broken: {
            ...broken,
            lost: results.filter(([, n]) => n === 0).length,
            answeredTwice: results.filter(([, n]) => n > 1).length,
            succeededAfterCancel: [...cancelled].filter(isAcked).length,
            stuck: await unsettled(scheduler.bus),
          },
          counts: { ...counts, confirmed: confirmed.size, results: seen.count() },
        };
      },
    };
  },
});

const STREAMS = { ackWaitMs: 2_000, timeoutMs: 1_000, logger: false } as const;
