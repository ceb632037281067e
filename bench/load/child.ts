/** One load run in a process of its own: its samples as JSON, one a line. Requires --expose-gc. */
import { works } from "./work.ts";

export interface LoadRun {
  readonly kind: keyof typeof works;
  /** How much is done; with `minutes`, as much as there is time for. */
  readonly count: number;
  /** How much is done before that, so that code is compiled and tables have their size. */
  readonly warmUp: number;
  readonly minutes?: number;
  readonly inFlight: number;
  /** Characters of the input. */
  readonly size: number;
  readonly samples: number;
  readonly workers?: number;
}

/** What a run says of itself from time to time, and with `closed` once everything is closed. */
export interface Sample {
  readonly done: number;
  readonly seconds: number;
  /** After a full collection. */
  readonly heapBytes: number;
  /** Sockets, timers and processes. */
  readonly handles: number;
  /** Of the pieces of work since the last sample, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const load = JSON.parse(process.argv[2]!) as LoadRun;
const sentAt = new Map<number, number>();
let waits: number[] = [];
let [sent, done, sampled] = [-load.warmUp, -load.warmUp, 0];
let started = performance.now();
let finish = () => {};
const finished = new Promise<void>((resolve) => {
  finish = resolve;
});

/** A pipe is how this process writes; an immediate runs in this turn. */
const handles = () =>
  process.getActiveResourcesInfo().filter((kind) => !/Pipe|TTY|Immediate|FSReq/.test(kind)).length;

function sample(): void {
  waits.sort((a, b) => a - b);
  const [p50, p99] = [waits[waits.length >> 1] ?? 0, waits[Math.floor(waits.length * 0.99)] ?? 0];
  waits = [];
  globalThis.gc!();
  const heapBytes = process.memoryUsage().heapUsed;
  const seconds = (performance.now() - started) / 1_000;
  console.log(JSON.stringify({ done, seconds, heapBytes, handles: handles(), p50, p99 } satisfies Sample));
}

const isDue = () =>
  load.minutes === undefined
    ? done >= ((sampled + 1) * load.count) / load.samples
    : performance.now() - started >= ((sampled + 1) * load.minutes * 60_000) / load.samples;
const isLast = () =>
  sent === load.count ||
  (done > 0 && load.minutes !== undefined && performance.now() - started > load.minutes * 60_000);

const work = await works[load.kind](load, (number) => {
  const began = sentAt.get(number);
  if (began === undefined) throw new Error(`${number} was done twice, or never sent`);
  sentAt.delete(number);
  waits.push(performance.now() - began);
  done++;
  if (done === 0) {
    started = performance.now();
    waits = [];
  }
  if (done > 0 && isDue()) {
    sampled++;
    sample();
  }
  if (!isLast()) setImmediate(send);
  else if (done === sent) finish();
});

function send(): void {
  if (isLast()) {
    if (done === sent) finish();
    return;
  }
  const number = sent++;
  sentAt.set(number, performance.now());
  work.send(number);
}

for (let i = 0; i < Math.min(load.inFlight, load.warmUp + load.count); i++) send();
await finished;
await work.close();
for (let turn = 0; turn < 20 && handles() > 0; turn++)
  await new Promise((resolve) => setTimeout(resolve, 10));
sample();
