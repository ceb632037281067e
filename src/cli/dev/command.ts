/** `agentwire dev`: all counterparts on this machine, until Ctrl-C. */
import { rm } from "node:fs/promises";
import { onAbort } from "../../core/on-abort.js";
import { type Command, UsageError } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { columns, type Io, oneLine, paint } from "../io.js";
import { publicKeysOf, readKeyFiles, readPrivateKey } from "../key-files.js";
import { envLines, writeEnvFile } from "./env.js";
import { loadFunctions, loadPolicy } from "./functions.js";
import { type Stack, startStack, statusOf } from "./stack.js";
import { readToken } from "./token.js";

/** Options, help and run of `agentwire dev`. */
export const devCommand: Command = {
  options: [
    {
      name: "nats",
      value: "URL",
      about: "the NATS server to use (default: nats-server from the PATH, started here)",
    },
    {
      name: "redis",
      value: "URL",
      about: "the Redis to name (default: redis-server from the PATH, started here)",
    },
    { name: "jetstream", about: "start nats-server with JetStream" },
    { name: "key", value: "PEM", about: "private key of the scheduler (default: its packets are unsigned)" },
    {
      name: "trust",
      value: "SENDER=PEM",
      multiple: true,
      about: "whose packets it takes (default: everybody's)",
    },
    { name: "demo", about: "a CAP worker on job.echo, and a first task for every capability of a neuron" },
    {
      name: "tools",
      value: "FILE",
      about: "an ES module: its functions are tools of Aureus, its objects tools of 4Runr",
    },
    { name: "validators", value: "FILE", about: "an ES module: its functions are validators of Aureus" },
    {
      name: "policy",
      value: "FILE",
      about: "an ES module: its default export allows, denies or holds every CAP job",
    },
    {
      name: "record",
      value: "FILE",
      about: "write everything that goes over the protocols to a new capture",
    },
    { name: "raw", about: "with --record: the bytes of messages too, which may hold secrets" },
    {
      name: "token-file",
      value: "FILE",
      about: "keep the token of the page there, so that a bookmark keeps working",
    },
    {
      name: "write-env",
      value: "FILE",
      about: "also write the variables there, mode 0600; the file goes when this ends",
    },
    {
      name: "env-file",
      value: "FILE",
      about: "the same, but Node 20 takes an option of this name for itself",
    },
    { name: "port", value: "N", about: "of the inspector page (each port: default any free one)" },
    { name: "nats-port", value: "N", about: "of nats-server" },
    { name: "redis-port", value: "N", about: "of redis-server" },
    { name: "neuron-port", value: "N", about: "of the neuron gateway" },
    { name: "aureus-port", value: "N", about: "of Aureus" },
    { name: "4runr-port", value: "N", about: "of the 4Runr gateway" },
    { name: "quiet", about: "do not tell of jobs, tasks and calls" },
  ],
  maxArguments: 0,
  stops: true,
  notes:
    "Prints NAME=value lines for the environment, in any language; with --json one line of JSON. What happens then\n" +
    "goes to stderr. Ends in order at Ctrl-C or SIGTERM, with exit code 0. Without a NATS server the CAP part is off\n" +
    "and the others run. A task for a neuron: POST /neuron/tasks {capability, input} at the inspector.",
  examples: [
    ["dev", "everything that can run here"],
    ["dev --write-env .env.dev --demo", "then, elsewhere: set -a; . ./.env.dev; python my_agent.py"],
    ["dev --nats nats://127.0.0.1:4222 --json", "with a server that runs already, for a program"],
  ],
  async run(args, io) {
    const keys = await readKeyFiles(args, "trust");
    const trusted = publicKeysOf(keys);
    if (args.flag("raw") && args.text("record") === undefined)
      throw new UsageError("--raw requires --record FILE");
    const keyFile = args.text("key");
    if (trusted !== undefined && args.flag("demo")) {
      throw new UsageError("--demo has a worker without a key, which --trust would refuse");
    }
    const quiet = args.flag("quiet");
    const stack = await startStack({
      nats: args.text("nats"),
      redis: args.text("redis"),
      jetstream: args.flag("jetstream"),
      demo: args.flag("demo"),
      privateKey: keyFile === undefined ? undefined : await readPrivateKey(keyFile),
      publicKeys: trusted,
      keys,
      policy: await loadPolicy(args.text("policy")),
      record: args.text("record"),
      raw: args.flag("raw"),
      token: await readToken(args.text("token-file")),
      functions: await loadFunctions(args.text("tools"), args.text("validators")),
      port: args.whole("port"),
      natsPort: args.whole("nats-port"),
      redisPort: args.whole("redis-port"),
      neuronPort: args.whole("neuron-port"),
      aureusPort: args.whole("aureus-port"),
      fourRunrPort: args.whole("4runr-port"),
      env: io.env,
      log: (part, text) => void (quiet || io.err(`${part.padEnd(7)} ${oneLine(text)}\n`)),
    });
    const envFile = args.text("write-env") ?? args.text("env-file");
    try {
      if (envFile !== undefined) await writeEnvFile(envFile, stack.env);
      tell(stack, args.flag("json"), io);
      await aborted(io.signal);
    } finally {
      await stack.close();
      // Its values lead nowhere from here on.
      if (envFile !== undefined && io.signal.aborted) await rm(envFile, { force: true });
    }
    if (!args.flag("json")) io.err("stopped\n");
    return EXIT.ok;
  },
};

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else onAbort(signal, resolve);
  });
}

function tell({ parts, env, url, pageUrl }: Stack, json: boolean, io: Io): void {
  if (json) {
    io.out(`${JSON.stringify({ env, health: url, inspector: pageUrl, parts: statusOf(parts) })}\n`);
    return;
  }
  const rows = parts.map(({ name, state, reason }) => [
    paint(io, state === "running" ? "green" : "yellow", name),
    reason === undefined ? state : `${state}: ${reason}`,
  ]);
  io.err(columns([...rows, ["page", pageUrl]]));
  io.out(envLines(env));
  io.err("runs until Ctrl-C\n");
}
