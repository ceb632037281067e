/** `agentwire dev`: all local servers on this machine, until Ctrl-C. */
import { rm } from "node:fs/promises";
import { onAbort } from "../../core/on-abort.js";
import { type CliCommand, type JsonOption, port, repeated, UsageError } from "../command.js";
import { columns, type Io, oneLine, paint } from "../io.js";
import { publicKeysOf, readKeyFiles, readPrivateKey } from "../key-files.js";
import { envLines, writeEnvFile } from "./env.js";
import { loadFunctions, loadPolicy } from "./functions.js";
import { type Stack, startStack, statusOf } from "./stack.js";
import { readToken } from "./token.js";
import { devTrustOf } from "./trust.js";

/** What the command line of `agentwire dev` says. */
interface DevOptions extends JsonOption {
  readonly nats?: string;
  readonly redis?: string;
  readonly jetstream?: boolean;
  readonly key?: string;
  readonly trust?: readonly string[];
  readonly fault?: readonly string[];
  readonly production?: boolean;
  readonly demo?: boolean;
  readonly tools?: string;
  readonly validators?: string;
  readonly policy?: string;
  readonly record?: string;
  readonly replay?: string;
  readonly raw?: boolean;
  readonly tokenFile?: string;
  readonly writeEnv?: string;
  readonly envFile?: string;
  readonly port?: number;
  readonly natsPort?: number;
  readonly redisPort?: number;
  readonly neuronPort?: number;
  readonly aureusPort?: number;
  readonly "4runrPort"?: number;
  readonly quiet?: boolean;
}

/** `agentwire dev`. */
export const devCommand: CliCommand = {
  configure: (command) =>
    command
      .option("--nats <url>", "NATS server to use (default: starts nats-server from the PATH)")
      .option("--redis <url>", "Redis to use (default: starts redis-server from the PATH)")
      .option("--jetstream", "start nats-server with JetStream")
      .option("--key <pem>", "file with the scheduler's private key (default: its packets are unsigned)")
      .option(
        "--trust <sender[=pem]>",
        "accept packets of this sender only (default: all). Without a key: enroll it as a worker, with a new key, " +
          "and issue worker trust sessions to it",
        repeated,
      )
      .option(
        "--fault <fault>",
        "with --trust: what goes wrong with the next handshake, in order: none, silent, reject, wrong-key, bad-nonce, " +
          "expired or replayed",
        repeated,
      )
      .option("--production", "with --trust: dispatch jobs under CAP-PRODUCTION")
      .option("--demo", "serve a CAP job, job.echo, and send a first task to every neuron capability")
      .option("--tools <file>", "ES module: its functions are Aureus tools, its objects 4Runr tools")
      .option("--validators <file>", "ES module: its functions are Aureus validators")
      .option("--policy <file>", "ES module: its default export allows, denies or holds CAP jobs")
      .option("--record <file>", "write everything that goes over the four protocols to this new capture")
      .option("--raw", "with --record: include the bytes of messages. They may contain tokens")
      .option("--replay <file>", "send the jobs, tasks and requests of this capture again")
      .option("--token-file <file>", "keep the token of the inspector in this file, for a bookmark")
      .option("--write-env <file>", "also write the variables to this file, mode 0600; deleted on exit")
      .option("--env-file <file>", "same as --write-env; Node 20 takes an option of this name for itself")
      .option("--port <n>", "port of the inspector (every port defaults to a free one)", port)
      .option("--nats-port <n>", "port of nats-server", port)
      .option("--redis-port <n>", "port of redis-server", port)
      .option("--neuron-port <n>", "port of the neuron gateway", port)
      .option("--aureus-port <n>", "port of Aureus", port)
      .option("--4runr-port <n>", "port of the 4Runr gateway", port)
      .option("--quiet", "do not print jobs, tasks and calls"),
  stops: true,
  notes:
    "Prints NAME=value lines for the environment of programs in any language. Jobs, tasks and calls go to stderr.\n" +
    "Exits cleanly on Ctrl-C or SIGTERM, with exit code 0. Without a NATS server, CAP is disabled and the other\n" +
    "servers still start. To send a task to a neuron: POST /neuron/tasks {capability, input} at the inspector.",
  examples: [
    ["dev", "everything that can run on this machine"],
    ["dev --write-env .env.dev --demo", "then, elsewhere: set -a; . ./.env.dev; python my_agent.py"],
    [
      "dev --trust worker-1 --fault silent",
      "issue worker trust sessions; the first request gets no response",
    ],
    ["dev --nats nats://127.0.0.1:4222 --json", "with a NATS server that is running, for a program"],
  ],
  async run(options: DevOptions, io) {
    const [senders, workers] = [true, false].map((hasKey) =>
      (options.trust ?? []).filter((text) => text.includes("=") === hasKey),
    );
    const keys = await readKeyFiles(senders);
    const trusted = publicKeysOf(keys);
    const trust = devTrustOf(workers!, options.fault, options.production);
    if (options.raw && options.record === undefined) throw new UsageError("--raw requires --record <file>");
    if ((trusted ?? trust) !== undefined && options.demo) {
      throw new UsageError("--demo has a worker without a key, which --trust would refuse");
    }
    const stack = await startStack({
      ...options,
      jetstream: options.jetstream ?? false,
      demo: options.demo ?? false,
      privateKey: options.key === undefined ? undefined : await readPrivateKey(options.key),
      publicKeys: trusted,
      trust,
      keys,
      policy: await loadPolicy(options.policy),
      token: await readToken(options.tokenFile),
      functions: await loadFunctions(options.tools, options.validators),
      fourRunrPort: options["4runrPort"],
      env: io.env,
      log: (part, text) => void (options.quiet || io.err(`${part.padEnd(7)} ${oneLine(text)}\n`)),
    });
    const envFile = options.writeEnv ?? options.envFile;
    try {
      if (envFile !== undefined) await writeEnvFile(envFile, stack.env);
      report(stack, options.json ?? false, io);
      await aborted(io.signal);
    } finally {
      await stack.close();
      // Its values lead nowhere from here on.
      if (envFile !== undefined && io.signal.aborted) await rm(envFile, { force: true });
    }
    if (!options.json) io.err("stopped\n");
    return {};
  },
};

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else onAbort(signal, resolve);
  });
}

function report({ parts, env, url, pageUrl }: Stack, json: boolean, io: Io): void {
  if (json) {
    const result = { env, health: url, inspector: pageUrl, parts: statusOf(parts) };
    io.out(`${JSON.stringify({ ok: true, command: "dev", result })}\n`);
    return;
  }
  const rows = parts.map(({ name, state, reason }) => [
    paint(io, state === "running" ? "green" : "yellow", name),
    reason === undefined ? state : `${state}: ${reason}`,
  ]);
  io.err(columns([...rows, ["inspector", pageUrl]]));
  io.out(envLines(env));
  io.err("runs until Ctrl-C\n");
}
