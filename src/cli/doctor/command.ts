/** `agentwire doctor`: checks what an agent needs. */
import { type CliCommand, choice, repeated, wholeNumber } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { type Color, columns, type Io, oneLine, paint } from "../io.js";
import type { Check, Situation } from "./check.js";
import { check4Runr, checkAureus, checkClocks, checkNeuron } from "./http.js";
import { checkKeys, checkMachine } from "./local.js";
import { checkNats, checkRedis } from "./nats.js";
import { type DoctorOptions, ROLES } from "./options.js";

const COLORS: Readonly<Record<Check["status"], Color>> = {
  ok: "green",
  warn: "yellow",
  fail: "red",
  skip: "dim",
};

/** `agentwire doctor`. */
export const doctorCommand: CliCommand = {
  configure: (command) =>
    command
      .option("--nats <url>", "NATS server (default: NATS_URL)")
      .option("--redis <url>", "Redis (default: REDIS_URL)")
      .option("--neuron <url>", "BigBrain gateway (default: BIGBRAIN_GATEWAY_URL)")
      .option("--aureus <url>", "Aureus (default: AUREUS_URL)")
      .option("--4runr <url>", "4Runr gateway (default: GATEWAY_URL)")
      .addOption(
        choice(
          "--role <role>",
          "role whose subjects are tried on NATS, which it requires (default: client)",
          ROLES,
        ),
      )
      .option("--topic <subject>", "topic that a worker or scheduler also needs", repeated)
      .option("--publish", "also publish an empty message on each subject; receivers refuse and log it")
      .option("--key <pem>", "private key to check")
      .option("--trust <sender=pem>", "public key to check", repeated)
      .option("--sender <id>", "owner of --key: its public key must be one of --trust")
      .option("--timeout-ms <n>", "time for each server", wholeNumber(1), 5_000),
  stops: true,
  notes:
    "Checks only what options and environment name, and changes nothing: on NATS it subscribes briefly without a\n" +
    "queue group, on a neuron gateway it opens a stream under an id of its own and registers nothing.\n" +
    "Exit code 1: a check failed. 3: a server cannot be reached or refuses the credentials.",
  examples: [
    ["doctor", "what the environment names"],
    ["doctor --role worker --topic job.summarize --publish", "may this NATS user be a worker?"],
    [
      "doctor --key k.pem --sender worker-1 --trust worker-1=k.pub.pem --json",
      "do these keys belong together?",
    ],
  ],
  async run(options: DoctorOptions, { env, signal, ...io }) {
    const situation: Situation = { options, env, signal, times: [] };
    const servers = [checkNats, checkRedis, checkNeuron, checkAureus, check4Runr];
    const found = await Promise.all(servers.map((check) => check(situation)));
    const checks = [
      ...checkMachine(env),
      ...(await checkKeys(options, env)),
      ...found.flat(),
      ...checkClocks(situation.times),
    ];
    const bad = checks.filter(({ status }) => status === "fail");
    const away = bad.some(({ unreachable }) => unreachable);
    return {
      exitCode: bad.length === 0 ? EXIT.ok : away ? EXIT.unreachable : EXIT.no,
      text: format(checks, io),
      result: { checks },
    };
  },
};

function format(checks: readonly Check[], io: Pick<Io, "color">): string {
  const rows = checks.map(({ area, what, status, text }) => [
    paint(io, COLORS[status], status),
    area,
    oneLine(what),
    oneLine(text),
  ]);
  const todo = checks.filter((check) => check.advice !== undefined);
  const advice = todo.map(({ area, what, advice }) => [`  ${area}, ${oneLine(what)}:`, oneLine(advice!)]);
  const count = (status: Check["status"]): number => checks.filter((check) => check.status === status).length;
  const sum = `${count("ok")} ok, ${count("warn")} warnings, ${count("fail")} failed, ${count("skip")} skipped`;
  return `${columns(rows)}${advice.length === 0 ? "" : `\nWhat to do\n${columns(advice)}`}\n${sum}\n`;
}
