/** Runs the programs on runtimes that start a script as Node does, and reads what they print. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Fetched } from "../../scripts/browser.ts";
import { fetchPackage } from "../../scripts/fetch.ts";
import { entries, folder } from "./project.ts";
import type { SmokeResult } from "./smoke/parts.ts";

const run = promisify(execFile);
const RUN_MS = 120_000;

const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  Deno: ["run", "--allow-all", "--node-modules-dir=manual", "--no-lock", "--quiet"],
};

/** Runs all programs on one runtime. Rejects when it cannot be fetched, or prints no results. */
export async function runOn(runtime: Fetched, script: string): Promise<SmokeResult[]> {
  const program = join(await fetchPackage(runtime.package, runtime.version), runtime.program);
  const args = [...(ARGUMENTS[runtime.name] ?? []), script, JSON.stringify(entries)];
  const env = {
    ...process.env,
    DENO_DIR: join(folder, ".deno"),
    DENO_NO_UPDATE_CHECK: "1",
    DO_NOT_TRACK: "1",
    NODE_OPTIONS: "",
  };
  const { stdout, stderr } = await run(program, args, { cwd: folder, env, timeout: RUN_MS }).catch(
    (error: { stdout?: string; stderr?: string }) => ({
      stdout: error.stdout ?? "",
      stderr: error.stderr || String(error),
    }),
  );
  const line = stdout.split("\n").find((text) => text.startsWith("RESULTS "));
  if (line === undefined) throw new Error(`no results: ${stderr.trim().split("\n").slice(0, 6).join(" | ")}`);
  return JSON.parse(line.slice("RESULTS ".length)) as SmokeResult[];
}
