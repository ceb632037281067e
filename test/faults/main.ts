/**
 * `pnpm test:faults`: the whole runs of test/faults. `--protocol P` runs the scripts of one protocol, `--seed N` one script,
 * such as the one that a failure names.
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { protocol: { type: "string" }, seed: { type: "string" } } });
const { protocol, seed } = values;
const scriptsAlone = protocol !== undefined || seed !== undefined;
const { status } = spawnSync(
  "npx",
  ["vitest", "run", scriptsAlone ? "test/faults/scripts.test.ts" : "test/faults"],
  {
    stdio: "inherit",
    env: {
      ...process.env,
      AGENTWIRE_FAULTS: "full",
      ...(protocol !== undefined && { AGENTWIRE_PROTOCOL: protocol }),
      ...(seed !== undefined && { AGENTWIRE_SEED: seed }),
    },
  },
);
process.exitCode = status ?? 1;
