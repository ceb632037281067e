/** `pnpm tck`: the adapter of CAP's conformance kit on stdin and stdout. */
import { runTckAdapter } from "../src/cap/tck/index.js";

try {
  await runTckAdapter({ input: process.stdin, output: process.stdout });
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
process.stdin.destroy();
