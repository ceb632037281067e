/** One load run in a process of its own: its samples as JSON, one a line. Requires --expose-gc. */
import { Agent, MemoryBus } from "../../src/cap/index.js";
import { PacketLink } from "../../src/cap/packet/index.js";
import { memoryTransport, Neuron } from "../../src/neuron/index.js";

export interface LoadRun {
  readonly kind: "jobs" | "leases";
  readonly count: number;
  readonly inFlight: number;
  /** Characters of the input. */
  readonly size: number;
  readonly samples: number;
}

/** What a run says of itself from time to time. */
export interface Sample {
  readonly done: number;
  readonly seconds: number;
  /** After a full collection. */
  readonly heapBytes: number;
  readonly handles: number;
  /** Of the pieces of work since the last sample, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const load = JSON.parse(process.argv[2]!) as LoadRun;
const text = "x".repeat(load.size);

/** Sends a piece of work; `onAnswer` is called with its number once it was answered. */
interface Line {
  send(number: number): void;
  close(): Promise<void>;
}

async function jobs(onAnswer: (number: number) => void): Promise<Line> {
  const memory = new MemoryBus();
  const input = new TextEncoder().encode(JSON.stringify({ prompt: text }));
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
    onPacket: (packet) => {
      if (packet.payload.case === "jobResult") onAnswer(Number(packet.payload.value.jobId.slice(4)));
    },
  });
  return {
    send(number) {
      const value = { jobId: `job-${number}`, topic: "job.echo", contextPtr: "redis://ctx:x" };
      void client.send("job.echo", { case: "jobRequest", value }, "t");
    },
    close: () => agent.close(),
  };
}

async function leases(onAnswer: (number: number) => void): Promise<Line> {
  const { transport, gateway } = memoryTransport((path, frame) => {
    gateway.posted.length = 0;
    if (path === "/neuron/ack" && "leaseId" in frame) onAnswer(Number(frame.leaseId.slice(6)));
  });
  const neuron = new Neuron({ neuronId: "n", transport });
  neuron.handle({ type: "load/echo", scope: "any", concurrency: load.inFlight }, (input) => input);
  await neuron.start();
  return {
    send(number) {
      gateway.send({
        type: "lease",
        sentAt: new Date().toISOString(),
        lease: {
          leaseId: `lease-${number}`,
          expiresAt: new Date(Date.now() + 60_000).toISOString(),
          task: {
            taskId: `t-${number}`,
            workflowId: "w",
            capability: "load/echo",
            input: { prompt: text },
            attempt: 0,
          },
        },
      });
    },
    close: () => neuron.stop(),
  };
}

const sentAt = new Map<number, number>();
let waits: number[] = [];
let [sent, done, sampled] = [0, 0, 0];
const started = performance.now();
let finish = () => {};
const finished = new Promise<void>((resolve) => {
  finish = resolve;
});

function sample(): void {
  waits.sort((a, b) => a - b);
  globalThis.gc!();
  const one: Sample = {
    done,
    seconds: (performance.now() - started) / 1_000,
    heapBytes: process.memoryUsage().heapUsed,
    handles: process.getActiveResourcesInfo().length,
    p50: waits[waits.length >> 1] ?? 0,
    p99: waits[Math.floor(waits.length * 0.99)] ?? 0,
  };
  waits = [];
  console.log(JSON.stringify(one));
}

const line = await (load.kind === "jobs" ? jobs : leases)((number) => {
  const began = sentAt.get(number);
  if (began === undefined) throw new Error(`${number} was answered twice, or never sent`);
  sentAt.delete(number);
  waits.push(performance.now() - began);
  done++;
  if (done >= ((sampled + 1) * load.count) / load.samples) {
    sampled++;
    sample();
  }
  if (sent < load.count) setImmediate(send);
  else if (done === load.count) finish();
});

function send(): void {
  if (sent === load.count) return;
  const number = sent++;
  sentAt.set(number, performance.now());
  line.send(number);
}

for (let i = 0; i < Math.min(load.inFlight, load.count); i++) send();
await finished;
await line.close();
