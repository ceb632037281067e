#!/usr/bin/env node
/** The `agentwire` command. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { errorText } from "../core/errors.js";
import { VERSION } from "../index.js";
import { runDemo } from "./demo.js";
import { formatDemo } from "./demo-report.js";
import { runEnroll } from "./enroll.js";

const HELP = `agentwire ${VERSION}: one package for the four wires of AI agents

usage: agentwire <command> [options]

commands
  demo [--file PATH] [--nats URL] [--json]
        run a signed CAP job from submit to verified result, in this process or through a NATS server
  enroll --moku-url URL [--name NAME] [--capabilities a,b] [--credentials-file PATH] [--json]
        enroll this machine as a neuron: an administrator approves it in a browser

options
  --help, -h      this text
  --version, -v   the version

exit codes: 0 done, 1 a check did not hold, something failed, or no command; 2 the command line is wrong;
130 interrupted
`;

/** Runs one command. Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h" },
      version: { type: "boolean", short: "v" },
      file: { type: "string" },
      nats: { type: "string" },
      json: { type: "boolean" },
      "moku-url": { type: "string" },
      name: { type: "string" },
      capabilities: { type: "string" },
      "credentials-file": { type: "string" },
    },
  });
  const [command, ...rest] = positionals;
  if (values.version) return print(`${VERSION}\n`);
  if (values.help) return print(HELP);
  if (command === undefined) {
    process.stderr.write(HELP);
    return 1;
  }
  if (command === "enroll" && rest.length === 0) {
    return untilInterrupted((signal) =>
      runEnroll(
        {
          mokuUrl: values["moku-url"],
          name: values.name,
          capabilities: values.capabilities,
          credentialsFile: values["credentials-file"],
          json: values.json,
        },
        {
          signal,
          out: (text) => void process.stdout.write(text),
          err: (text) => void process.stderr.write(text),
        },
      ),
    );
  }
  if (command !== "demo" || rest.length > 0) {
    process.stderr.write(`agentwire: unknown command: ${positionals.join(" ")}\n\n${HELP}`);
    return 2;
  }
  const report = await runDemo({
    file: values.file ?? join(packageRoot(), "specs/cap/README.md"),
    nats: values.nats,
  });
  print(values.json ? `${JSON.stringify(report, null, 2)}\n` : formatDemo(report));
  return report.checks.every(({ held }) => held) ? 0 : 1;
}

/** Runs with a signal that fires on Ctrl-C; a second Ctrl-C ends the process. */
async function untilInterrupted(run: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  const interrupt = (): void => controller.abort();
  process.once("SIGINT", interrupt);
  try {
    return await run(controller.signal);
  } finally {
    process.off("SIGINT", interrupt);
  }
}

function print(text: string): 0 {
  process.stdout.write(text);
  return 0;
}

/** The folder with package.json: two levels up in the sources, three in the build. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`agentwire: ${errorText(error)}\n`);
    process.exitCode = (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS") ? 2 : 1;
  },
);
