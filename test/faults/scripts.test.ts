/**
 * Seeded fault scripts for every protocol, and stops at random moments. `pnpm test:faults` makes them the whole runs;
 * `pnpm test:faults --protocol P --seed N` runs a script again.
 */
import { expect, it } from "vitest";
import { findPeer, natsServer } from "../peers/ladder.ts";
import { aureus } from "./protocols/aureus.ts";
import { cap } from "./protocols/cap.ts";
import { fourRunr } from "./protocols/four-runr.ts";
import { neuron } from "./protocols/neuron.ts";
import { runScript, runStops } from "./script.ts";
import { full, sizes } from "./sizes.ts";

const { AGENTWIRE_PROTOCOL: wanted, AGENTWIRE_SEED: given } = process.env;
const { seeds, works, steps, stops } = sizes.scripts;
const natsPath = await findPeer(natsServer);
if (natsPath === undefined) process.stderr.write(`skipped: faults of cap: ${natsServer.howTo}\n`);
const all = [...(natsPath === undefined ? [] : [cap(natsPath)]), neuron, fourRunr, aureus];
const protocols = all.filter(({ name }) => wanted === undefined || name === wanted);
if (protocols.length === 0)
  throw new Error(`no protocol is called ${wanted}: ${all.map(({ name }) => name)}`);

type Outcome = Awaited<ReturnType<typeof runScript>>;

/** Every count of what must not be is 0. */
function judge(what: string, { broken, counts, seconds }: Outcome): void {
  if (full) process.stdout.write(`${what}: ${JSON.stringify({ ...counts, ...broken, seconds })}\n`);
  const nothing = Object.fromEntries(Object.keys(broken).map((name) => [name, 0]));
  expect(broken, `again: pnpm test:faults ${what}`).toEqual(nothing);
}

if (natsPath !== undefined && protocols.some(({ name }) => name === "cap"))
  it("cap: a script of restarts alone", async () => {
    const { works, steps } = sizes.restarts;
    const run = { seed: Number(given ?? 1), works, steps, only: /killed|restarts/ };
    const outcome = await runScript(cap(natsPath), run);
    judge(`--protocol cap --seed ${run.seed}`, outcome);
    expect(outcome.counts).toMatchObject({ works, restarts: steps });
  }, 600_000);

for (const protocol of protocols) {
  it.each(given ? [Number(given)] : seeds)(
    `${protocol.name} under ${steps} faults, seed %i`,
    async (seed) => {
      const outcome = await runScript(protocol, { seed, works, steps });
      expect(outcome.counts).toMatchObject({ works, faults: steps });
      judge(`--protocol ${protocol.name} --seed ${seed}`, outcome);
      expect(outcome.counts.succeeded).toBeGreaterThan(works / 4); // the faults leave something to look at
    },
    600_000,
  );

  it(`${protocol.name}: ${stops} stops at random moments`, async () => {
    const seed = Number(given ?? 1);
    judge(`--protocol ${protocol.name} --seed ${seed}`, await runStops(protocol, { seed, stops }));
  }, 600_000);
}
