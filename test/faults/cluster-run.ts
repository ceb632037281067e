/** Three nodes of nats-server with JetStream, R=3, and subscriptions that look at them through every fault. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { durableName, requestMessageId } from "../../gen/cap/index.js";
import type { Bus, DurableBus } from "../../src/cap/index.js";
import { openJetStream } from "../../src/cap/jetstream/index.js";
import type { NatsOptions } from "../../src/cap/nats/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
import { requestOver } from "../../src/cap/request.js";
import { freePort, type Running, start } from "../peers/processes.ts";

const ACK_WAIT_MS = 8_000;

/** What happens to the cluster. */
export type ClusterFault =
  | "leader killed"
  | "nodes paused in turn"
  | "lame duck"
  | "rolling restart"
  | "all killed";

export const clusterFaults: readonly ClusterFault[] = [
  "leader killed",
  "nodes paused in turn",
  "lame duck",
  "rolling restart",
  "all killed",
];

/** What came out. */
export interface ClusterFigures {
  readonly confirmed: number;
  /** Confirmed, kept by the stream, and never delivered. */
  readonly lost: number;
  /** Confirmed, and not in the stream afterwards: the servers lost it. */
  readonly dropped: number;
  /** Kept and never delivered, at a place where the servers had kept and delivered another message before. */
  readonly displaced: number;
  /** Delivered again after the server had confirmed the acknowledgement. */
  readonly twice: number;
  readonly stuck: number;
  /** Between two deliveries of one subscription while messages were stored for it. */
  readonly silenceMs: number;
  /** The longest time in which the servers did not answer for one of the consumers. */
  readonly unansweredMs: number;
}

/** A running cluster. */
export interface Cluster {
  readonly urls: readonly string[];
  node(i: number): Running;
  restart(i: number, signal: NodeJS.Signals): Promise<void>;
  startNode(i: number): Promise<void>;
  indexOf(serverName: string): number;
  stop(): Promise<void>;
}

/** Starts three nodes; `config` is added to the configuration of each. */
export async function startCluster(path: string, config = ""): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), "agentwire-cluster-"));
  const ports = await Promise.all([0, 1, 2].map(() => freePort()));
  const routes = await Promise.all([0, 1, 2].map(() => freePort()));
  const nodes: Running[] = [];
  const startNode = async (i: number) => {
    const file = join(folder, `n${i}.conf`);
    const others = routes.map((port) => `nats-route://127.0.0.1:${port}`).join(", ");
    writeFileSync(
      file,
      `server_name: n${i}\nlisten: 127.0.0.1:${ports[i]}\nlame_duck_duration: "30s"\nlame_duck_grace_period: "1s"
jetstream { store_dir: "${join(folder, `n${i}`)}" }
cluster { name: c, listen: 127.0.0.1:${routes[i]}, routes: [${others}] }\n${config}\n`,
    );
    nodes[i] = start(path, ["-c", file]);
    await nodes[i]!.until("Server is ready");
  };
  await Promise.all([0, 1, 2].map(startNode));
  return {
    urls: ports.map((port) => `127.0.0.1:${port}`),
    node: (i) => nodes[i]!,
    startNode,
    restart: async (i, signal) => {
      await nodes[i]!.stop(signal);
      await startNode(i);
    },
    indexOf: (name) => Number(name.slice(1)),
    stop: async () => {
      for (const node of nodes) node.process.kill("SIGCONT");
      await Promise.all(nodes.map((node) => node.stop("SIGKILL")));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Publishes to several durable subscriptions while the fault happens. */
export async function runClusterFault(
  fault: ClusterFault,
  path: string,
  options: { readonly client?: NatsOptions; readonly config?: string; readonly perSubject: number },
): Promise<ClusterFigures> {
  const cluster = await startCluster(path, options.config);
  const buses: Bus[] = [];
  const connect = async () => {
    const bus = await connectNats({
      ...options.client,
      ...{ servers: cluster.urls, env: {}, reconnectWaitMs: 100, pingIntervalMs: 1_000, timeoutMs: 3_000 },
      ...{ logger: false, waitOnFirstConnect: true },
    });
    buses.push(bus);
    return bus;
  };
  try {
    const open = async (): Promise<{ bus: Bus; durable: DurableBus }> => {
      for (let attempt = 0; ; attempt++) {
        const bus = await connect();
        try {
          const streams = { createStreams: true, replicas: 3, ackWaitMs: ACK_WAIT_MS, timeoutMs: 2_000 };
          return { bus, durable: await openJetStream(bus, { ...streams, logger: false, againMs: 60_000 }) };
        } catch (error) {
          if (attempt === 20) throw error;
          await pause(500); // no meta leader yet
        }
      }
    };
    const [sender, ...readers] = [await open(), await open(), await open(), await open()];
    const subjects = readers.map((_, i) => `job.s${i}`);
    const delivered = new Set<string>();
    const idAtPlace = new Map<string, string>();
    const [acked, twice] = [new Set<string>(), new Set<string>()];
    const storedAt = new Map<string, number>();
    let silenceMs = 0;
    for (const [i, { durable }] of readers.entries()) {
      let heardAt = performance.now();
      await durable.subscribe(
        subjects[i]!,
        ({ data, delivery }) => {
          const id = new TextDecoder().decode(data);
          const now = performance.now();
          // What went to a connection that was dead comes again only after this wait.
          const dueAt = (storedAt.get(id) ?? now) + (delivery.attempt > 1 ? ACK_WAIT_MS : 0);
          silenceMs = Math.max(silenceMs, now - Math.max(heardAt, dueAt));
          heardAt = now;
          delivered.add(id);
          idAtPlace.set(delivery.messageId, id);
          if (acked.has(id)) twice.add(id);
          delivery.ack().then(
            () => acked.add(id),
            () => {},
          );
        },
        { queue: "q", maxInFlight: 16 },
      );
    }
    let faulted = false;
    let ended = false;
    let unansweredMs = 0;
    const watching = Promise.all(
      subjects.map(async (subject) => {
        const bus = await connect();
        for (let answeredAt = performance.now(); !ended; await pause(50)) {
          const info = await api(bus, `CONSUMER.INFO.CORDUM_JOBS.${durableName("q", subject)}`, 500).catch(
            () => ({}),
          );
          if (!("name" in info)) continue;
          unansweredMs = Math.max(unansweredMs, performance.now() - answeredAt);
          answeredAt = performance.now();
        }
      }),
    );
    const sending = Promise.all(
      subjects.map(async (subject) => {
        for (let n = 0; n < options.perSubject || !faulted; n++) {
          const id = `${subject}-${n}`;
          await sender!.durable
            .publish(subject, new TextEncoder().encode(id), { messageId: requestMessageId(id) })
            .then(() => storedAt.set(id, performance.now()));
          await pause(10);
        }
      }),
    );
    await pause(1_500);
    await happen(fault, cluster, sender!.bus);
    faulted = true;
    await sending;
    const end = performance.now() + 30_000;
    while (delivered.size < storedAt.size && performance.now() < end) await pause(20);
    const stuck = await unsettled(sender!.bus, subjects);
    ended = true;
    await watching;
    const missing = [...storedAt.keys()].filter((id) => !delivered.has(id));
    const places = missing.length > 0 ? await placesOf(sender!.bus, missing) : new Map<string, string>();
    const kept = missing.filter((id) => places.has(id));
    const displaced = kept.filter((id) => idAtPlace.has(places.get(id)!));
    return {
      confirmed: storedAt.size,
      lost: kept.length - displaced.length,
      dropped: missing.length - kept.length,
      displaced: displaced.length,
      twice: twice.size,
      stuck,
      silenceMs: Math.round(silenceMs),
      unansweredMs: Math.round(unansweredMs),
    };
  } finally {
    for (const bus of buses) await bus.close();
    await cluster.stop();
  }
}

/** Lets it happen. */
export async function happen(fault: ClusterFault, cluster: Cluster, bus: Bus): Promise<void> {
  switch (fault) {
    case "leader killed": {
      const leader = await leaderOf(bus, cluster);
      await cluster.node(leader).stop("SIGKILL");
      await pause(5_000);
      await cluster.startNode(leader);
      return pause(2_000);
    }
    case "nodes paused in turn":
      for (const i of [0, 1, 2]) {
        cluster.node(i).process.kill("SIGSTOP");
        await pause(6_000);
        cluster.node(i).process.kill("SIGCONT");
        await pause(2_000);
      }
      return;
    case "lame duck": {
      const leader = await leaderOf(bus, cluster);
      cluster.node(leader).process.kill("SIGUSR2");
      await pause(4_000);
      await cluster.restart(leader, "SIGKILL");
      return pause(1_000);
    }
    case "rolling restart":
      for (const i of [0, 1, 2]) {
        await cluster.restart(i, "SIGTERM");
        await pause(3_000);
      }
      return;
    case "all killed":
      await Promise.all([0, 1, 2].map((i) => cluster.node(i).stop("SIGKILL")));
      await pause(2_000);
      await Promise.all([0, 1, 2].map((i) => cluster.startNode(i)));
  }
}

async function api(bus: Bus, name: string, timeoutMs = 3_000) {
  const { data } = await requestOver(bus, `$JS.API.${name}`, new Uint8Array(), { timeoutMs });
  return JSON.parse(new TextDecoder().decode(data)) as Record<string, unknown> & {
    cluster?: { leader?: string };
  };
}

/** Asked again while the connection is lost, as it is whenever a JWT ends. */
async function leaderOf(bus: Bus, cluster: Cluster): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    try {
      const { cluster: info } = await api(bus, "STREAM.INFO.CORDUM_JOBS");
      return cluster.indexOf(info?.leader ?? "n0");
    } catch (error) {
      if (attempt === 50) throw error;
      await pause(100);
    }
  }
}

/** Where the stream keeps messages, read one by one. */
async function placesOf(bus: Bus, ids: readonly string[]): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  const { state } = await api(bus, "STREAM.INFO.CORDUM_JOBS");
  const last = Number((state as { last_seq: number }).last_seq);
  for (let seq = 1; seq <= last; seq++) {
    const body = new TextEncoder().encode(JSON.stringify({ seq }));
    const { data } = await requestOver(bus, "$JS.API.STREAM.MSG.GET.CORDUM_JOBS", body, { timeoutMs: 5_000 });
    const { message } = JSON.parse(new TextDecoder().decode(data)) as { message?: { data: string } };
    const id = Buffer.from(message?.data ?? "", "base64").toString();
    if (ids.includes(id)) places.set(id, `CORDUM_JOBS:${seq}`);
  }
  return places;
}

async function unsettled(bus: Bus, subjects: readonly string[]): Promise<number> {
  let left = Infinity;
  for (let attempt = 0; attempt < 60 && left > 0; attempt++) {
    try {
      left = 0;
      for (const subject of subjects) {
        const name = durableName("q", subject);
        const { num_pending, num_ack_pending } = await api(bus, `CONSUMER.INFO.CORDUM_JOBS.${name}`);
        left += Number(num_pending) + Number(num_ack_pending);
      }
    } catch {
      left = Infinity;
    }
    if (left > 0) await pause(250);
  }
  return left;
}
