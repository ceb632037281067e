/**
 * `agentwire demo`: one agent on four protocols, all local servers embedded. It fetches a page through 4Runr,
 * summarises it, asks Aureus before it saves the summary, and returns the result over CAP and over neuron.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JobStatus } from "../../../gen/cap/index.js";
import { defaultCrypto } from "../../cap/crypto/backend.js";
import { withDeadline } from "../../core/abort.js";
import { type CapSide, startCap, TOPIC } from "./cap-side.js";
import { type DemoCheck, demoChecks } from "./checks.js";
import { type DigestOutput, digestHandler } from "./digest.js";
import { CAPABILITY, startAureus, startFourRunr, startNeuron } from "./http-sides.js";
import { servePage } from "./page-server.js";
import type { TextSummary } from "./summarize.js";
import { type DemoHop, DemoTrace } from "./trace.js";

/** Options of {@link runDemo}. */
export interface DemoOptions {
  /** The file that is served as the page. */
  readonly file: string;
  /** NATS server for the CAP protocol. Default: none, the bus is in this process. */
  readonly nats?: string | undefined;
  /** Notified of everything that goes over a protocol, when it happens. */
  readonly onHop?: ((hop: DemoHop) => void) | undefined;
  /** Default: 20000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the demo found. */
export interface DemoReport {
  /** Who signs: node:crypto or noble. */
  readonly crypto: string;
  readonly file: string;
  readonly url: string;
  readonly hops: readonly DemoHop[];
  readonly summary: TextSummary;
  /** How long the work took over each worker protocol, in milliseconds. */
  readonly tookMs: { readonly cap: number; readonly neuron: number };
  readonly checks: readonly DemoCheck[];
}

/** Runs the demo once and checks every step of it. */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const ends: (() => Promise<unknown>)[] = [];
  const { timeoutMs = 20_000, signal } = options;
  try {
    return await withDeadline({ timeoutMs, signal, what: "the demo" }, () =>
      play(options, (end) => ends.push(end)),
    );
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

async function play(
  { file, nats, onHop }: DemoOptions,
  closing: (close: () => Promise<unknown>) => void,
): Promise<DemoReport> {
  const trace = new DemoTrace(onHop);
  const page = await servePage(file);
  closing(() => page.close());
  const folder = await mkdtemp(join(tmpdir(), "agentwire-demo-"));
  closing(() => rm(folder, { recursive: true, force: true }));

  const tools = await startFourRunr(new URL(page.url).host, trace, closing);
  const gate = await startAureus(trace, closing);
  const handler = digestHandler(tools, gate, folder);
  const cap = await startCap(handler, nats, trace, closing);
  const brain = await startNeuron(handler, trace, closing);

  const overCap = await timed(() => submit(cap, { url: page.url }));
  const overNeuron = await timed(() => brain.submit({ capability: CAPABILITY, input: { url: page.url } }));
  const heldBack = await submit(cap, { url: page.url, publish: true });
  await cap.forge();

  const saved = await readFile(overCap.value.output?.savedAs ?? "", "utf8").catch(() => "");
  const { summary } = overCap.value.output ?? { summary: undefined };
  return {
    crypto: defaultCrypto().name,
    file,
    url: page.url,
    hops: trace.hops,
    summary: summary ?? ({} as TextSummary),
    tookMs: { cap: overCap.tookMs, neuron: overNeuron.tookMs },
    checks: demoChecks({
      text: page.text,
      heard: await cap.heard(),
      hops: trace.hops,
      job: overCap.value,
      heldBack,
      task: overNeuron.value,
      brain: brain.stats(),
      saved,
      refused: cap.agent.stats.refused,
    }),
  };
}

/** How a job ended. */
export interface DemoJob {
  readonly status: JobStatus;
  readonly errorCode: string;
  readonly output?: DigestOutput;
}

async function submit({ client, scheduler }: CapSide, input: object): Promise<DemoJob> {
  const job = await client.start<DigestOutput>({ topic: TOPIC, input });
  const ended = new Promise<void>((resolve) => {
    scheduler.on("finished", ({ jobId }) => jobId === job.jobId && resolve());
  });
  try {
    return await job.result;
  } catch (error) {
    const { result } = (error as { details?: { result?: DemoJob } }).details ?? {};
    if (result === undefined) throw error;
    return result;
  } finally {
    await ended;
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly tookMs: number }> {
  const began = performance.now();
  const value = await work();
  return { value, tookMs: performance.now() - began };
}
