/** `agentwire demo` on the command line. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "./command.js";
import { runDemo } from "./demo.js";
import { formatDemo } from "./demo-report.js";
import { EXIT } from "./exit-codes.js";
import { printJson } from "./io.js";

/** Options, help and run of `agentwire demo`. */
export const demoCommand: Command = {
  options: [
    { name: "file", value: "PATH", about: "the text to summarise (default: a document of this package)" },
    { name: "nats", value: "URL", about: "run through this server (default: in this process)" },
  ],
  maxArguments: 0,
  examples: [
    ["demo", "no server needed"],
    ["demo --nats nats://127.0.0.1:4222 --json", "the same through a server"],
  ],
  async run(args, io) {
    const file = args.text("file") ?? join(packageRoot(), "specs/cap/README.md");
    const report = await runDemo({ file, nats: args.text("nats") });
    if (args.flag("json")) printJson(io, report);
    else io.out(formatDemo(report));
    return report.checks.every(({ held }) => held) ? EXIT.ok : EXIT.no;
  },
};

/** The folder with package.json: two levels up in the sources, three in the build. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}
