/** The Markdown table of `pnpm bench`: what was aimed at, and what was measured. */
import { availableParallelism, cpus, loadavg } from "node:os";
import { findVersions } from "../scripts/interop/peers.ts";
import { weigh } from "./loaded.ts";
import type { Measured } from "./measure.ts";

interface Aim {
  readonly bench: string;
  /** The measured row. */
  readonly row: string;
  readonly what: string;
  readonly least: number;
}

const [PYTHON, NEURON, FETCH] = ["cap-sdk-python, both ends", "holokai-neuron-sdk", "bare `fetch`"];
const aim = (bench: string, what: string, rows: Readonly<Record<string, number>>): Aim[] =>
  Object.entries(rows).map(([row, least]) => ({ bench, row, what, least }));

/** Least ratio of each row that an aim was set for. */
const AIMS: readonly Aim[] = [
  ...aim("cap", `jobs over NATS, ${PYTHON}`, {
    "agentwire, unsigned, 64 in flight": 2.53,
    "agentwire, unsigned, 256 in flight": 1.85,
    "agentwire, signed, 64 in flight": 1.81,
    "agentwire, signed, 256 in flight": 1.04,
  }),
  ...aim("cap-agent", "an agent with Redis, its `Agent`", {
    "agentwire, unsigned, through a scheduler, 64 in flight": 2.98,
    "agentwire, signed, through a scheduler, 64 in flight": 1.3,
  }),
  ...aim("neuron", `leases, ${NEURON}`, {
    "1 in flight, agentwire": 7,
    "16 in flight, agentwire": 40,
    "64 in flight, agentwire": 30,
  }),
  ...["one at a time", "16 at once"].flatMap((how) =>
    aim("aureus", `calls, ${FETCH}`, {
      [`AureusClient, ${how}`]: 2,
      [`AureusConsoleClient, ${how}`]: 2,
      [`AureusClient over fetch, ${how}`]: 0.8,
      [`AureusConsoleClient over fetch, ${how}`]: 0.8,
    }),
  ),
  ...["serial", "16 in flight"].flatMap((how) =>
    aim("4runr", `calls of a tool, ${FETCH}`, { [`proxy, ${how}`]: 2, [`proxy over fetch, ${how}`]: 0.8 }),
  ),
];

/** Most kB of an import. */
const SIZES: readonly (readonly [entry: string, names: string, most: number])[] = [
  ["src/4runr/index.ts", "GatewayClient", 14],
  ["src/aureus/index.ts", "AureusClient", 14],
  ["src/neuron/index.ts", "Neuron", 18],
  ["src/cap/index.ts", "*", 65],
];

/** The table, and the machine and peers above it. */
export async function table(results: Readonly<Record<string, readonly Measured[]>>): Promise<string> {
  const { cap, neuron, nats, redis } = await findVersions();
  const lines = AIMS.flatMap(({ bench, row, what, least }) => {
    const found = results[bench]?.find(({ name }) => name === row);
    if (found === undefined) return [];
    const [lowest, highest] = found.spread.map((ratio) => ratio.toFixed(2));
    const ratio = `${found.ratio.toFixed(2)}x (${lowest} to ${highest})`;
    const speed = Math.round(found.perSecond).toLocaleString("en");
    return [
      `| ${what} | ${row} | ${speed}/s | ${ratio} | ${least}x | ${found.ratio >= least ? "yes" : "no"} |`,
    ];
  });
  for (const [entry, names, most] of SIZES) {
    const { kB, importMs } = await weigh(entry, names);
    const what = names === "*" ? `\`${entry}\`` : `\`${names}\``;
    const cells = [
      `${importMs.toFixed(0)} ms to import`,
      `${kB.toFixed(1)} kB`,
      `${most} kB`,
      kB <= most ? "yes" : "no",
    ];
    lines.push(`| min+gzip | ${what} | ${cells.join(" | ")} |`);
  }
  const machine = `${availableParallelism()} cores (${cpus()[0]?.model.trim()}), Node ${process.versions.node}`;
  return `Measured on ${new Date().toISOString().slice(0, 10)} on ${machine}, average load ${loadavg()[0]!.toFixed(1)} at the end, with ${[cap, neuron, nats, redis].join(", ")}.
A ratio is the median of the rounds, with the lowest and the highest round.

| what, against | row | speed | ratio | aim | met |
| --- | --- | --: | --: | --: | --- |
${lines.join("\n")}`;
}
