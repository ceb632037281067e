import { SpecError } from "../src/generate/finding.ts";

/** Runs a script: it ends with the exit code of `main`, or with 1 and the message of a {@link SpecError}. */
export async function runScript(main: (argv: readonly string[]) => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
