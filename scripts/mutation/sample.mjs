import { createHash } from "node:crypto";

/** Percent of the changes to make, and a seed: the same seed chooses the same changes. */
const [percent, seed = "1"] = (process.env.AGENTWIRE_MUTATION_SAMPLE ?? "100").split(":");

function isChosen({ fileName, location: { start }, mutatorName, replacement }) {
  const file = fileName.slice(fileName.lastIndexOf("/src/"));
  const name = [seed, file, start.line, start.column, mutatorName, replacement].join("\n");
  return createHash("sha256").update(name).digest().readUInt32BE() / 2 ** 32 < Number(percent) / 100;
}

const left = { status: "compileError", reason: "not in the sample" };
const passed = { status: "passed" };

/** Takes a share of all changes by chance. Of the others Stryker can only say "no valid code", which does not count. */
export const strykerPlugins = [
  {
    kind: "Checker",
    name: "sample",
    value: {
      init: async () => {},
      group: async (mutants) => [mutants.map(({ id }) => id)],
      check: async (mutants) =>
        Object.fromEntries(mutants.map((mutant) => [mutant.id, isChosen(mutant) ? passed : left])),
    },
  },
];
