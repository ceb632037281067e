/**
 * `pnpm bench [name…] [--rounds 5] [--quick] [--json FILE] [--write]`: ratios against a peer or a limit measured in the
 * same run, in turns. All of them take about ten minutes, `--quick` (one round) three. `--write` puts the table into
 * docs/performance.md.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeBlock } from "../scripts/docs/blocks.ts";
import { compiled } from "./compiled.ts";
import type { Measured } from "./measure.ts";
import { table } from "./table.ts";

/** The file of each benchmark; its default export runs it. Those with ends of their own compile only these. */
const benches: Readonly<Record<string, () => Promise<string>>> = {
  cap: async () => "./cap.ts",
  "cap-agent": () => compiled("cap-agent.ts"),
  neuron: async () => "./neuron.ts",
  aureus: () => compiled("aureus.ts"),
  "4runr": () => compiled("4runr.ts"),
  packet: () => compiled("packet.ts"),
  generate: async () => "./generate.ts",
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    quick: { type: "boolean" },
    json: { type: "string" },
    write: { type: "boolean" },
  },
});
const wanted = positionals.length > 0 ? positionals : Object.keys(benches);
const unknown = wanted.filter((name) => benches[name] === undefined);
if (unknown.length > 0) {
  console.error(`no benchmark called ${unknown.join(", ")}; there are: ${Object.keys(benches).join(", ")}`);
  process.exit(2);
}
const rounds = values.quick ? "1" : values.rounds;
if (rounds !== undefined) process.env.BENCH_ROUNDS = rounds; // read by each benchmark, some in processes of their own
const results: Record<string, Measured[]> = {};
for (const name of wanted) {
  const bench = (await import(await benches[name]!())) as { default: () => Promise<Measured[]> };
  results[name] = await bench.default();
}
const markdown = await table(results);
console.log(`\n${markdown}`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
if (values.write) writeBlock(join(import.meta.dirname, "../docs/performance.md"), "bench", markdown);
