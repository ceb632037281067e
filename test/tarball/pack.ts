/** Packs the built package, and unpacks the tarball as an installed package beside the folders of the tests. */
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { stage } from "../../scripts/package/stage.ts";

export const root = join(import.meta.dirname, "../..");
export const work = join(root, ".cache/package");
export const installed = join(work, "node_modules/agentwire");
export const tarball = join(work, `agentwire-${manifest.version}.tgz`);

export default function pack(): void {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, "node_modules"), { recursive: true });
  stage(root, join(work, "staged"));
  const options = ["pack", "--ignore-scripts", "--silent", "--pack-destination", work];
  execFileSync("npm", options, { cwd: join(work, "staged") });
  execFileSync("tar", ["-xzf", tarball, "-C", join(work, "node_modules")]);
  renameSync(join(work, "node_modules/package"), installed);
}
