/** `pnpm build`: ESM, declarations and source maps in dist/, which is made anew. */
import { execFileSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
rmSync(join(root, "dist"), { recursive: true, force: true });
try {
  execFileSync(
    process.execPath,
    [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"],
    {
      cwd: root,
      stdio: "inherit",
    },
  );
} catch {
  process.exit(1); // tsc has said what is wrong
}
chmodSync(join(root, "dist/src/cli/main.js"), 0o755);
