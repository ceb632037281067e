/**
 * `pnpm tck`: the adapter of CAP's conformance kit on standard input and output, in the role of a worker.
 * `pnpm tck --self-test` performs all cases here and prints their results.
 */
import { runTckAdapter } from "./adapter.ts";
import { TCK_CASES } from "./cases.ts";

/** What is read of an answer of the adapter. */
interface Answer {
  readonly type: string;
  readonly id: string;
  readonly status: string;
  readonly detail?: string;
}

if (process.argv.includes("--self-test")) {
  const { passed, total } = await runTckAdapter({
    input: selfTest(),
    output: {
      write: (line) => {
        const { type, id, status, detail = "" } = JSON.parse(line) as Answer;
        if (type === "result") process.stdout.write(`${status} ${id} ${detail}\n`);
      },
    },
  });
  process.stdout.write(`${passed} of ${total} cases passed\n`);
  if (passed < Object.keys(TCK_CASES).length) process.exitCode = 1;
} else {
  await runTckAdapter({ input: process.stdin, output: { write: (line) => process.stdout.write(line) } });
  process.stdin.destroy();
}

async function* selfTest(): AsyncGenerator<string> {
  yield `${JSON.stringify({ type: "hello" })}\n`;
  for (const id of Object.keys(TCK_CASES))
    yield `${JSON.stringify({ type: "run", id, scenario: id, params: {} })}\n`;
  yield `${JSON.stringify({ type: "bye" })}\n`;
}
