/** The CAP side of the demo: scheduler, agent and client, each with a key; and a fourth peer that verifies every packet. */
import { SUBJECT_PROGRESS, SUBJECT_RESULT, SUBJECT_SUBMIT } from "../../../gen/cap/index.js";
import {
  Agent,
  type Bus,
  type BusMessage,
  generateKeyPair,
  InMemoryBlobStore,
  type JobClient,
  MemoryBus,
  openJobClient,
} from "../../cap/index.js";
import type { HandlerDefinition } from "../../handler/index.js";
import { LocalScheduler } from "../../testing/local-scheduler.js";
import { packetRecord } from "../inspector/packet-record.js";
import type { KeyFiles } from "../key-files.js";
import type { Closing } from "./http-sides.js";
import type { DemoTrace } from "./trace.js";

/** The topic that the handler is served as. */
export const TOPIC = "job.digest";

const CLIENT = "demo-client";
const SCHEDULER = "cordum-scheduler";
const WORKER = "demo-agent";
const DIRECT = `worker.${WORKER}.jobs`;
const POOL = "demo";

/** One packet that the fourth peer heard. */
export interface HeardPacket {
  readonly subject: string;
  readonly sender: string;
  readonly payload: string;
  readonly verified: boolean;
}

/** What the demo uses of CAP. */
export interface CapSide {
  readonly agent: Agent;
  readonly client: JobClient;
  readonly scheduler: LocalScheduler;
  /** What was heard so far. Resolves when all of it is verified. */
  heard(): Promise<readonly HeardPacket[]>;
  /** Sends the last dispatched job again with one letter changed; resolves when the agent has refused it. */
  forge(): Promise<void>;
}

/** Starts the CAP side in this process, or through a NATS server. */
export async function startCap(
  handler: HandlerDefinition,
  nats: string | undefined,
  trace: DemoTrace,
  closing: Closing,
): Promise<CapSide> {
  const memory = new MemoryBus();
  const connect = async (name: string): Promise<Bus> => {
    const bus = nats === undefined ? memory.connect() : await overNats(nats, name);
    closing(() => bus.close());
    return bus;
  };
  const keys = { client: generateKeyPair(), scheduler: generateKeyPair(), worker: generateKeyPair() };
  const publicKeys = new Map([
    [CLIENT, [keys.client.publicKeyPem]],
    [SCHEDULER, [keys.scheduler.publicKeyPem]],
    [WORKER, [keys.worker.publicKeyPem]],
  ]);
  const store = new InMemoryBlobStore();
  const watcher = await watch(await connect("demo-watcher"), publicKeys, trace);
  const scheduler = await LocalScheduler.start({
    bus: await connect(SCHEDULER),
    privateKey: keys.scheduler.privateKeyPem,
    publicKeys,
    pools: { topics: { [TOPIC]: POOL } },
  });
  closing(() => scheduler.close());
  const agent = new Agent({
    bus: await connect(WORKER),
    store,
    workerId: WORKER,
    pool: POOL,
    privateKey: keys.worker.privateKeyPem,
    logger: false, // what it refuses is part of the demo, which reports it itself
    publicKeys,
  });
  agent.job(TOPIC, handler);
  const present = new Promise((resolve) => agent.on("heartbeat", resolve));
  await agent.start();
  closing(() => agent.close());
  await present;
  const client = await openJobClient({
    bus: await connect(CLIENT),
    store,
    senderId: CLIENT,
    privateKey: keys.client.privateKeyPem,
    publicKeys,
  });
  closing(() => client.close());
  return {
    agent,
    client,
    scheduler,
    heard: watcher.heard,
    async forge() {
      const refused = new Promise((resolve) => agent.on("refused", resolve));
      await watcher.forge();
      await refused;
    },
  };
}

async function overNats(servers: string, name: string): Promise<Bus> {
  const { connectNats } = await import("../../cap/nats/index.js"); // not needed by the demo in this process
  return connectNats({ servers, name });
}

/** Listens to the subjects of jobs and verifies what it hears. */
async function watch(bus: Bus, keys: KeyFiles, trace: DemoTrace) {
  const packets: Promise<HeardPacket>[] = [];
  let dispatched: Uint8Array | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  const hear = ({ subject, data }: BusMessage): void => {
    const at = performance.now();
    const heard = verify(subject, data, keys);
    if (subject === DIRECT) dispatched = data.slice();
    packets.push(heard);
    turn = turn.then(async () => {
      const { sender, payload, verified } = await heard;
      const signature = verified ? "signature verified" : "signature REFUSED";
      const note = `${sender}, ${data.length} bytes, ${signature}`;
      trace.add("cap", `${subject}  ${payload}`, note, verified, at);
    });
  };
  for (const subject of [SUBJECT_SUBMIT, DIRECT, SUBJECT_PROGRESS, SUBJECT_RESULT])
    await bus.subscribe(subject, hear);
  return {
    async heard() {
      await turn;
      return Promise.all(packets);
    },
    async forge() {
      if (dispatched === undefined) throw new Error("no job was dispatched");
      const forged = dispatched.slice();
      const at = new TextDecoder("latin1").decode(forged).indexOf(TOPIC);
      forged[at] = forged[at]! ^ 1;
      await bus.publish(DIRECT, forged);
    },
  };
}

async function verify(subject: string, data: Uint8Array, keys: KeyFiles): Promise<HeardPacket> {
  const [{ from = "", kind = "none", sig }] = await packetRecord(subject, data, keys);
  return { subject, sender: from, payload: kind, verified: sig?.verdict === "verified" };
}
