/**
 * `pnpm package:check`: packs the package, checks it with publint and are-the-types-wrong, and uses the tarball
 * as a user would: imports and requires every entry, and runs the command.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { ownDocument, ownTools } from "./package/examples.ts";
import { protoFork } from "./package/fork.ts";
import { Project } from "./package/project.ts";
import { stage } from "./package/stage.ts";

const root = join(import.meta.dirname, "..");
const work = join(root, ".cache/package");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  version: string;
  exports: Record<string, string | { default: string }>;
};

rmSync(work, { recursive: true, force: true });
mkdirSync(join(work, "node_modules"), { recursive: true });
stage(root, join(work, "staged"));
run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", work], join(work, "staged"));
const tarball = join(work, `agentwire-${manifest.version}.tgz`);
run("tar", ["-xzf", tarball, "-C", join(work, "node_modules")], work);
run("mv", ["node_modules/package", "node_modules/agentwire"], work);

/** What is read of a problem of are-the-types-wrong. */
interface ProblemPlace {
  readonly kind: string;
  readonly entrypoint?: string;
  readonly resolutionKind?: string;
}

const findings: string[] = [];
const installed = join(work, "node_modules/agentwire");
for (const file of [
  "LICENSE",
  "NOTICE",
  "README.md",
  "CHANGELOG.md",
  "specs/cap/cordum/agent/v1/job.proto",
  "specs/neuron/openapi.yaml",
]) {
  if (!existsSync(join(installed, file))) findings.push(`${file} is not in the tarball`);
}
for (const file of ["test", "scripts", "src", ".ci"]) {
  if (existsSync(join(installed, file))) findings.push(`${file} should not be in the tarball`);
}

const relative = readFileSync(join(installed, "README.md"), "utf8").match(/\]\((?!https:|#)[^)]*\)/g) ?? [];
for (const link of relative) findings.push(`README.md of the tarball: ${link} is not an absolute link`);
const { messages, pkg } = await publint({ pkgDir: installed, strict: true, pack: false });
for (const message of messages) findings.push(`publint: ${formatMessage(message, pkg) ?? message.code}`);

const entries = Object.entries(manifest.exports)
  .filter(([name, target]) => typeof target === "object" && !name.includes("*"))
  .map(([name]) => name.replace(/^\./, "agentwire"));
const lines = (load: (entry: string) => string) =>
  entries.map((entry) => `console.log(${JSON.stringify(entry)}, Object.keys(${load(entry)}).length);`);
writeFileSync(join(work, "use.mjs"), lines((entry) => `await import("${entry}")`).join("\n"));
writeFileSync(join(work, "use.cjs"), lines((entry) => `require("${entry}")`).join("\n"));
// The package is ESM: how types resolve from CommonJS, and for Node 10, is not asked.
const { types, problems = [] } = (await checkPackage(createPackageFromTarballData(readFileSync(tarball)), {
  excludeEntrypoints: [/^\.?\/?specs\//],
})) as { types: unknown; problems?: readonly ProblemPlace[] };
if (types === false) findings.push("are the types wrong: the tarball has none");
for (const problem of problems) {
  const { kind, entrypoint = "", resolutionKind = "" } = problem;
  if (resolutionKind !== "node10" && resolutionKind !== "node16-cjs")
    findings.push(`are the types wrong: ${kind} ${entrypoint} ${resolutionKind}`);
}
attempt("import", () => console.log(run(process.execPath, ["use.mjs"], work)));
attempt("require", () => run(process.execPath, ["--no-warnings", "use.cjs"], work));
attempt("command", () => run(process.execPath, [join(installed, "dist/src/cli/main.js"), "demo"], work));
for (const [name, example] of Object.entries({ ownDocument, protoFork, ownTools })) {
  await example(new Project(join(work, name), installed)).catch((error: Error) => {
    findings.push(`${name}: ${error.message}`);
  });
}

for (const finding of findings) console.error(finding);
if (findings.length === 0)
  console.log(
    `package: publint, attw, ${entries.length} entries imported and required, demo and examples run from the tarball`,
  );
process.exitCode = findings.length === 0 ? 0 : 1;

function attempt(name: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    findings.push(`${name}: ${stdout}${stderr || String(error)}`);
  }
}

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}
