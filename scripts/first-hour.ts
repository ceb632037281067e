/**
 * `pnpm first-hour`: plays the first hour of a newcomer with the tarball, in empty folders: install, quick start,
 * TypeScript, CommonJS, an agent on four protocols, servers that go away, ten wrong set-ups. `--jest` also installs
 * Jest 30. Needs `pnpm build`.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { findPeer, natsServer, redisServer } from "../test/peers/ladder.ts";
import { type Ended, Folder } from "./first-hour/folder.ts";
import { commonJs, commonJsTypes, fourProtocols, WRONG } from "./first-hour/programs.ts";
import { stage } from "./package/stage.ts";

const root = join(import.meta.dirname, "..");
const base = mkdtempSync(join(tmpdir(), "agentwire-first-hour-"));
const servers = (await Promise.all([natsServer, redisServer].map(findPeer))).map((path) =>
  dirname(path ?? ""),
);
const { NATS_URL: _n, REDIS_URL: _r, ...outer } = process.env;
const env = { ...outer, PATH: [...servers, outer.PATH].join(delimiter), NO_COLOR: "1", AGENTWIRE_LOG: "" };
const node = process.execPath;
let [passed, failed] = [0, 0];

/** One step: its name, and what is to hold. */
async function step(name: string, play: () => Promise<string | undefined>): Promise<void> {
  const start = performance.now();
  const finding = await play().catch((error: Error) => error.message);
  const seconds = ((performance.now() - start) / 1_000).toFixed(1).padStart(5);
  if (finding === undefined) passed++;
  else failed++;
  console.log(`${finding === undefined ? "ok  " : "FAIL"} ${seconds} s  ${name}`);
  if (finding !== undefined) console.log(finding.replace(/^/gm, "     "));
}

/** What is wrong with an end, if anything. */
function expected({ code, output }: Ended, exit: number, pattern: RegExp): string | undefined {
  return code === exit && pattern.test(output) ? undefined : `exit ${code}, expected ${pattern}:\n${output}`;
}

const home = new Folder(join(base, "home"), env);
const tsc = join(home.path, "node_modules/typescript/bin/tsc");
const readme = readFileSync(join(root, "README.md"), "utf8");
const quickStart = /```ts\n([\s\S]*?)```/.exec(readme)![1]!;
const shown = /```text\n([\s\S]*?)```/.exec(readme)![1]!;

await step("npm pack of the published folder", async () => {
  const staged = join(base, "staged");
  stage(root, staged);
  const pack = ["pack", "--ignore-scripts", "--silent", "--pack-destination", base];
  return expected(await new Folder(staged, env).run("npm", pack), 0, /agentwire-/);
});
await step("npm init and npm install in an empty folder", async () => {
  await home.run("npm", ["init", "-y"]);
  const options = ["--no-audit", "--no-fund", "--prefer-offline"];
  const tarball = join(base, "agentwire-0.1.0.tgz");
  const ended = await home.run("npm", [
    "install",
    ...options,
    tarball,
    "zod",
    "typescript@5.9",
    "@types/node@20",
  ]);
  return expected(ended, 0, /added \d+ packages/);
});
await step("quick start of the README as main.mjs: prints what is shown, and nothing else", async () => {
  home.write("main.mjs", quickStart);
  const { code, output } = await home.run(node, ["main.mjs"]);
  return code === 0 && output === shown ? undefined : `exit ${code}:\n${output}`;
});
await step("quick start with require() as main.cjs", async () => {
  home.write("main.cjs", commonJs);
  const { code, output } = await home.run(node, ["main.cjs"]);
  return code === 0 && output === shown ? undefined : `exit ${code}:\n${output}`;
});

/** Compiles a file with some options, without a config. */
const compile = (file: string, ...options: string[]) =>
  home.run(node, [tsc, "--strict", "--target", "es2022", "--noEmit", ...options, file]);
await step("TypeScript, nodenext: compiles", async () => {
  home.write("main.mts", fourProtocols);
  home.write("quick.mts", quickStart);
  return expected(await compile("main.mts", "--module", "nodenext", "quick.mts"), 0, /^$/);
});
await step("TypeScript, bundler: compiles", async () =>
  expected(await compile("main.mts", "--module", "esnext", "--moduleResolution", "bundler"), 0, /^$/),
);
await step("TypeScript, CommonJS with nodenext: compiles, and runs with require()", async () => {
  home.write("greet.cts", commonJsTypes);
  const options = ["--strict", "--target", "es2022", "--module", "nodenext", "--outDir", "out"];
  const compiled = expected(await home.run(node, [tsc, ...options, "greet.cts"]), 0, /^$/);
  return compiled ?? expected(await home.run(node, ["out/greet.cjs"]), 0, /^function connected\n$/);
});
await step("TypeScript, CommonJS with node16: refused by the compiler, as the README says", async () =>
  expected(await compile("greet.cts", "--module", "node16"), 2, /TS1479/),
);

for (const { name, program, env: own, prints } of WRONG.filter(({ name }) => name !== "no ioredis")) {
  await step(`wrong: ${name}`, async () => {
    home.write("wrong.mjs", program);
    const { output } = await home.run(node, ["wrong.mjs"], own);
    return prints.every((pattern) => pattern.test(output)) ? undefined : `expected ${prints}:\n${output}`;
  });
}

const bin = join(home.path, "node_modules/agentwire/dist/src/cli/main.js");
const ports = ["nats", "redis", "neuron", "aureus", "4runr"].flatMap((name, at) => [
  `--${name}-port`,
  String(46_710 + at),
]);
const devArgs = [bin, "dev", "--json", "--port", "46709", ...ports];
const startDev = async () => {
  const dev = home.start(node, devArgs);
  const line = await dev.prints(/^\{.*\}$/m);
  return { dev, env: (JSON.parse(line) as { result: { env: Record<string, string> } }).result.env };
};
let { dev, env: given } = await startDev();
await step("wrong: no ioredis", async () => {
  const { program, prints } = WRONG.find(({ name }) => name === "no ioredis")!;
  home.write("wrong.mjs", program);
  const { output } = await home.run(node, ["wrong.mjs"], given);
  return prints.every((pattern) => pattern.test(output)) ? undefined : `expected ${prints}:\n${output}`;
});
await step("npm install ioredis", async () =>
  expected(
    await home.run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", "ioredis"]),
    0,
    /added/,
  ),
);
home.write("four.mjs", fourProtocols.replace(" as const", ""));
let agent = home.start(node, ["four.mjs"], { ...given, AGENTWIRE_LOG: "info" });
const greeting = /"text": ?"Hello, Ada!"[\s\S]*"found": ?10[\s\S]*"workflow": ?"\w+"/;
const submit = async () =>
  expected(
    await home.run(
      node,
      [bin, "submit", "job.greet", "--input", '{"name":"Ada"}', "--timeout-ms", "20000"],
      given,
    ),
    0,
    greeting,
  );
await step(
  "an agent with zod on four protocols against `dev`: says that it serves, answers a job",
  async () => {
    await agent.prints(/the agent serves/);
    await agent.prints(/the neuron serves/);
    return submit();
  },
);
const from = agent.output().length;
await step("`dev` is stopped: the agent says what it lost", async () => {
  if ((await dev.stop("SIGTERM")) !== 0) return dev.output();
  await agent.prints(/agentwire warn .*NATS connection.*(?:disconnect|reconnecting)/, from);
  await agent.prints(/agentwire warn .*stream/, from);
  return undefined;
});
await step("`dev` is started again: the agent says that it is back", async () => {
  ({ dev, env: given } = await startDev());
  await agent.prints(/agentwire info .*NATS connection.*connected/, from);
  return undefined;
});
await step("the agent is started again with the new variables, and answers", async () => {
  if ((await agent.stop("SIGINT")) !== 0) return agent.output();
  agent = home.start(node, ["four.mjs"], { ...given, AGENTWIRE_LOG: "info" });
  await agent.prints(/the agent serves/);
  return submit();
});
await step("Ctrl-C: the agent and `dev` exit with 0", async () => {
  const codes = [await agent.stop("SIGINT"), await dev.stop("SIGINT")];
  return codes.every((code) => code === 0) ? undefined : `exit codes ${codes}:\n${agent.output()}`;
});
if (process.argv.includes("--jest")) {
  await step("Jest 30 with --experimental-vm-modules", async () => {
    const install = ["install", "--no-audit", "--no-fund", "--prefer-offline", "jest@30"];
    const installed = expected(await home.run("npm", install), 0, /added/);
    if (installed !== undefined) return installed;
    home.write(
      "greet.test.mjs",
      `import { runHandler } from "agentwire/testing";
import { defineHandler } from "agentwire/handler";
test("greets", async () => {
  const run = await runHandler(defineHandler({ run: ({ name }) => "Hello, " + name }), { name: "Ada" });
  expect(run.output).toBe("Hello, Ada");
});
`,
    );
    const args = [
      "--experimental-vm-modules",
      "node_modules/jest/bin/jest.js",
      "--testMatch",
      "**/greet.test.mjs",
    ];
    return expected(await home.run(node, args), 0, /1 passed/);
  });
}
rmSync(base, { recursive: true, force: true });
console.log(`first hour: ${passed} of ${passed + failed}, Node ${process.versions.node}`);
process.exitCode = failed === 0 ? 0 : 1;
