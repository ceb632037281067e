/** `pnpm fuzz [--inputs N] [--seed N] [--path P] [target…]`: the long run of the fuzz targets, and a table of it. */
import { inspect, parseArgs } from "node:util";
import fc from "fast-check";
import type { Target } from "./target.ts";
import { targets } from "./targets.ts";

const say = (text = "") => process.stdout.write(`${text}\n`);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: "string", default: "100000" },
    seed: { type: "string" },
    path: { type: "string" },
  },
});
const wanted = targets.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
if (wanted.length === 0) {
  say(
    `no target is called ${positionals.join(", ")}; there are: ${targets.map(({ name }) => name).join(", ")}`,
  );
  process.exit(2);
}
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
const numRuns = Number(values.inputs);
process.env.AGENTWIRE_LOG = "silent";

async function fuzz(target: Target): Promise<boolean> {
  const count = { refused: 0 };
  let peak = 0;
  const sampling = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 200);
  const started = performance.now();
  const property = target.property(count) as fc.IAsyncProperty<[unknown]>;
  const found = await fc.check(property, { numRuns, seed, ...(values.path && { path: values.path }) });
  clearInterval(sampling);
  peak = Math.max(peak, process.memoryUsage().rss);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  const cells = [
    target.name,
    found.numRuns,
    count.refused,
    found.failed ? 1 : 0,
    `${seconds} s`,
    `${(peak / 2 ** 20).toFixed(0)} MiB`,
  ];
  say(`| ${cells.join(" | ")} | ${target.promise} |`);
  if (found.failed) {
    say(JSON.stringify(found.counterexample)?.slice(0, 2_000));
    say(inspect(found.errorInstance));
    say(`again: pnpm fuzz "${target.name}" --seed ${seed} --path ${found.counterexamplePath}`);
  }
  return !found.failed;
}

say(`seed ${seed}\n\n| target | inputs | refused | failures | time | peak memory | what held |`);
say("|---|--:|--:|--:|--:|--:|---|");
let sound = true;
for (const target of wanted) sound = (await fuzz(target)) && sound;
process.exitCode = sound ? 0 : 1;
