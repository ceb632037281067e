/**
 * `agentwire demo`: one signed job from submit to verified result, over the real packet layer; in this process
 * or through a NATS server. A fourth party listens to the bus and verifies every packet for itself.
 */
import { readFile } from "node:fs/promises";
import { JobStatus, SUBJECT_RESULT, SUBJECT_SUBMIT } from "../../gen/cap/index.js";
import type { Bus, PublicKeys } from "../cap/index.js";
import {
  defaultCrypto,
  generateKeyPair,
  InMemoryBlobStore,
  KeyRing,
  keyFromPointer,
  MemoryBus,
  openJobClient,
  openPacket,
  pointerFor,
  runWorker,
} from "../cap/index.js";
import { linkSignals, raceSignal } from "../core/abort.js";
import { LocalScheduler } from "../testing/local-scheduler.js";
import type { TextSummary } from "./summarize.js";
import { summarize } from "./summarize.js";

/** Options of {@link runDemo}. */
export interface DemoOptions {
  /** The text to summarise. */
  readonly file: string;
  /** Server to run it through. Default: none, the bus is in this process. */
  readonly nats?: string | undefined;
  /** Default: 10000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** One packet as it was seen on the bus. */
export interface DemoHop {
  readonly subject: string;
  readonly sender: string;
  readonly payload: string;
  readonly bytes: number;
  readonly signatureBytes: number;
  /** Since the job was submitted. */
  readonly atMs: number;
  readonly verified: boolean;
}

/** What the demo found. */
export interface DemoReport {
  readonly crypto: string;
  readonly file: string;
  readonly jobId: string;
  readonly hops: readonly DemoHop[];
  readonly summary: TextSummary;
  readonly totalMs: number;
  readonly checks: readonly { readonly name: string; readonly held: boolean }[];
}

const TOPIC = "job.summarize";
const CLIENT = "demo-client";
const SCHEDULER = "cordum-scheduler";
const WORKER = "demo-worker";
const JOB_PREFIX = "job-";

/** Runs the demo once and checks every step of it. */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const text = await readFile(options.file, "utf8");
  const memory = new MemoryBus();
  const buses: Bus[] = [];
  const connect = async (name: string): Promise<Bus> => {
    const bus = options.nats === undefined ? memory.connect() : await overNats(options.nats, name);
    buses.push(bus);
    return bus;
  };
  const store = new InMemoryBlobStore();
  const keys = { client: generateKeyPair(), scheduler: generateKeyPair(), worker: generateKeyPair() };
  const publicKeys: PublicKeys = {
    [CLIENT]: keys.client.publicKeyPem,
    [SCHEDULER]: keys.scheduler.publicKeyPem,
    [WORKER]: keys.worker.publicKeyPem,
  };

  const { signal } = options;
  const link = linkSignals([signal], { timeoutMs: options.timeoutMs ?? 10_000, what: "the demo" });
  const stop: (() => Promise<void>)[] = [() => store.close()];
  try {
    return await raceSignal(play(), link.signal);
  } finally {
    link.dispose();
    for (const end of stop.reverse()) await end();
    for (const bus of buses) await bus.close();
  }

  async function play(): Promise<DemoReport> {
    const scheduler = new LocalScheduler({
      bus: await connect(SCHEDULER),
      publicKeys,
      privateKey: keys.scheduler.privateKeyPem,
    });
    const worker = await runWorker({
      bus: await connect(WORKER),
      subject: TOPIC,
      senderId: WORKER,
      publicKeys,
      privateKey: keys.worker.privateKeyPem,
      handler: async (request) => {
        const input = await store.get(keyFromPointer(request.contextPtr));
        const { text } = JSON.parse(new TextDecoder().decode(input)) as { text: string };
        const output = new TextEncoder().encode(JSON.stringify(summarize(text)));
        await store.set(`res:${request.jobId}`, output);
        return { resultPtr: pointerFor(`res:${request.jobId}`) };
      },
    });
    stop.push(() => worker.close());
    await scheduler.start();
    stop.push(() => scheduler.close());
    const watcher = await connect("demo-watcher");
    const wire = await listen(watcher, publicKeys);
    const client = await openJobClient({
      bus: await connect(CLIENT),
      senderId: CLIENT,
      privateKey: keys.client.privateKeyPem,
      publicKeys,
    });
    stop.push(() => client.close());

    const jobId = `${JOB_PREFIX}${Date.now().toString(36)}`;
    await store.set(`ctx:${jobId}`, new TextEncoder().encode(JSON.stringify({ text })));
    const started = performance.now();
    const ended = new Promise((resolve) => scheduler.on("finished", resolve));
    const result = await client.submitAndWait(
      {
        jobId,
        topic: TOPIC,
        contextPtr: pointerFor(`ctx:${jobId}`),
        labels: { file: "text", demo: "1" },
      },
      { signal: link.signal },
    );
    const totalMs = performance.now() - started;
    await ended;
    const stored = await store.get(keyFromPointer(result.resultPtr));
    const summary = JSON.parse(new TextDecoder().decode(stored)) as TextSummary;

    const refused = new Promise((resolve) => worker.on("refused", resolve));
    await forge(watcher, wire.raw.find(({ subject }) => subject === TOPIC)!.data);
    await refused;
    await watcher.flush();

    const hops = (await wire.hops()).map((hop) => ({ ...hop, atMs: hop.atMs - started }));
    const genuine = hops.slice(0, 3);
    const again = summarize(text);
    return {
      crypto: defaultCrypto().name,
      file: options.file,
      jobId,
      hops,
      summary,
      totalMs,
      checks: [
        { name: "the job was submitted, dispatched and answered, in this order", held: inOrder(genuine) },
        {
          name: "all three packets carry a signature that verifies",
          held: genuine.every((hop) => hop.verified),
        },
        {
          name: "the result says SUCCEEDED and names the job",
          held: result.status === JobStatus.SUCCEEDED && result.jobId === jobId,
        },
        { name: "the scheduler saw the job end", held: scheduler.job(jobId)?.status === JobStatus.SUCCEEDED },
        {
          name: "the output equals the same computation made here",
          held: JSON.stringify(summary) === JSON.stringify(again),
        },
        {
          name: "a copy of the job with one changed letter was refused",
          held: hops.length === 4 && !hops[3]!.verified && worker.counts.completed === 1,
        },
      ],
    };
  }
}

async function overNats(servers: string, name: string): Promise<Bus> {
  const { connectNats } = await import("../cap/nats/index.js"); // not needed by the demo in this process
  return connectNats({ servers, name });
}

function inOrder(hops: readonly DemoHop[]): boolean {
  const expected = [`sys.job.submit ${CLIENT}`, `${TOPIC} ${SCHEDULER}`, `${SUBJECT_RESULT} ${WORKER}`];
  return hops.map(({ subject, sender }) => `${subject} ${sender}`).join() === expected.join();
}

/** Listens to the subjects of a job and verifies what it hears. */
async function listen(bus: Bus, publicKeys: PublicKeys) {
  const keys = new KeyRing(publicKeys);
  const raw: { subject: string; data: Uint8Array; atMs: number }[] = [];
  for (const wanted of [SUBJECT_SUBMIT, TOPIC, SUBJECT_RESULT]) {
    await bus.subscribe(wanted, ({ subject, data }) => raw.push({ subject, data, atMs: performance.now() }));
  }
  const hop = async ({ subject, data, atMs }: (typeof raw)[number]): Promise<DemoHop> => {
    const packet = await openPacket(data);
    const verified = await openPacket(data, { keys }).then(
      () => true,
      () => false,
    );
    const { senderId: sender, signature } = packet;
    return {
      subject,
      sender,
      payload: packet.payload.case ?? "none",
      bytes: data.length,
      signatureBytes: signature.length,
      atMs,
      verified,
    };
  };
  return { raw, hops: () => Promise.all(raw.map(hop)) };
}

/** Sends a dispatched job once more, with the first letter of its id changed. */
async function forge(bus: Bus, packet: Uint8Array): Promise<void> {
  const forged = packet.slice();
  const at = new TextDecoder("latin1").decode(forged).indexOf(JOB_PREFIX);
  if (at < 0) throw new Error("the dispatched packet does not hold the job id");
  forged[at] = forged[at]! ^ 1;
  await bus.publish(TOPIC, forged);
}
