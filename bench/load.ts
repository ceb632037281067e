/**
 * `pnpm load [--quick] [--soak MINUTES] [--write]`: work in great number, each run in a process of its own: heap, handles
 * and latency over time; how throughput and latency grow with what is in flight, the size of an input and the workers of
 * a queue group. `--soak` repeats only jobs and leases for so long. `--write` puts figures and charts into docs. Ends
 * with 1 if the heap rises with the work done by more than a run a tenth as long can tell, or if a handle is left.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compiled } from "./compiled.ts";
import { lineChart, type Point } from "./load/chart.ts";
import type { LoadRun, Sample } from "./load/child.ts";
import { isWithinNoise, slopeOf } from "./load/slope.ts";

const { values } = parseArgs({
  options: { quick: { type: "boolean" }, write: { type: "boolean" }, soak: { type: "string" } },
});
const factor = values.quick ? 0.05 : 1;
const script = await compiled("load/child.ts");
const MIB = 2 ** 20;
const text: string[] = [];
const print = (line: string) => {
  console.log(line);
  text.push(line);
};

/** Compiled code is in the heap, and thousands of reconnects go by until all of it is compiled. */
const UNCOMPILED = ["--no-opt", "--no-sparkplug", "--no-maglev"];

function run(load: LoadRun): Sample[] {
  const args = [
    "--expose-gc",
    ...(load.kind.endsWith("Reconnects") ? UNCOMPILED : []),
    script,
    JSON.stringify({ ...load, count: Math.round(load.count * factor), warmUp: load.warmUp * factor }),
  ];
  const env = { ...process.env, AGENTWIRE_LOG: "silent" };
  const output = execFileSync(process.execPath, args, { encoding: "utf8", env, maxBuffer: 2 ** 26 });
  const lines = output.trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Sample);
}

const isSmall = { inFlight: 64, size: 100, samples: 20, warmUp: 2_000 };
const isOne = { inFlight: 1, size: 0, samples: 20, warmUp: 1_000 };
/** What runs long, with its number. The heap of each is judged by a run a tenth as long. */
const LONG: readonly (readonly [name: string, load: LoadRun])[] = [
  ["jobs", { kind: "jobs", count: 100_000, ...isSmall }],
  ["leases", { kind: "leases", count: 10_000, ...isSmall }],
  ["NATS reconnects", { kind: "natsReconnects", count: 1_000, ...isOne }],
  ["neuron reconnects", { kind: "neuronReconnects", count: 1_000, ...isOne }],
];

const charts = new Map<string, string>();
let sound = true;
print(
  "| run | done | seconds | heap | bytes left by each | noise of the short run | handles: most, left | p50, p99 at the end |",
);
print("|---|--:|--:|--:|--:|--:|--:|--:|");
const minutes = values.soak === undefined ? undefined : Number(values.soak);
for (const [name, whole] of minutes === undefined ? LONG : LONG.slice(0, 2)) {
  const load =
    minutes === undefined ? whole : { ...whole, count: 1e12, minutes, samples: Math.max(20, minutes) };
  const short =
    minutes === undefined ? { ...load, count: load.count / 10 } : { ...load, minutes: minutes / 10 };
  const noise = slopeOf(
    run(short)
      .slice(0, -1)
      .map(({ done, heapBytes }) => [done, heapBytes]),
  );
  const samples = run(load);
  const closed = samples.pop()!;
  const last = samples.at(-1)!;
  const left = slopeOf(samples.map(({ done, heapBytes }) => [done, heapBytes]));
  const row = [
    name,
    last.done.toLocaleString("en"),
    last.seconds.toFixed(1),
    `${(last.heapBytes / MIB).toFixed(1)} MiB`,
    left.perPiece.toFixed(1),
    `± ${(2 * noise.error).toFixed(1)}`,
    `${Math.max(...samples.map(({ handles }) => handles))}, ${closed.handles}`,
    `${last.p50.toFixed(2)}, ${last.p99.toFixed(2)} ms`,
  ];
  print(`| ${row.join(" | ")} |`);
  if (closed.handles > 0 || !isWithinNoise(left, noise)) {
    sound = false;
    print(`\n${name}: heap or handles GROW with the work done\n`);
  }
  const points = (of: (sample: Sample) => number) => samples.map((one): Point => [one.done, of(one)]);
  const slug = name.toLowerCase().replace(" ", "-");
  const latency = [
    { name: "p50", points: points(({ p50 }) => p50) },
    { name: "p99", points: points(({ p99 }) => p99) },
  ];
  const heap = [{ name: "heap", points: points(({ heapBytes }) => heapBytes / MIB) }];
  charts.set(`load-${slug}-latency`, lineChart(`Latency over ${name}`, `${name} done`, "ms", latency));
  charts.set(`load-${slug}-heap`, lineChart(`Heap over ${name}`, `${name} done`, "MiB", heap));
}
if (sound) print("\nNeither heap nor handles grow with the work done.");

if (minutes === undefined) {
  print("\n| growth | value | per second | p50 | p99 |\n|---|--:|--:|--:|--:|");
  const growth = (name: string, steps: readonly number[], of: (step: number) => LoadRun) => {
    const speeds = steps.map((step): Point => {
      const last = run(of(step)).at(-2)!;
      const speed = last.done / last.seconds;
      const cells = [
        name,
        step.toLocaleString("en"),
        speed.toFixed(0),
        last.p50.toFixed(2),
        last.p99.toFixed(2),
      ];
      print(`| ${cells.join(" | ")} |`);
      return [step, speed];
    });
    return { name, points: speeds };
  };
  for (const [kind, count] of [
    ["jobs", 20_000],
    ["leases", 4_000],
  ] as const) {
    const load: LoadRun = { kind, count, ...isSmall, samples: 2 };
    growth(`${kind}, in flight`, [1, 8, 64, 512], (inFlight) => ({ ...load, inFlight }));
    growth(`${kind}, characters of input`, [100, 10_000, 100_000], (size) => ({ ...load, size }));
  }
  const group = growth("jobs of 20 ms, workers of a queue group with 4 slots", [1, 2, 4, 8], (workers) => ({
    kind: "group",
    count: 1_000 * workers,
    ...isSmall,
    samples: 2,
    workers,
  }));
  charts.set(
    "load-workers",
    lineChart("Jobs of 20 ms by workers in a queue group", "workers", "jobs/s", [group]),
  );
}

if (values.write) {
  const docs = join(import.meta.dirname, "../docs");
  for (const [name, svg] of charts) writeFileSync(join(docs, "images", `${name}.svg`), svg);
  const images = [...charts.keys()].map((name) => `![${name}](images/${name}.svg)`).join("\n");
  const page = `# Load

\`pnpm load --write\` wrote this page on ${new Date().toISOString().slice(0, 10)} on Node ${process.versions.node} with ${availableParallelism()} cores; average load of the
machine at the end: ${loadavg()[0]!.toFixed(1)}. Above the number of cores, latencies are those of a machine that is busy with other work.

"Bytes left by each" is the slope of the heap after a full collection over the second half of the run. It counts as no
growth up to two standard errors of the slope of a run a tenth as long. Reconnects run without compilers, since compiled code
is in the heap and grows for thousands of them. "Handles" are sockets, timers and processes: the
most while running, and those left after everything was closed.

${text.join("\n")}

${images}
`;
  writeFileSync(join(docs, "load.md"), page);
}
process.exitCode = sound ? 0 : 1;
