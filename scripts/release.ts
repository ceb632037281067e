/**
 * `pnpm release [--publish]`: writes the folder that is published, and runs `npm publish` on it: dry, unless
 * `--publish` is given. Needs `pnpm build`. With GITHUB_REF_NAME, the tag has to be the version.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stage } from "./package/stage.ts";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "agentwire-release-"));
try {
  const version = stage(root, folder);
  const { GITHUB_REF_TYPE, GITHUB_REF_NAME } = process.env;
  if (GITHUB_REF_TYPE === "tag" && GITHUB_REF_NAME !== `v${version}`) {
    throw new Error(
      `the tag is ${GITHUB_REF_NAME}, but package.json has version ${version}: expected v${version}`,
    );
  }
  const heading = new RegExp(`^## ${version.replaceAll(".", "\\.")}(?: |$)`, "m").exec(
    readFileSync(join(root, "CHANGELOG.md"), "utf8"),
  );
  if (heading === null) throw new Error(`CHANGELOG.md has no section for ${version}`);
  const publish = process.argv.includes("--publish");
  const provenance = process.env.GITHUB_ACTIONS === "true" ? ["--provenance"] : [];
  const args = ["publish", "--access", "public", ...(publish ? provenance : ["--dry-run"])];
  execFileSync("npm", args, { cwd: folder, stdio: "inherit" });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
