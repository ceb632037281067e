import { mergeConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import base from "../../vitest.config.ts";

/** Quick files first: most mutants are caught there. */
class QuickFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).reverse();
  }
}

/** The usual tests, in one thread that loads the sources once, with limits that end a mutant that hangs. */
export default mergeConfig(base, {
  test: {
    isolate: false,
    testTimeout: 8_000,
    hookTimeout: 8_000,
    expect: { poll: { timeout: 3_000 } },
    env: { AGENTWIRE_RUNS_DIVISOR: "100" },
    sequence: { sequencer: QuickFirst },
  },
});
