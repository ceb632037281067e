/**
 * The first hour of a newcomer, in empty folders: install, quick start, TypeScript, CommonJS, an agent on four
 * protocols, servers that go away, ten wrong set-ups. Each step needs those before it.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { findPeer, natsServer, redisServer } from "../peers/ladder.ts";
import { expectEnd, Folder, type Running } from "./folder.ts";
import { root, tarball } from "./pack.ts";
import { commonJs, commonJsTypes, fourProtocols, jestTest, WRONG, type WrongSetUp } from "./programs.ts";

const base = mkdtempSync(join(tmpdir(), "agentwire-first-hour-"));
const servers = (await Promise.all([natsServer, redisServer].map(findPeer))).map((path) =>
  dirname(path ?? ""),
);
const { NATS_URL: _n, REDIS_URL: _r, ...outer } = process.env;
const env = {
  ...outer,
  PATH: [...servers, outer.PATH].join(delimiter),
  AGENTWIRE_LOG: "",
  // `dev` keeps its identity there; HOME stays, for npm has its cache in it.
  XDG_STATE_HOME: join(base, "state"),
};
const node = process.execPath;
const home = new Folder(join(base, "home"), env);
const tsc = join(home.path, "node_modules/typescript/bin/tsc");
const bin = join(home.path, "node_modules/agentwire/dist/src/cli/main.js");
const readme = readFileSync(join(root, "README.md"), "utf8");
const quickStart = /```ts\n([\s\S]*?)```/.exec(readme)![1]!;
const shown = /```text\n([\s\S]*?)```/.exec(readme)![1]!;

const install = (...packages: string[]) =>
  home.run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...packages]);
/** Compiles a file with some options, without a config. */
const compile = (file: string, ...options: string[]) =>
  home.run(node, [tsc, "--strict", "--target", "es2022", ...options, file]);

let dev: Running | undefined;
let agent: Running | undefined;
let given: NodeJS.ProcessEnv = {};
let seen = 0;

const ports = ["nats", "redis", "neuron", "aureus", "4runr"].flatMap((name, at) => [
  `--${name}-port`,
  String(46_710 + at),
]);
async function startDev(): Promise<void> {
  dev = home.spawn(node, [bin, "dev", "--json", "--port", "46709", ...ports]);
  const line = await dev.prints(/^\{.*\}$/m);
  given = (JSON.parse(line) as { result: { env: Record<string, string> } }).result.env;
}
async function startAgent(): Promise<void> {
  agent = home.spawn(node, ["four.mjs"], { ...given, AGENTWIRE_LOG: "info" });
  await agent.prints(/the agent serves/);
}
const submit = () =>
  expectEnd(
    home.run(node, [bin, "submit", "job.greet", "--input", '{"name":"Ada"}', "--timeout-ms", "20000"], given),
    0,
    /"text": ?"Hello, Ada!"[\s\S]*"found": ?10[\s\S]*"workflow": ?"\w+"/,
  );
async function goesWrong({ program, prints }: WrongSetUp, own: NodeJS.ProcessEnv = {}): Promise<void> {
  home.write("wrong.mjs", program);
  const { output } = await home.run(node, ["wrong.mjs"], own);
  for (const pattern of prints) expect(output).toMatch(pattern);
}

afterAll(async () => {
  await Promise.all([agent?.stop("SIGKILL"), dev?.stop("SIGKILL")]);
  rmSync(base, { recursive: true, force: true });
});

it("npm init and npm install in an empty folder", async () => {
  await home.run("npm", ["init", "-y"]);
  await expectEnd(install(tarball, "zod", "typescript@5.9", "@types/node@20"), 0, /added \d+ packages/);
});

it.each([
  ["the README as main.mjs", "main.mjs", quickStart],
  ["require() as main.cjs", "main.cjs", commonJs],
])("quick start with %s: prints what is shown, and nothing else", async (_, file, program) => {
  home.write(file, program);
  expect(await home.run(node, [file])).toEqual({ code: 0, output: shown });
});

it("TypeScript, nodenext and bundler: compiles", async () => {
  home.write("main.mts", fourProtocols);
  home.write("quick.mts", quickStart);
  await expectEnd(compile("main.mts", "--noEmit", "--module", "nodenext", "quick.mts"), 0, /^$/);
  const bundler = ["--noEmit", "--module", "esnext", "--moduleResolution", "bundler"];
  await expectEnd(compile("main.mts", ...bundler), 0, /^$/);
});

it("TypeScript, CommonJS: runs with nodenext, is refused with node16, as the README says", async () => {
  home.write("greet.cts", commonJsTypes);
  await expectEnd(compile("greet.cts", "--module", "nodenext", "--outDir", "out"), 0, /^$/);
  await expectEnd(home.run(node, ["out/greet.cjs"]), 0, /^function connected\n$/);
  await expectEnd(compile("greet.cts", "--noEmit", "--module", "node16"), 2, /TS1479/);
});

const noRedis = WRONG.find(({ name }) => name === "no ioredis")!;
it.each(WRONG.filter((wrong) => wrong !== noRedis))("wrong: $name", async (wrong) => {
  await goesWrong(wrong, wrong.env);
});

it("wrong: no ioredis; npm install ioredis", async () => {
  await startDev();
  await goesWrong(noRedis, given);
  await expectEnd(install("ioredis"), 0, /added/);
});

it("an agent with zod on four protocols against `dev`: says that it serves, answers a job", async () => {
  home.write("four.mjs", fourProtocols.replace(" as const", ""));
  await startAgent();
  await agent!.prints(/the neuron serves/);
  await submit();
});

it("`dev` is stopped: the agent says what it lost", async () => {
  seen = agent!.output().length;
  expect(await dev!.stop("SIGTERM")).toBe(0);
  await agent!.prints(/agentwire warn .*NATS connection.*(?:disconnect|reconnecting)/, seen);
  await agent!.prints(/agentwire warn .*stream/, seen);
});

it("`dev` is started again: the agent says that it is back", async () => {
  await startDev();
  await agent!.prints(/agentwire info .*NATS connection.*connected/, seen);
});

it("the agent is started again with the new variables, and answers", async () => {
  expect(await agent!.stop("SIGINT"), agent!.output()).toBe(0);
  await startAgent();
  await submit();
});

it("Ctrl-C: the agent and `dev` exit with 0", async () => {
  expect([await agent!.stop("SIGINT"), await dev!.stop("SIGINT")], agent!.output()).toEqual([0, 0]);
});

it.runIf(process.env.AGENTWIRE_JEST === "1")("Jest 30 with --experimental-vm-modules", async () => {
  await expectEnd(install("jest@30"), 0, /added/);
  home.write("greet.test.mjs", jestTest);
  const jest = ["--experimental-vm-modules", "node_modules/jest/bin/jest.js", "--testMatch"];
  await expectEnd(home.run(node, [...jest, "**/greet.test.mjs"]), 0, /1 passed/);
});
