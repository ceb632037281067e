/** `pnpm bench [name…] [--json FILE]`: ratios against a peer or a limit measured in the same run. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { bench4runr } from "./4runr.ts";
import { benchAureus } from "./aureus.ts";
import { benchCap } from "./cap.ts";
import { benchCapAgent } from "./cap-agent.ts";
import type { Measured } from "./measure.ts";
import { benchNeuron } from "./neuron.ts";
import { benchPacket } from "./packet.ts";

const benches: Readonly<Record<string, () => Promise<Measured[]>>> = {
  packet: benchPacket,
  aureus: benchAureus,
  cap: benchCap,
  "cap-agent": benchCapAgent,
  neuron: benchNeuron,
  "4runr": bench4runr,
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: "string" } } });
const wanted = positionals.length > 0 ? positionals : Object.keys(benches);
const unknown = wanted.filter((name) => benches[name] === undefined);
if (unknown.length > 0) {
  console.error(`no benchmark called ${unknown.join(", ")}; there are: ${Object.keys(benches).join(", ")}`);
  process.exit(2);
}
const results: Record<string, Measured[]> = {};
for (const name of wanted) results[name] = await benches[name]!();
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
