/**
 * `pnpm secrets [folder…]`: runs tests with every log line on, and looks for every planted secret in all that they print
 * and in all files that they leave. Before that, a control leaks one secret on each channel, and each has to be found.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHANNELS, controlSecret } from "./control.ts";
import { plantedSecrets } from "./planted.ts";

const FOLDERS = [
  "core",
  "http",
  "cap",
  "cap-agent",
  "cap-client",
  "neuron",
  "4runr",
  "aureus",
  "otel",
  "cli",
];

/** Files that hold keys and credentials on purpose, and the cache of compiled sources. */
const OF_SECRETS = /\.pem$|\/credentials\.json$|\/token$|\/tsx-[^/]*\//;

/** Everything that a run printed and left behind. */
function traces(paths: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const folder = mkdtempSync(join(tmpdir(), "agentwire-secrets-"));
  try {
    const { stdout, stderr, status } = spawnSync("npx", ["vitest", "run", "--reporter=dot", ...paths], {
      encoding: "utf8",
      maxBuffer: 2 ** 30,
      env: { ...process.env, ...env, AGENTWIRE_TEST_LOG: "debug", TMPDIR: folder },
    });
    const left = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !OF_SECRETS.test(path))
      .map((path) => readFileSync(path, "latin1"));
    return { texts: [stdout, stderr, ...left], files: left.length, status };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const say = (text: string) => process.stdout.write(`${text}\n`);
const control = traces(["test/secrets"], { AGENTWIRE_LEAK: "1" });
const missed = CHANNELS.filter(
  (channel) => !control.texts.some((text) => text.includes(controlSecret(channel))),
);
say(
  `control: ${CHANNELS.length - missed.length} of ${CHANNELS.length} leaks found${missed.map((one) => `, not on ${one}`)}`,
);

const given = process.argv.slice(2);
const secrets = plantedSecrets();
const { texts, files, status } = traces(given.length > 0 ? given : FOLDERS.map((name) => `test/${name}`));
const found = [...secrets].filter(([secret]) => texts.some((text) => text.includes(secret)));
const size = texts.reduce((sum, text) => sum + text.length, 0);
say(`${secrets.size} planted secrets, ${size} characters of output, ${files} files: ${found.length} found`);
// The secret itself is not printed here either.
for (const [secret, path] of found) {
  const text = texts.find((one) => one.includes(secret))!;
  const at = text.indexOf(secret);
  const around = text.slice(Math.max(0, at - 200), at + 200).replaceAll(secret, `${secret.slice(0, 4)}…`);
  say(`  ${secret.slice(0, 4)}… of ${path}, in: ${JSON.stringify(around)}`);
}
if (status !== 0) say(`the tests ended with ${status}: run them for the reason`);
process.exitCode = missed.length + found.length > 0 || status !== 0 ? 1 : 0;
