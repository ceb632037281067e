/** `pnpm build`: ESM, declarations and the inspector page, in dist/, which is made again. */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildScript } from "../src/cli/inspector/assets.ts";

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

const [page, built] = ["src/cli/inspector/page", "dist/src/cli/inspector/page"].map((path) =>
  join(root, path),
);
mkdirSync(built!, { recursive: true });
writeFileSync(join(built!, "app.js"), await buildScript(page!));
for (const name of ["index.html", "app.css"]) copyFileSync(join(page!, name), join(built!, name));
