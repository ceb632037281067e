/** A strict consumer of every entry, checked by each compiler, with the declarations of all packages checked too. */
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { fetchPackage } from "../../scripts/fetch.ts";
import { entries, folder } from "./project.ts";
import type { SmokeResult } from "./smoke/parts.ts";

const run = promisify(execFile);
const smoke = join(import.meta.dirname, "smoke");
const CHECK_MS = 180_000;

/** Checks with one version of TypeScript. Rejects when it cannot be fetched. */
export async function checkTypes(version: string): Promise<SmokeResult[]> {
  const compiler = join(await fetchPackage("typescript", version), "bin/tsc");
  const results: SmokeResult[] = [];
  for (const resolution of ["nodenext", "bundler"] as const) {
    const config = writeConsumer(resolution);
    const { stdout } = await run(process.execPath, [compiler, "-p", config, "--pretty", "false"], {
      ...{ cwd: folder, timeout: CHECK_MS, maxBuffer: 64 << 20 },
    }).catch((error: { stdout?: string; killed?: boolean }) => {
      if (error.killed) throw new Error(`took longer than ${CHECK_MS / 1000} s`);
      return { stdout: error.stdout || String(error) };
    });
    const { ours, foreign } = sortErrors(stdout);
    const others = Object.entries(foreign).map(([name, count]) => `${count} in ${name}`);
    const count = `${ours.length} errors${others.length === 0 ? "" : ` (others': ${others.join(", ")})`}`;
    const detail = [count, ...ours.slice(0, 10)].join("\n     ");
    results.push({ part: resolution, ok: ours.length === 0, detail });
  }
  return results;
}

function writeConsumer(resolution: "nodenext" | "bundler"): string {
  const types = join(folder, "types");
  mkdirSync(types, { recursive: true });
  for (const name of ["parts.ts", "peers.ts"]) copyFileSync(join(smoke, name), join(types, name));
  const exported = entries.map((entry, i) => `export * as entry${i} from ${JSON.stringify(entry)};`);
  writeFileSync(join(types, "entries.ts"), `${exported.join("\n")}\n`);
  const file = join(types, `tsconfig.${resolution}.json`);
  const compilerOptions = {
    ...{ target: "ES2022", lib: ["ES2022", "DOM", "DOM.Iterable"], types: ["node"], noEmit: true },
    module: resolution === "nodenext" ? "NodeNext" : "ESNext",
    moduleResolution: resolution,
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    ...{ verbatimModuleSyntax: true, isolatedModules: true, skipLibCheck: false },
  };
  writeFileSync(file, JSON.stringify({ compilerOptions, include: ["*.ts"] }, undefined, 2));
  return file;
}

/** Sorts a compiler's lines: ours, and by package how many stand in declarations that are not ours to mend. */
export function sortErrors(output: string): { ours: string[]; foreign: Record<string, number> } {
  const ours: string[] = [];
  const foreign: Record<string, number> = {};
  for (const line of output.split("\n")) {
    if (!/error TS\d+/.test(line)) continue;
    const found = [...line.matchAll(/node_modules\/((?:@[^/]+\/)?[^/(:]+)/g)].at(-1)?.[1];
    const at = line.split("error TS")[0]!.includes("node_modules/") ? found : undefined;
    if (at === undefined || at === "agentwire") ours.push(line);
    else foreign[at] = (foreign[at] ?? 0) + 1;
  }
  if (ours.length === 0 && Object.keys(foreign).length === 0 && output.trim() !== "")
    ours.push(output.trim());
  return { ours, foreign };
}
