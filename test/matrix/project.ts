/** A user's project: the packed tarball, installed from scratch beside what a user may install. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import manifest from "../../package.json" with { type: "json" };
import { install } from "../../scripts/fetch.ts";
import pack, { root, tarball } from "../tarball/pack.ts";
import { CFWORKER } from "./versions.ts";

/** The project's folder, once {@link makeProject} ran. */
export const folder = join(root, ".cache/matrix/project");

/** Every entry point of the package, as a user names it. */
export const entries = Object.entries(manifest.exports)
  .filter(([name, target]) => typeof target === "object" && !name.includes("*"))
  .map(([name]) => name.replace(/^\./, "agentwire"));

/** Packs and installs. Removes the project of the last run. */
export default async function makeProject(): Promise<void> {
  pack();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"private":true,"type":"module"}');
  writeFileSync(join(folder, "tsconfig.json"), "{}"); // Bun would follow the paths of ours, which lead to the sources
  const peers = ["@connectrpc/connect-node", "@connectrpc/connect-web", "@types/node", "ioredis"] as const;
  await install(folder, [
    tarball,
    `@cfworker/json-schema@${CFWORKER}`,
    ...peers.map((name) => `${name}@${manifest.devDependencies[name]}`),
  ]);
}

/** Bundles a smoke program inside the project, so that the package is the installed one. Returns the file. */
export async function bundleSmoke(name: "node" | "browser" | "worker"): Promise<string> {
  const outfile = join(folder, `${name}.mjs`);
  await build({
    entryPoints: [join(import.meta.dirname, `smoke/${name}.ts`)],
    bundle: true,
    outfile,
    format: "esm",
    target: "es2022",
    // In a browser and in workerd everything is bundled, ajv too: what users do. Peers that are not used stay out.
    ...(name === "node"
      ? { platform: "node", packages: "external" }
      : { platform: "browser", external: ["@connectrpc/connect-node", "@connectrpc/connect-web"] }),
    nodePaths: [join(folder, "node_modules")],
    tsconfigRaw: {}, // not ours: its paths lead to the sources
    logLevel: "silent",
  });
  return outfile;
}
