/** `agentwire demo` on the command line. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CliCommand, JsonOption } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { runDemo } from "./play.js";
import { formatEnd, hopLine } from "./report.js";

interface DemoOptions extends JsonOption {
  readonly file?: string;
  readonly nats?: string;
}

/** `agentwire demo`. */
export const demoCommand: CliCommand = {
  configure: (command) =>
    command
      .option("--file <path>", "the file that is served as the page (default: one of this package)")
      .option("--nats <url>", "NATS server for CAP (default: a bus in this process)"),
  examples: [
    ["demo", "no server needed"],
    ["demo --nats nats://127.0.0.1:4222 --json", "CAP through a server"],
  ],
  async run({ file = join(packageRoot(), "specs/cap/README.md"), nats, json }: DemoOptions, io) {
    if (!json) {
      io.out(
        `one agent, four protocols: fetch ${file}, summarize it, save the summary if Aureus allows it\n\n`,
      );
    }
    const onHop = json ? undefined : (hop: Parameters<typeof hopLine>[1]) => io.out(hopLine(io, hop));
    const report = await runDemo({ file, nats, onHop, signal: io.signal });
    const exitCode = report.checks.every(({ held }) => held) ? EXIT.ok : EXIT.no;
    return { exitCode, result: report, text: formatEnd(io, report) };
  },
};

/** The folder with package.json: some levels up in the sources, one more in the build. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}
