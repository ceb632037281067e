/** What a load run does: jobs, leases, jobs of a queue group, and reconnects. */
import { Agent, MemoryBus, runWorker } from "../../src/cap/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
import { PacketLink } from "../../src/cap/packet/index.js";
import { memoryTransport, Neuron } from "../../src/neuron/index.js";
import { startProxy } from "../../test/faults/proxy.ts";
import { findPeer, natsServer } from "../../test/peers/ladder.ts";
import { startNats } from "../../test/peers/processes.ts";
import { BenchGateway } from "../neuron-gateway.ts";
import type { LoadRun } from "./child.ts";

/** Sends a piece of work; `onDone` is called with its number once it is done. */
export interface Work {
  send(number: number): void;
  close(): Promise<void>;
}

type OpenWork = (load: LoadRun, onDone: (number: number) => void) => Promise<Work>;

const numberOf = (id: string) => Number(id.slice(id.indexOf("-") + 1));

/** Jobs of an agent, over a bus and with a store in memory. */
const jobs: OpenWork = async (load, onDone) => {
  const memory = new MemoryBus();
  const input = new TextEncoder().encode(JSON.stringify({ prompt: "x".repeat(load.size) }));
  const store = { get: async () => input, set: async () => {}, close: async () => {} };
  const agent = new Agent({
    bus: memory.connect(),
    store,
    workerId: "w",
    pool: "p",
    concurrency: load.inFlight,
  });
  agent.job("job.echo", (value) => value);
  await agent.start();
  const client = new PacketLink({ bus: memory.connect(), senderId: "c" });
  await client.receive("sys.job.result", {
    onPacket: ({ payload }) => {
      if (payload.case === "jobResult") onDone(numberOf(payload.value.jobId));
    },
  });
  return {
    send(number) {
      const value = { jobId: `job-${number}`, topic: "job.echo", contextPtr: "redis://ctx:x" };
      void client.send("job.echo", { case: "jobRequest", value }, "t");
    },
    close: () => agent.close(),
  };
};

/** Leases of a neuron, over a transport in memory. */
const leases: OpenWork = async (load, onDone) => {
  const input = { prompt: "x".repeat(load.size) };
  const { transport, gateway } = memoryTransport((path, frame) => {
    gateway.posted.length = 0;
    if (path === "/neuron/ack" && "leaseId" in frame) onDone(numberOf(frame.leaseId));
  });
  const neuron = new Neuron({ neuronId: "n", transport });
  neuron.handle({ type: "load/echo", scope: "any", concurrency: load.inFlight }, (value) => value);
  await neuron.start();
  return {
    send(number) {
      const task = { taskId: `t-${number}`, workflowId: "w", capability: "load/echo", input, attempt: 0 };
      const expiresAt = new Date(Date.now() + 60_000).toISOString();
      const lease = { leaseId: `lease-${number}`, expiresAt, task };
      gateway.send({ type: "lease", sentAt: new Date().toISOString(), lease });
    },
    close: () => neuron.stop(),
  };
};

async function startedNats() {
  const path = await findPeer(natsServer);
  if (path === undefined) throw new Error(`no nats-server: ${natsServer.howTo}`);
  return startNats(path);
}

const HANDLER_MS = 20;
const SLOTS = 4;

/** Jobs that take 20 ms each, for `load.workers` workers of one queue group with 4 slots each, over a real server. */
const group: OpenWork = async (load, onDone) => {
  const server = await startedNats();
  const open = () => connectNats({ env: {}, servers: server.url });
  const buses = await Promise.all(Array.from({ length: load.workers ?? 1 }, open));
  const workers = await Promise.all(
    buses.map((bus) =>
      runWorker({
        bus,
        subject: "job.group",
        concurrency: SLOTS,
        handler: async ({ jobId }) => {
          await new Promise((resolve) => setTimeout(resolve, HANDLER_MS));
          return { resultPtr: `redis://res:${jobId}` };
        },
      }),
    ),
  );
  const bus = await open();
  const client = new PacketLink({ bus, senderId: "c" });
  await client.receive("sys.job.result", {
    onPacket: ({ payload }) => {
      if (payload.case === "jobResult") onDone(numberOf(payload.value.jobId));
    },
  });
  return {
    send(number) {
      const value = { jobId: `job-${number}`, topic: "job.group" };
      void client.send("job.group", { case: "jobRequest", value }, "t");
    },
    close: async () => {
      await Promise.all(workers.map((worker) => worker.close()));
      await Promise.all([bus, ...buses].map((one) => one.close()));
      await server.stop();
    },
  };
};

/** Connections to a real nats-server that are cut: done when a message arrives on the subscription again. */
const natsReconnects: OpenWork = async (_, onDone) => {
  const server = await startedNats();
  const proxy = await startProxy(server.port);
  const bus = await connectNats({ env: {}, servers: proxy.url, reconnectWaitMs: 1, maxReconnects: -1 });
  await bus.subscribe("load.reconnect", ({ data }) => onDone(Number(new TextDecoder().decode(data))));
  let next: number | undefined;
  bus.onStatus((status) => {
    if (status === "reconnecting") proxy.resume();
    if (status !== "connected" || next === undefined) return;
    bus.publish("load.reconnect", new TextEncoder().encode(String(next)));
    next = undefined;
  });
  return {
    send(number) {
      next = number;
      proxy.refuse();
    },
    close: async () => {
      await bus.close();
      await proxy.stop();
      await server.stop();
    },
  };
};

/** Event streams of a neuron over HTTP that are cut: done when the neuron has registered again. */
const neuronReconnects: OpenWork = async (_, onDone) => {
  const gateway = new BenchGateway();
  const neuron = new Neuron({
    gatewayUrl: await gateway.start(),
    neuronId: "n",
    auth: () => "token",
    initialReconnectDelayMs: 1,
    maxReconnectDelayMs: 1,
  });
  neuron.handle({ type: "load/echo", scope: "any" }, (value) => value);
  const registered = gateway.registered();
  await neuron.start();
  await registered;
  return {
    send(number) {
      void gateway.registered().then(() => onDone(number));
      gateway.drop();
    },
    close: async () => {
      await neuron.stop();
      await gateway.stop();
    },
  };
};

export const works = { jobs, leases, group, natsReconnects, neuronReconnects } satisfies Record<
  string,
  OpenWork
>;
