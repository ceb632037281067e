/** How large an entry is once it is bundled, and how long Node takes to import it. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { BROWSER_ENTRIES, bundleForBrowser, LAZY } from "../imports/bundle.ts";
import type { Entry } from "./entries.ts";

/** What an entry costs. */
export interface Cost {
  readonly name: string;
  /** Minified and compressed, with everything it imports statically, in bytes. */
  readonly gzipped: number;
  readonly browser: boolean;
  /** Median of several processes, without the start of Node, in milliseconds. */
  readonly importMs?: number;
}

/** The size of an entry. */
export async function sizeOf(root: string, { name, source }: Entry): Promise<Cost> {
  if (BROWSER_ENTRIES.includes(source)) {
    const { gzipped } = await bundleForBrowser(join(root, source));
    return { name, gzipped, browser: true };
  }
  const result = await build({
    entryPoints: [join(root, source)],
    ...{ bundle: true, write: false, minify: true, platform: "node", format: "esm", target: "es2022" },
    external: [...LAZY, "ioredis", "undici"],
    logLevel: "silent",
  });
  return { name, gzipped: gzipSync(result.outputFiles[0]!.contents).length, browser: false };
}

/**
 * How long the built entries take to import, in milliseconds by name: the median of `rounds` processes, each of which
 * imports one entry and takes the time itself, so that the start of Node does not count. The entries take turns, so
 * that a slow moment of the machine falls on all.
 */
export function importTimes(root: string, entries: readonly Entry[], rounds: number): Map<string, number> {
  const times = new Map(entries.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, built } of entries) {
      const url = JSON.stringify(pathToFileURL(join(root, built)).href);
      const program = `const t = performance.now(); await import(${url}); console.log(performance.now() - t)`;
      const args = ["--input-type=module", "--eval", program];
      times.get(name)!.push(Number(execFileSync(process.execPath, args, { cwd: root, encoding: "utf8" })));
    }
  }
  return new Map(entries.map(({ name }) => [name, median(times.get(name)!)]));
}

/** The middle one; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
