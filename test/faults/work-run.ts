/** Jobs that worker processes do, with durable agents, a store in Redis, and one fault in their middle. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { durableName, JobStatus } from "../../gen/cap/index.js";
import type { Bus, DurableBus, JobClient } from "../../src/cap/index.js";
import { JobTimeoutError, openJobClient } from "../../src/cap/index.js";
import { openJetStream } from "../../src/cap/jetstream/index.js";
import { connectNats, type NatsOptions } from "../../src/cap/nats/index.js";
import { RedisBlobStore } from "../../src/cap/redis/index.js";
import { requestOver } from "../../src/cap/request.js";
import { freePort, type Running, start, startNats } from "../peers/processes.ts";
import { type Cluster, type ClusterFault, happen, startCluster } from "./cluster-run.ts";
import { dispatchDurably, hasOutput, observe } from "./jetstream-run.ts";
import { ACK_WAIT_MS, RUNS_KEY, TOPIC } from "./jetstream-settings.ts";
import { startProxy } from "./proxy.ts";

/** What came out. */
export interface WorkFigures {
  /** Submissions that a stream confirmed. */
  readonly confirmed: number;
  readonly done: number;
  /** Results that are not SUCCEEDED. */
  readonly failed: number;
  /** Confirmed, and no result. */
  readonly lost: number;
  /** Messages the consumer of the workers still holds. */
  readonly stuck: number;
  /** Jobs with two results that differ, with an output that is wrong, or run although they ended by a deadline or a cancel. */
  readonly wrong: number;
  readonly runTwice: number;
  /** Waits of the client that did not end with its patience. */
  readonly told: number;
  /** The longest pause between two results, from the fault on. */
  readonly silenceMs: number;
}

/** What a fault can touch. */
interface Stage {
  readonly workers: Running[];
  readonly redis: { readonly admin: Redis; process: Running; restart(): Promise<void> };
  readonly jobs: JobClient;
  /** Replaces the configuration of the only server. */
  reload(permissions: string, password?: string): Promise<void>;
  startWorker(id: string): Promise<Running>;
  /** Resolves with so many results. */
  until(results: number): Promise<void>;
  cutClient(ms: number): Promise<void>;
  /** Submits the rest of the jobs now, and not only after the fault. */
  submitRest(options?: { readonly deadlineMs?: number }): Promise<void>;
}

const FREE = '{ publish: ">", subscribe: ">" }';
const DENIED = '{ publish: { allow: ">", deny: "$JS.API.>" }, subscribe: { allow: ">", deny: "_INBOX.>" } }';

/** Faults of everything but the stream. */
export const workFaults: Readonly<Record<string, (stage: Stage) => Promise<unknown>>> = {
  "Redis paused for 8 s": async ({ redis, submitRest }) => {
    redis.process.process.kill("SIGSTOP");
    const rest = submitRest();
    await pause(8_000);
    redis.process.process.kill("SIGCONT");
    await rest;
  },
  "Redis killed, back after 2 s": async ({ redis, submitRest }) => {
    await redis.process.stop("SIGKILL");
    const rest = submitRest();
    await pause(2_000);
    await redis.restart();
    await rest;
  },
  "Redis read-only for 3 s": async ({ redis, submitRest }) => {
    await redis.admin.call("REPLICAOF", "127.0.0.1", await freePort());
    const rest = submitRest();
    await pause(3_000);
    await redis.admin.call("REPLICAOF", "NO", "ONE");
    await rest;
  },
  "Redis slow, 5 times 1 s": async ({ redis, submitRest }) => {
    const rest = submitRest();
    for (let i = 0; i < 5; i++) {
      await redis.admin.call("CLIENT", "PAUSE", "1000");
      await pause(1_100);
    }
    await rest;
  },
  "a worker closed cleanly": async ({ workers, submitRest, until }) => {
    const rest = submitRest();
    await until(JOBS / 3 + 10);
    await workers[0]!.stop("SIGTERM");
    await rest;
  },
  "a worker killed for good": async ({ workers, submitRest, until }) => {
    const rest = submitRest();
    await until(JOBS / 3 + 10);
    await workers[0]!.stop("SIGKILL");
    await rest;
  },
  "all workers away past the deadline": async ({ workers, submitRest, startWorker }) => {
    await Promise.all(workers.map((worker) => worker.stop("SIGKILL")));
    await submitRest({ deadlineMs: 1_000 });
    await pause(1_500);
    await startWorker("w-1");
  },
  "all workers away past a cancel": async ({ workers, submitRest, startWorker, jobs }) => {
    await Promise.all(workers.map((worker) => worker.stop("SIGKILL")));
    await submitRest();
    for (let n = JOBS / 3; n < JOBS; n++) await jobs.cancel(`job-${n}`);
    await startWorker("w-1");
  },
  "the client away while results come": async ({ cutClient, submitRest }) => {
    await submitRest();
    await cutClient(3_000);
  },
  "permissions gone for a second": async ({ reload, submitRest }) => {
    const rest = submitRest();
    await reload(DENIED);
    await pause(1_000);
    await reload(FREE);
    await rest;
  },
  "refused logins for 2 s": async ({ reload, submitRest }) => {
    const rest = submitRest();
    await reload(FREE, "other");
    await pause(2_000);
    await reload(FREE);
    await rest;
  },
};

/** Jobs of one run on one server. */
export const JOBS = 300;

/** Runs one of {@link workFaults} on one server with two workers. */
export function runWorkFault(
  fault: string,
  paths: { readonly nats: string; readonly redis: string },
  client: readonly [name: string, options: NatsOptions],
): Promise<WorkFigures> {
  return cleaned(async (cleanups) => {
    const folder = temporary(cleanups);
    const file = join(folder, "nats.conf");
    const config = (permissions: string, password: string): void =>
      writeFileSync(
        file,
        `jetstream { store_dir: "${folder}/js" }\nauthorization { users: [
  { user: admin, password: p, permissions: ${FREE} }
  { user: w, password: ${password}, permissions: ${permissions} } ] }\n`,
      );
    config(FREE, "p");
    const server = await startNats(paths.nats, { args: ["-c", file] });
    cleanups.push(() => server.stop("SIGKILL"));
    const reload = async (permissions: string, password = "p") => {
      const before = server.output().split("Reloaded server configuration").length;
      config(permissions, password);
      server.process.kill("SIGHUP");
      while (server.output().split("Reloaded server configuration").length === before) await pause(10);
    };
    const urls = [`127.0.0.1:${server.port}`];
    return work(
      { urls, admin: "admin:p@", worker: "w:p@", workers: 2, jobs: JOBS, replicas: 1 },
      paths,
      client,
      cleanups,
      {
        reload,
        happen: workFaults[fault]!,
      },
    );
  });
}

/** Runs a fault of a cluster with so many workers. */
export function runClusterWork(
  fault: ClusterFault,
  workers: number,
  jobs: number,
  paths: { readonly nats: string; readonly redis: string },
  client: readonly [name: string, options: NatsOptions],
): Promise<WorkFigures> {
  return cleaned(async (cleanups) => {
    const cluster: Cluster = await startCluster(paths.nats);
    cleanups.push(() => cluster.stop());
    return work(
      { urls: cluster.urls, admin: "", worker: "", workers, jobs, replicas: 3 },
      paths,
      client,
      cleanups,
      {
        happen: async ({ submitRest }, bus) => {
          const rest = submitRest();
          await happen(fault, cluster, bus);
          await rest;
        },
      },
    );
  });
}

async function work(
  {
    urls,
    admin,
    worker,
    workers: count,
    jobs: total,
    replicas,
  }: {
    readonly urls: readonly string[];
    readonly admin: string;
    readonly worker: string;
    readonly workers: number;
    readonly jobs: number;
    readonly replicas: number;
  },
  paths: { readonly redis: string },
  client: readonly [name: string, options: NatsOptions],
  cleanups: (() => unknown)[],
  fault: {
    readonly reload?: Stage["reload"];
    readonly happen: (stage: Stage, bus: Bus) => Promise<unknown>;
  },
): Promise<WorkFigures> {
  const redis = await durableRedis(paths.redis, cleanups);
  const connect = async (servers: readonly string[]): Promise<{ bus: Bus; durable: DurableBus }> => {
    for (let attempt = 0; ; attempt++) {
      const bus = await connectNats({
        ...client[1],
        ...{ servers, env: {}, reconnectWaitMs: 50, pingIntervalMs: 1_000, timeoutMs: 3_000, logger: false },
        waitOnFirstConnect: true,
      });
      cleanups.push(() => bus.close());
      try {
        const streams = { createStreams: true, replicas, ackWaitMs: ACK_WAIT_MS, maxInFlight: 128 };
        const options = { ...streams, timeoutMs: 2_000, againMs: 60_000, logger: false } as const;
        return { bus, durable: await openJetStream(bus, options) };
      } catch (error) {
        if (attempt === 20) throw error;
        await pause(500); // no leader yet
      }
    }
  };
  const all = urls.map((url) => `nats://${admin}${url}`);
  const [scheduler, observer] = [await connect(all), await connect(all)];
  const proxy = await startProxy(Number(urls[0]!.split(":")[1]));
  cleanups.push(() => proxy.stop());
  const own = await connect(replicas > 1 ? all : [proxy.url.replace("nats://", `nats://${admin}`)]);

  const startWorker = async (id: string) => {
    const servers = urls.map((url) => `nats://${worker}${url}`).join(",");
    const script = join(import.meta.dirname, "jetstream-worker.ts");
    const running = start(process.execPath, ["--import", "tsx", script, servers, redis.url, id, client[0]]);
    cleanups.push(() => running.stop("SIGKILL"));
    await running.until("worker is ready");
    return running;
  };
  const workers = await Promise.all(Array.from({ length: count }, (_, i) => startWorker(`w-${i + 1}`)));
  await dispatchDurably(scheduler, false);
  const seen = await observe(observer, 30_000);
  const store = new RedisBlobStore({ url: redis.url, env: {}, logger: false });
  cleanups.push(() => store.close());
  const jobs = await openJobClient({
    ...{ bus: own.bus, senderId: "c", store, durable: own.durable, logger: false, maxWaiting: 2 * total },
  });
  cleanups.push(() => jobs.close());

  const confirmed = new Map<string, number>();
  let told = 0;
  const submit = async (n: number, deadlineMs?: number): Promise<void> => {
    const jobId = `job-${n}`;
    for (;;) {
      try {
        const handle = await jobs.start(
          { jobId, topic: TOPIC, input: { n }, deadlineMs },
          { timeoutMs: 120_000 },
        );
        confirmed.set(jobId, n);
        // The store may fail when the output is read: the end of the job is known nevertheless.
        handle.result.then(
          () => told++,
          (error: { readonly details?: { readonly result?: unknown } }) => {
            if (!(error instanceof JobTimeoutError) || error.details?.result !== undefined) told++;
          },
        );
        return;
      } catch {
        await pause(100); // the store or the stream did not take it: nothing is promised
      }
    }
  };
  const submitAll = async (from: number, to: number, deadlineMs?: number): Promise<void> => {
    let next = from;
    const one = async () => {
      while (next < to) await submit(next++, deadlineMs);
    };
    await Promise.all(Array.from({ length: 16 }, one));
  };
  const third = total / 3;
  await submitAll(0, third);
  await seen.until(third);
  seen.silenceMs();
  await fault.happen(
    {
      ...{ workers, redis, jobs, startWorker, until: seen.until },
      reload: fault.reload ?? (() => Promise.reject(new Error("a cluster cannot be reloaded here"))),
      submitRest: ({ deadlineMs } = {}) => submitAll(third, total, deadlineMs),
      cutClient: async (ms) => {
        proxy.refuse();
        await pause(ms);
        proxy.resume();
      },
    },
    scheduler.bus,
  );
  await seen.until(total);
  const silenceMs = Math.round(seen.silenceMs());
  for (let i = 0; i < 40 && told < total; i++) await pause(250);

  const runs = new Map<string, number>();
  for (const jobId of await redis.admin.lrange(RUNS_KEY, 0, -1)) runs.set(jobId, (runs.get(jobId) ?? 0) + 1);
  const [done, failed, wrong]: string[][] = [[], [], []];
  for (const [jobId, n] of confirmed) {
    const result = seen.first(jobId);
    if (result === undefined) continue;
    const isGood = result.status === JobStatus.SUCCEEDED;
    const isTooMuch = !isGood && runs.has(jobId);
    (isGood ? done : failed)!.push(jobId);
    if (isTooMuch || seen.of(jobId).size > 1 || (isGood && !(await hasOutput(store, result, n))))
      wrong!.push(jobId);
  }
  return {
    confirmed: confirmed.size,
    done: done!.length,
    failed: failed!.length,
    lost: [...confirmed.keys()].filter((jobId) => seen.first(jobId) === undefined).length,
    stuck: await unsettled(scheduler.bus, durableName(TOPIC, TOPIC)),
    wrong: wrong!.length,
    runTwice: [...runs.values()].filter((n) => n > 1).length,
    told,
    silenceMs,
  };
}

/** A Redis that keeps what it confirmed when it is killed. */
async function durableRedis(path: string, cleanups: (() => unknown)[]) {
  const folder = temporary(cleanups);
  const port = await freePort();
  const serve = async (): Promise<Running> => {
    const args = ["--bind", "127.0.0.1", "--port", String(port), "--dir", folder, "--save", ""];
    const running = start(path, [...args, "--appendonly", "yes", "--appendfsync", "always"]);
    await running.until(/ready to accept connections/i);
    return running;
  };
  const url = `redis://127.0.0.1:${port}/0`;
  const admin = new Redis(url, { maxRetriesPerRequest: 2 });
  admin.on("error", () => {});
  const redis = { url, admin, process: await serve(), restart: () => Promise.resolve() };
  redis.restart = async () => {
    redis.process = await serve();
  };
  cleanups.push(
    () => redis.process.stop("SIGKILL"),
    () => admin.disconnect(),
  );
  return redis;
}

/** Messages not delivered or not acknowledged; an acknowledgement may be under way. */
async function unsettled(bus: Bus, name: string): Promise<number> {
  let left = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 60 && left > 0; attempt++) {
    try {
      const subject = `$JS.API.CONSUMER.INFO.CORDUM_JOBS.${name}`;
      const { data } = await requestOver(bus, subject, new Uint8Array(), { timeoutMs: 3_000 });
      const info = JSON.parse(new TextDecoder().decode(data)) as Record<string, number>;
      left = (info.num_pending ?? 0) + (info.num_ack_pending ?? 0);
    } catch {}
    if (left > 0) await pause(250);
  }
  return left;
}

function temporary(cleanups: (() => unknown)[]): string {
  const folder = mkdtempSync(join(tmpdir(), "agentwire-work-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function cleaned<T>(run: (cleanups: (() => unknown)[]) => Promise<T>): Promise<T> {
  const cleanups: (() => unknown)[] = [];
  try {
    return await run(cleanups);
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}
