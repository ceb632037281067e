/**
 * `agentwire demo`: one signed job from submit to verified result, in this process, over the real packet
 * layer. A fourth party listens to the bus and verifies every packet for itself.
 */
import { readFile } from "node:fs/promises";
import type { BusPacket } from "../../gen/cap/index.js";
import { JobStatus, SUBJECT_RESULT } from "../../gen/cap/index.js";
import type { PublicKeys } from "../cap/index.js";
import {
  defaultCrypto,
  generateKeyPair,
  InMemoryBlobStore,
  KeyRing,
  keyFromPointer,
  MemoryBus,
  openPacket,
  Party,
  pointerFor,
  runWorker,
  submitJob,
} from "../cap/index.js";
import { linkSignals, raceSignal } from "../core/abort.js";
import { LocalScheduler } from "../testing/local-scheduler.js";
import type { TextSummary } from "./summarize.js";
import { summarize } from "./summarize.js";

/** Options of {@link runDemo}. */
export interface DemoOptions {
  /** The text to summarise. */
  readonly file: string;
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
  const bus = new MemoryBus();
  const store = new InMemoryBlobStore();
  const keys = { client: generateKeyPair(), scheduler: generateKeyPair(), worker: generateKeyPair() };
  const publicKeys: PublicKeys = {
    [CLIENT]: keys.client.publicKeyPem,
    [SCHEDULER]: keys.scheduler.publicKeyPem,
    [WORKER]: keys.worker.publicKeyPem,
  };

  const scheduler = new LocalScheduler({
    bus: bus.connect(),
    publicKeys,
    privateKey: keys.scheduler.privateKeyPem,
  });
  const worker = await runWorker({
    bus: bus.connect(),
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
  await scheduler.start();
  const link = linkSignals([options.signal], { timeoutMs: options.timeoutMs ?? 10_000, what: "the demo" });
  try {
    return await raceSignal(play(), link.signal);
  } finally {
    link.dispose();
    await worker.close();
    await scheduler.close();
    await store.close();
  }

  async function play(): Promise<DemoReport> {
    const wire = await listen(bus, publicKeys);
    const client = new Party({ bus: bus.connect(), senderId: CLIENT, publicKeys });
    const result = new Promise<BusPacket>((resolve) => {
      void client.receive(SUBJECT_RESULT, { onPacket: resolve });
    });

    const jobId = `${JOB_PREFIX}${Date.now().toString(36)}`;
    await store.set(`ctx:${jobId}`, new TextEncoder().encode(JSON.stringify({ text })));
    const started = performance.now();
    await submitJob({
      bus: bus.connect(),
      senderId: CLIENT,
      privateKey: keys.client.privateKeyPem,
      request: {
        jobId,
        topic: TOPIC,
        contextPtr: pointerFor(`ctx:${jobId}`),
        labels: { file: "text", demo: "1" },
      },
    });
    const { payload } = await result;
    const totalMs = performance.now() - started;
    if (payload.case !== "jobResult") throw new Error("the first packet on the result subject is no result");
    const stored = await store.get(keyFromPointer(payload.value.resultPtr));
    const summary = JSON.parse(new TextDecoder().decode(stored)) as TextSummary;

    const refused = new Promise((resolve) => worker.on("refused", resolve));
    await forge(bus, wire.raw.find(({ subject }) => subject === TOPIC)!.data);
    await refused;

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
          held: payload.value.status === JobStatus.SUCCEEDED && payload.value.jobId === jobId,
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

function inOrder(hops: readonly DemoHop[]): boolean {
  const expected = [`sys.job.submit ${CLIENT}`, `${TOPIC} ${SCHEDULER}`, `${SUBJECT_RESULT} ${WORKER}`];
  return hops.map(({ subject, sender }) => `${subject} ${sender}`).join() === expected.join();
}

/** Listens to all subjects and verifies what it hears. */
async function listen(bus: MemoryBus, publicKeys: PublicKeys) {
  const keys = new KeyRing(publicKeys);
  const raw: { subject: string; data: Uint8Array; atMs: number }[] = [];
  await bus
    .connect()
    .subscribe(">", ({ subject, data }) => raw.push({ subject, data, atMs: performance.now() }));
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
async function forge(bus: MemoryBus, packet: Uint8Array): Promise<void> {
  const forged = packet.slice();
  const at = new TextDecoder("latin1").decode(forged).indexOf(JOB_PREFIX);
  if (at < 0) throw new Error("the dispatched packet does not hold the job id");
  forged[at] = forged[at]! ^ 1;
  await bus.connect().publish(TOPIC, forged);
}
