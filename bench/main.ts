/** `pnpm bench [name…] [--json FILE]`: ratios against a peer or a limit measured in the same run. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { compiled } from "./compiled.ts";
import type { Measured } from "./measure.ts";

/** The file of each benchmark; its default export runs it. Those with ends of their own compile only these. */
const benches: Readonly<Record<string, () => Promise<string>>> = {
  packet: () => compiled("packet.ts"),
  aureus: () => compiled("aureus.ts"),
  cap: async () => "./cap.ts",
  "cap-agent": () => compiled("cap-agent.ts"),
  neuron: async () => "./neuron.ts",
  "4runr": () => compiled("4runr.ts"),
  generate: async () => "./generate.ts",
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: "string" } } });
const wanted = positionals.length > 0 ? positionals : Object.keys(benches);
const unknown = wanted.filter((name) => benches[name] === undefined);
if (unknown.length > 0) {
  console.error(`no benchmark called ${unknown.join(", ")}; there are: ${Object.keys(benches).join(", ")}`);
  process.exit(2);
}
const results: Record<string, Measured[]> = {};
for (const name of wanted) {
  const bench = (await import(await benches[name]!())) as { default: () => Promise<Measured[]> };
  results[name] = await bench.default();
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
