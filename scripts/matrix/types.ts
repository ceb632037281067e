/** A strict consumer of every entry, checked by each compiler, with the declarations of all packages checked too. */
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { fetchPackage } from "./fetch.ts";
import type { Project } from "./project.ts";

const run = promisify(execFile);
const smoke = join(import.meta.dirname, "smoke");
const CHECK_MS = 180_000;

/** What one compiler says. */
export interface TypeResult {
  readonly resolution: Resolution;
  /** Errors in our declarations, or in the consumer's use of them. */
  readonly ours: readonly string[];
  /** Packages whose own declarations it does not take, with how many errors. */
  readonly foreign: Readonly<Record<string, number>>;
}

/** How modules are resolved. */
export type Resolution = "nodenext" | "bundler";

/** Checks with one version of TypeScript. Rejects when it cannot be fetched. */
export async function checkTypes(version: string, project: Project): Promise<TypeResult[]> {
  const compiler = join(await fetchPackage("typescript", version), "bin/tsc");
  const results: TypeResult[] = [];
  for (const resolution of ["nodenext", "bundler"] as const) {
    const config = writeConsumer(project, resolution);
    const { stdout } = await run(process.execPath, [compiler, "-p", config, "--pretty", "false"], {
      ...{ cwd: project.folder, timeout: CHECK_MS, maxBuffer: 64 << 20 },
    }).catch((error: { stdout?: string; killed?: boolean }) => {
      if (error.killed) throw new Error(`took longer than ${CHECK_MS / 1000} s`);
      return { stdout: error.stdout || String(error) };
    });
    results.push({ resolution, ...sortErrors(stdout) });
  }
  return results;
}

function writeConsumer(project: Project, resolution: Resolution): string {
  const folder = join(project.folder, "types");
  mkdirSync(folder, { recursive: true });
  for (const name of ["parts.ts", "peers.ts"]) copyFileSync(join(smoke, name), join(folder, name));
  const exported = project.entries.map((entry, i) => `export * as entry${i} from ${JSON.stringify(entry)};`);
  writeFileSync(join(folder, "entries.ts"), `${exported.join("\n")}\n`);
  const file = join(folder, `tsconfig.${resolution}.json`);
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

/** Sorts a compiler's lines: errors in declarations of other packages are not ours to mend. */
export function sortErrors(output: string): Pick<TypeResult, "ours" | "foreign"> {
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
