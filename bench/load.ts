/**
 * `pnpm load [--quick] [--write]`: jobs and leases in great number, each run in a process of its own: heap, handles and
 * latency over time, and how both grow with what is in flight and with the size of an input. `--write` puts the charts
 * into docs/images. Ends with 1 if the heap or the handles grow with the work done.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { compiled } from "./compiled.ts";
import { lineChart, type Series } from "./load/chart.ts";
import type { LoadRun, Sample } from "./load/child.ts";

const factor = process.argv.includes("--quick") ? 0.05 : 1;
const script = await compiled("load/child.ts");

function run(load: LoadRun): Sample[] {
  const args = ["--expose-gc", script, JSON.stringify({ ...load, count: Math.round(load.count * factor) })];
  const env = { ...process.env, AGENTWIRE_LOG: "silent" };
  const text = execFileSync(process.execPath, args, { encoding: "utf8", env, timeout: 600_000 });
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Sample);
}

/** Bytes that each piece of work leaves behind: the slope of the heap over the second half of a run. */
function slope(samples: readonly Sample[]): number {
  const half = samples.slice(samples.length >> 1);
  const mean = (of: (sample: Sample) => number) => half.reduce((sum, one) => sum + of(one), 0) / half.length;
  const [x, y] = [mean(({ done }) => done), mean(({ heapBytes }) => heapBytes)];
  const above = half.reduce((sum, { done, heapBytes }) => sum + (done - x) * (heapBytes - y), 0);
  return above / half.reduce((sum, { done }) => sum + (done - x) ** 2, 0);
}

const MIB = 2 ** 20;
const charts: Record<string, string> = {};
let sound = true;
console.log(
  "| run | done | seconds | heap at the end | bytes left by each | handles first, last | p50, p99 at the end |",
);
console.log("|---|--:|--:|--:|--:|--:|--:|");
for (const [kind, count] of [
  ["jobs", 100_000],
  ["leases", 10_000],
] as const) {
  const series: Series[] = [];
  const heap: Series[] = [];
  const ends: Sample[] = [];
  for (const part of [0.1, 1]) {
    const samples = run({ kind, count: count * part, inFlight: 64, size: 100, samples: 20 });
    const [first, last] = [samples[0]!, samples.at(-1)!];
    const left = slope(samples);
    ends.push(last);
    const row = [
      `${kind}, 64 in flight`,
      last.done.toLocaleString("en"),
      last.seconds.toFixed(1),
      `${(last.heapBytes / MIB).toFixed(1)} MiB`,
      left.toFixed(1),
      `${first.handles}, ${last.handles}`,
      `${last.p50.toFixed(2)} ms, ${last.p99.toFixed(2)} ms`,
    ];
    console.log(`| ${row.join(" | ")} |`);
    if (last.handles > first.handles + 2) sound = false;
    if (part < 1) continue;
    series.push({ name: "p50", points: samples.map((one) => [one.done, one.p50]) });
    series.push({ name: "p99", points: samples.map((one) => [one.done, one.p99]) });
    heap.push({ name: "heap", points: samples.map((one) => [one.done, one.heapBytes / MIB]) });
  }
  // Ten times the work may not hold more: within a fifth, or 2 MiB.
  const [short, long] = ends.map(({ heapBytes }) => heapBytes) as [number, number];
  if (long > short * 1.2 + 2 * MIB) sound = false;
  charts[`load-${kind}-latency`] = lineChart(`Latency over ${kind}`, `${kind} done`, "ms", series);
  charts[`load-${kind}-heap`] = lineChart(`Heap over ${kind}`, `${kind} done`, "MiB", heap);
}
console.log("\n| growth | value | per second | p50 | p99 |\n|---|--:|--:|--:|--:|");
for (const kind of ["jobs", "leases"] as const) {
  const growth = (name: string, values: readonly number[], of: (value: number) => Partial<LoadRun>) => {
    for (const value of values) {
      const load = { kind, count: kind === "jobs" ? 20_000 : 4_000, inFlight: 64, size: 100, samples: 2 };
      const last = run({ ...load, ...of(value) }).at(-1)!;
      const cells = [
        (last.done / last.seconds).toFixed(0),
        `${last.p50.toFixed(2)} ms`,
        `${last.p99.toFixed(2)} ms`,
      ];
      console.log(`| ${kind}, ${name} | ${value.toLocaleString("en")} | ${cells.join(" | ")} |`);
    }
  };
  growth("in flight", [1, 8, 64, 512], (inFlight) => ({ inFlight }));
  growth("characters of input", [100, 10_000, 100_000], (size) => ({ size }));
}
if (process.argv.includes("--write")) {
  const images = join(import.meta.dirname, "../docs/images");
  for (const [name, svg] of Object.entries(charts)) writeFileSync(join(images, `${name}.svg`), svg);
}
console.log(
  sound ? "\nneither heap nor handles grow with the work done" : "\nheap or handles GROW with the work done",
);
process.exitCode = sound ? 0 : 1;
