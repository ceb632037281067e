/**
 * `pnpm matrix`: the packed package in use on every runtime, in a browser, and under every compiler.
 *
 * Fetches runtimes and compilers into `.cache/`, each once. What cannot be fetched is named, and is a failure with
 * AGENTWIRE_STRICT=1. `--only node,types,…` runs some of it; `--write` puts the table into
 * docs/compatibility.md.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeBlock } from "./docs/blocks.ts";
import { runBundlers } from "./matrix/bundlers.ts";
import { runInChromium } from "./matrix/chromium.ts";
import { corsProxy } from "./matrix/cors.ts";
import { NotFetched } from "./matrix/fetch.ts";
import { bundleSmoke, makeProject } from "./matrix/project.ts";
import { runReadme } from "./matrix/readme.ts";
import { runOn } from "./matrix/run.ts";
import type { Peers } from "./matrix/smoke/peers.ts";
import { isGreen, markdownTable, type Row, rowLines } from "./matrix/table.ts";
import { checkTypes } from "./matrix/types.ts";
import { chromium, serverRuntimes, typescriptVersions, workerd } from "./matrix/versions.ts";
import { runOnWorkerd } from "./matrix/workerd.ts";

const { values } = parseArgs({
  options: { only: { type: "string" }, write: { type: "boolean", default: false } },
});
const wanted = values.only?.split(",").map((name) => name.toLowerCase());
const wants = (...names: string[]) =>
  wanted === undefined || names.some((name) => wanted.includes(name.toLowerCase()));

if (process.platform !== "linux" || process.arch !== "x64") {
  console.error("pnpm matrix runs on Linux on x64 only: its runtimes are fetched for it");
  process.exit(process.env.AGENTWIRE_STRICT === "1" ? 1 : 0);
}
// Ended from outside, it still ends what it started.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const project = await makeProject();
const rows: Row[] = [];

const script = await bundleSmoke(project, "node");
for (const runtime of serverRuntimes) {
  if (!wants(runtime.name, `${runtime.name}${runtime.version.split(".")[0]}`)) continue;
  await row(runtime.name, runtime.version, async () => ({
    kind: "programs",
    results: await runOn(runtime, script, project),
  }));
}
if (wants("readme")) {
  const [oldest] = serverRuntimes;
  await row("README, Node", oldest!.version, async () => ({
    kind: "programs",
    results: await runReadme(oldest!, project),
  }));
}
if (wants("workerd")) {
  const file = await bundleSmoke(project, "worker");
  await row(workerd.name, workerd.version, () =>
    withPeers(async (peers) => ({
      kind: "programs",
      results: await runOnWorkerd(file, project, peers),
    })),
  );
}
if (wants("chromium")) {
  const file = await bundleSmoke(project, "browser");
  await row(chromium.name, chromium.version, () =>
    withPeers(async (peers) => {
      // The gateway answers pages itself. Of the others, Aureus allows two headers, and BigBrain's rules are unknown.
      const brain = await corsProxy(peers.bigBrainUrl);
      const aureus = await corsProxy(peers.aureusUrl, "Content-Type, Authorization");
      try {
        const { fourRunrUrl, agentId } = peers;
        const addresses = { fourRunrUrl, agentId, bigBrainUrl: brain.url, aureusUrl: aureus.url };
        return { kind: "programs", results: await runInChromium(file, project, addresses) };
      } finally {
        await Promise.all([brain.close(), aureus.close()]);
      }
    }),
  );
}
if (wants("bundlers")) {
  await row("bundlers, for browsers", "", async () => ({
    kind: "programs",
    results: await runBundlers(project),
  }));
}
for (const version of typescriptVersions) {
  if (!wants("types", "typescript")) continue;
  await row("TypeScript", version, async () => ({
    kind: "types",
    results: await checkTypes(version, project),
  }));
}

const failed = rows.filter((each) => !isGreen(each));
const missing = failed.filter(({ outcome }) => outcome.kind === "missing");
console.log(
  `matrix: ${rows.length - failed.length} of ${rows.length} green, ${missing.length} could not be had`,
);
if (values.write && wanted === undefined) {
  writeBlock(join(import.meta.dirname, "../docs/compatibility.md"), "matrix", markdownTable(rows));
}
const bad = process.env.AGENTWIRE_STRICT === "1" ? failed : failed.filter((each) => !missing.includes(each));
process.exitCode = bad.length === 0 ? 0 : 1;

async function row(name: string, version: string, run: () => Promise<Row["outcome"]>): Promise<void> {
  const started = performance.now();
  const outcome = await run().catch((error: unknown): Row["outcome"] => {
    const reason = error instanceof Error ? error.message : String(error);
    return error instanceof NotFetched ? { kind: "missing", reason } : { kind: "broken", reason };
  });
  const made: Row = { name, version, seconds: (performance.now() - started) / 1000, outcome };
  rows.push(made);
  for (const line of rowLines(made)) console.log(line);
}

/** Local servers of the installed package in this process, and a look at what they saw. */
async function withPeers(run: (peers: Peers) => Promise<Row["outcome"]>): Promise<Row["outcome"]> {
  const { startPeers } = await import("./matrix/smoke/peers.ts");
  const peers = await startPeers();
  try {
    const outcome = await run(peers);
    await peers.settled();
    return outcome;
  } finally {
    await peers.close();
  }
}
