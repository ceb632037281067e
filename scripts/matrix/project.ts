/** A user's project: the packed tarball, installed from scratch beside what a user may install. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { install } from "./fetch.ts";
import { CFWORKER } from "./versions.ts";

const root = join(import.meta.dirname, "../..");

/** A project that uses the package. */
export interface Project {
  readonly folder: string;
  /** Every entry point of the package, as a user names it. */
  readonly entries: readonly string[];
}

interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** Builds, packs and installs. Removes the project of the last run. */
export async function makeProject(): Promise<Project> {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
  const folder = join(root, ".cache/matrix/project");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  execFileSync(join(root, "node_modules/.bin/tsx"), ["scripts/build.ts"], { cwd: root, stdio: "inherit" });
  execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  writeFileSync(join(folder, "package.json"), '{"private":true,"type":"module"}');
  writeFileSync(join(folder, "tsconfig.json"), "{}"); // Bun would follow the paths of ours, which lead to the sources
  const peers = ["@connectrpc/connect-node", "@connectrpc/connect-web", "@types/node", "ioredis"];
  await install(folder, [
    `./agentwire-${manifest.version}.tgz`,
    `@cfworker/json-schema@${CFWORKER}`,
    ...peers.map((name) => `${name}@${manifest.devDependencies[name]}`),
  ]);
  const entries = Object.entries(manifest.exports)
    .filter(([name, target]) => typeof target === "object" && !name.includes("*"))
    .map(([name]) => name.replace(/^\./, "agentwire"));
  return { folder, entries };
}

/** Bundles a smoke program inside the project, so that the package is the installed one. Returns the file. */
export async function bundleSmoke(project: Project, name: "node" | "browser" | "worker"): Promise<string> {
  const outfile = join(project.folder, `${name}.mjs`);
  await build({
    entryPoints: [join(root, `scripts/matrix/smoke/${name}.ts`)],
    bundle: true,
    outfile,
    format: "esm",
    target: "es2022",
    // In a browser and in workerd everything is bundled, ajv too: what users do. Peers that are not used stay out.
    ...(name === "node"
      ? { platform: "node", packages: "external" }
      : { platform: "browser", external: ["@connectrpc/connect-node", "@connectrpc/connect-web"] }),
    nodePaths: [join(project.folder, "node_modules")],
    tsconfigRaw: {}, // not ours: its paths lead to the sources
    logLevel: "silent",
  });
  return outfile;
}
