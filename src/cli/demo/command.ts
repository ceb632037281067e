/** `agentwire demo` on the command line. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { printJson } from "../io.js";
import { runDemo } from "./play.js";
import { formatEnd, hopLine } from "./report.js";

/** `agentwire demo`. */
export const demoCommand: Command = {
  options: [
    {
      name: "file",
      value: "PATH",
      about: "the file that is served as the page (default: one of this package)",
    },
    { name: "nats", value: "URL", about: "run the CAP wire through this server (default: in this process)" },
  ],
  maxArguments: 0,
  examples: [
    ["demo", "no server needed"],
    ["demo --nats nats://127.0.0.1:4222 --json", "the CAP wire through a server"],
  ],
  async run(args, io) {
    const file = args.text("file") ?? join(packageRoot(), "specs/cap/README.md");
    const json = args.flag("json");
    if (!json)
      io.out(`one agent, four wires: fetch ${file}, summarise it, save the summary if Aureus lets it\n\n`);
    const onHop = json ? undefined : (hop: Parameters<typeof hopLine>[1]) => io.out(hopLine(io, hop));
    const report = await runDemo({ file, nats: args.text("nats"), onHop, signal: io.signal });
    if (json) printJson(io, report);
    else io.out(formatEnd(io, report));
    return report.checks.every(({ held }) => held) ? EXIT.ok : EXIT.no;
  },
};

/** The folder with package.json: some levels up in the sources, one more in the build. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}
