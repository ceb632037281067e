/** Fetches packages at fixed versions into `.cache/`, each once and for a bounded time. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const cache = join(import.meta.dirname, "../.cache/fetched");
const FETCH_MS = 180_000;

/** A package that the registry does not give, now or at all. */
export class NotFetched extends Error {}

/**
 * The folder of a package, fetched unless it is there, with what it needs `beside` it. No script of the package runs.
 *
 * @throws NotFetched that says why it cannot be had.
 */
export async function fetchPackage(
  name: string,
  version: string,
  beside: readonly string[] = [],
): Promise<string> {
  const folder = join(cache, `${name.replace("/", "+")}@${version}`);
  const installed = join(folder, "node_modules", name);
  if (existsSync(join(folder, ".done"))) return installed;
  if (process.env.AGENTWIRE_OFFLINE === "1") throw new NotFetched("not there, and AGENTWIRE_OFFLINE=1");
  const making = `${folder}.${process.pid}`;
  mkdirSync(making, { recursive: true });
  writeFileSync(join(making, "package.json"), '{"private":true}');
  try {
    await install(making, [`${name}@${version}`, ...beside]);
    writeFileSync(join(making, ".done"), "");
    if (existsSync(folder))
      rmSync(making, { recursive: true }); // another process was faster
    else renameSync(making, folder);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    throw new NotFetched(`${name}@${version} cannot be fetched: ${firstLine(error)}`);
  }
  return installed;
}

/** `npm install` in a folder, without scripts. Rejects with npm's own words. */
export async function install(folder: string, specifiers: readonly string[]): Promise<void> {
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["install", ...options, ...specifiers], { cwd: folder, timeout: FETCH_MS });
}

function firstLine(error: unknown): string {
  const { stderr = "", killed = false } = error as { stderr?: string; killed?: boolean };
  if (killed) return `took longer than ${FETCH_MS / 1000} s`;
  return stderr.split("\n").find((line) => line.trim() !== "" && !line.includes("Unknown")) ?? String(error);
}
