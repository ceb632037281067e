/** `agentwire doctor`: is everything there that an agent needs? */
import type { Command } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { type Color, columns, type Io, oneLine, paint, printJson } from "../io.js";
import type { Check, Findings } from "./check.js";
import { check4Runr, checkAureus, checkClocks, checkNeuron } from "./http.js";
import { checkKeys, checkMachine } from "./local.js";
import { checkNats, checkRedis, ROLES } from "./nats.js";

const COLORS: Readonly<Record<Check["status"], Color>> = {
  ok: "green",
  warn: "yellow",
  fail: "red",
  skip: "dim",
};

/** Options, help and run of `agentwire doctor`. */
export const doctorCommand: Command = {
  options: [
    { name: "nats", value: "URL", about: "default: NATS_URL" },
    { name: "redis", value: "URL", about: "default: REDIS_URL" },
    { name: "neuron", value: "URL", about: "the BigBrain gateway (default: BIGBRAIN_GATEWAY_URL)" },
    { name: "aureus", value: "URL", about: "default: AUREUS_URL" },
    { name: "4runr", value: "URL", about: "default: GATEWAY_URL" },
    { name: "role", value: ROLES.join("|"), about: "whose subjects are tried on NATS (default: client)" },
    {
      name: "topic",
      value: "SUBJECT",
      multiple: true,
      about: "a topic that a worker or scheduler needs too",
    },
    {
      name: "publish",
      about: "also try to publish: an empty message on each subject, which receivers refuse and log",
    },
    { name: "key", value: "PEM", about: "private key to look at" },
    { name: "trust", value: "SENDER=PEM", multiple: true, about: "public key to look at" },
    {
      name: "sender",
      value: "ID",
      about: "whose private key --key is: it must be the half of one of --trust",
    },
    { name: "timeout-ms", value: "N", about: "for each server (default: 5000)" },
  ],
  maxArguments: 0,
  stops: true,
  notes:
    "Looks at what options and environment name, and at nothing else. It changes nothing: on NATS it listens for a\n" +
    "moment in no queue group, at a neuron gateway it opens a stream under an id of its own and registers nothing.\n" +
    "Exit code 1: a check failed. 3: a server cannot be reached, or does not let us in.",
  examples: [
    ["doctor", "what the environment names"],
    ["doctor --role worker --topic job.summarize --publish", "may this NATS user be a worker?"],
    [
      "doctor --key k.pem --sender worker-1 --trust worker-1=k.pub.pem --json",
      "do these keys belong together?",
    ],
  ],
  async run(args, io) {
    const { env, signal } = io;
    const timeoutMs = args.whole("timeout-ms", 1) ?? 5_000;
    const bounds = { timeoutMs, signal };
    const role = args.choice("role", ROLES, "client");
    const servers: readonly Findings[] = await Promise.all([
      checkNats({ args, role, env, ...bounds }),
      checkRedis(args, env, timeoutMs),
      checkNeuron(args, env, bounds),
      checkAureus(args, env, bounds),
      check4Runr(args, env, bounds),
    ]);
    const checks = [
      ...checkMachine(env),
      ...(await checkKeys(args, env)),
      ...servers.flatMap((found) => found.checks),
      ...checkClocks(servers.flatMap(({ times }) => times ?? [])),
    ];
    if (args.flag("json")) printJson(io, { ok: checks.every(({ status }) => status !== "fail"), checks });
    else io.out(format(checks, io));
    const bad = checks.filter(({ status }) => status === "fail");
    if (bad.length === 0) return EXIT.ok;
    return bad.some(({ unreachable }) => unreachable) ? EXIT.unreachable : EXIT.no;
  },
};

function format(checks: readonly Check[], io: Io): string {
  const rows = checks.map(({ area, what, status, text }) => [
    paint(io, COLORS[status], status),
    area,
    oneLine(what),
    oneLine(text),
  ]);
  const todo = checks.filter((check) => check.advice !== undefined);
  const advice = todo.map(({ area, what, advice }) => [`  ${area}, ${oneLine(what)}:`, oneLine(advice!)]);
  const count = (status: Check["status"]): number => checks.filter((check) => check.status === status).length;
  const sum = `${count("ok")} ok, ${count("warn")} to look at, ${count("fail")} failed, ${count("skip")} not looked at`;
  return `${columns(rows)}${advice.length === 0 ? "" : `\nwhat to do\n${columns(advice)}`}\n${sum}\n`;
}
