/**
 * The packed package in use on every runtime, in a browser, through bundlers and under every compiler, and that
 * docs/compatibility.md says what came out.
 *
 * Fetches runtimes and compilers into `.cache/`, each once. What cannot be fetched is skipped, and is a failure with
 * AGENTWIRE_STRICT=1.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { chromium } from "../../scripts/browser.ts";
import { NotFetched } from "../../scripts/fetch.ts";
import { runBundlers } from "./bundlers.ts";
import { corsProxy } from "./cors.ts";
import { runInChromium } from "./page.ts";
import { bundleSmoke } from "./project.ts";
import { runReadme } from "./readme.ts";
import { runOn } from "./run.ts";
import type { SmokeResult } from "./smoke/parts.ts";
import { type Peers, startPeers } from "./smoke/peers.ts";
import { checkTypes } from "./types.ts";
import { serverRuntimes, typescriptVersions, workerd } from "./versions.ts";
import { runOnWorkerd } from "./workerd.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/compatibility.md"), "utf8");
const programs = (results: readonly SmokeResult[]) =>
  `${results.length} of ${results.length} programs: ${results.map(({ part }) => part).join(", ")}`;
const facts = (results: readonly SmokeResult[]) =>
  results.map(({ part, detail }) => `${part}: ${detail}`).join("; ");

/** One row of the table in the document. */
function row(
  name: string,
  version: string,
  run: () => Promise<SmokeResult[]>,
  outcome: typeof programs = programs,
): void {
  it(`${name} ${version}`, async ({ skip }) => {
    const results = await run().catch((error: unknown) => {
      if (error instanceof NotFetched && process.env.AGENTWIRE_STRICT !== "1") return skip(error.message);
      throw error;
    });
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
    expect(page).toContain(`| ${name} | ${version} | ${outcome(results)} |`);
  });
}

/** Local servers of the package in this process, and a look at what they saw. */
async function withPeers(run: (peers: Peers) => Promise<SmokeResult[]>): Promise<SmokeResult[]> {
  const peers = await startPeers();
  try {
    const results = await run(peers);
    await peers.settled();
    return results;
  } finally {
    await peers.close();
  }
}

for (const runtime of serverRuntimes)
  row(runtime.name, runtime.version, async () => runOn(runtime, await bundleSmoke("node")));
const [oldest] = serverRuntimes;
row("README, Node", oldest!.version, () => runReadme(oldest!));
row(workerd.name, workerd.version, () =>
  withPeers(async (peers) => runOnWorkerd(await bundleSmoke("worker"), peers)),
);
row(chromium.name, chromium.version, () =>
  withPeers(async (peers) => {
    // The gateway answers pages itself. Of the others, Aureus allows two headers, and BigBrain's rules are unknown.
    const brain = await corsProxy(peers.bigBrainUrl);
    const aureus = await corsProxy(peers.aureusUrl, "Content-Type, Authorization");
    try {
      const { fourRunrUrl, agentId } = peers;
      const addresses = { fourRunrUrl, agentId, bigBrainUrl: brain.url, aureusUrl: aureus.url };
      return await runInChromium(await bundleSmoke("browser"), addresses);
    } finally {
      await Promise.all([brain.close(), aureus.close()]);
    }
  }),
);
it("bundlers, for browsers", async () => {
  const results = await runBundlers();
  expect(results.filter(({ ok }) => !ok)).toEqual([]);
});
for (const version of typescriptVersions) row("TypeScript", version, () => checkTypes(version), facts);
