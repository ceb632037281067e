/** `agentwire tck` on the command line. */
import { runTckAdapter, TCK_CASES } from "../cap/tck/index.js";
import type { Command } from "./command.js";
import { EXIT } from "./exit-codes.js";
import { columns, type Io, paint, printJson } from "./io.js";

/** Options, help and run of `agentwire tck`. */
export const tckCommand: Command = {
  options: [{ name: "self-test", about: "perform all cases here and print their results" }],
  maxArguments: 0,
  notes:
    "Without --self-test it speaks the adapter protocol of CAP's conformance kit on standard input and output.",
  examples: [
    ["tck --self-test", "all cases for a worker, in this process"],
    ["tck", "the adapter, to be started by a runner of the kit"],
  ],
  async run(args, io) {
    if (args.flag("self-test")) return selfTest(io, args.flag("json"));
    await runTckAdapter({ input: process.stdin, output: { write: (line) => io.out(line) } });
    process.stdin.destroy();
    return EXIT.ok;
  },
};

/** What is read of an answer of the adapter. */
interface Answer {
  readonly type: string;
  readonly id: string;
  readonly status: string;
  readonly detail?: string;
}

async function selfTest(io: Io, json: boolean): Promise<number> {
  const answers: Answer[] = [];
  const { passed, total } = await runTckAdapter({
    input: lines(),
    output: { write: (line) => answers.push(JSON.parse(line) as Answer) },
  });
  const results = answers.filter(({ type }) => type === "result");
  if (json) printJson(io, { passed, total, results });
  else {
    const rows = results.map(({ id, status, detail = "" }) => [
      paint(io, status === "PASS" ? "green" : "red", status),
      id,
      detail,
    ]);
    io.out(`${columns(rows)}\n${passed} of ${total} cases passed\n`);
  }
  return passed === Object.keys(TCK_CASES).length ? EXIT.ok : EXIT.no;
}

async function* lines(): AsyncGenerator<string> {
  yield `${JSON.stringify({ type: "hello" })}\n`;
  for (const id of Object.keys(TCK_CASES)) {
    yield `${JSON.stringify({ type: "run", id, scenario: id, params: {} })}\n`;
  }
  yield `${JSON.stringify({ type: "bye" })}\n`;
}
