/** The package through the bundlers that people use: what a browser gets must hold neither undici nor a module of Node. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { install, NotFetched } from "../../scripts/fetch.ts";
import { tarball } from "../tarball/pack.ts";
import type { SmokeResult } from "./smoke/parts.ts";
import { bundlers } from "./versions.ts";

const run = promisify(execFile);
const TIMEOUT_MS = 120_000;

/** Clients over HTTP, and what makes a bundler look at them all. */
const PAGE = `
import { AureusClient, AureusConsoleClient } from "agentwire/aureus";
import { GatewayClient } from "agentwire/4runr";
import { Neuron } from "agentwire/neuron";
console.log(AureusClient, AureusConsoleClient, GatewayClient, Neuron);
`;

/** The class of undici that the transport of Node uses. */
const UNDICI = /EnvHttpProxyAgent/;
const NODE = /(?:from|require\(|import\()\s*["']node:/;

/** Each bundler by the program that runs it in the project's folder and writes to `out`. */
const PROGRAMS: Readonly<Record<string, string>> = {
  esbuild: `
    import { build } from "esbuild";
    await build({ entryPoints: ["page.mjs"], bundle: true, splitting: true, format: "esm", platform: "browser",
      outdir: "out", logLevel: "error" });`,
  vite: `
    import { build } from "vite";
    await build({ configFile: false, logLevel: "error",
      build: { outDir: "out", minify: false, rollupOptions: { input: "page.mjs" } } });`,
  webpack: `
    import webpack from "webpack";
    const options = { mode: "production", target: "web", entry: "./page.mjs", optimization: { minimize: false },
      output: { path: process.cwd() + "/out" } };
    await new Promise((resolve, reject) => webpack(options, (error, stats) =>
      error || stats.hasErrors() ? reject(error ?? new Error(stats.toString("errors-only"))) : resolve()));`,
  rollup: `
    import { rollup } from "rollup";
    import resolve from "@rollup/plugin-node-resolve";
    import commonjs from "@rollup/plugin-commonjs";
    import json from "@rollup/plugin-json";
    const bundle = await rollup({ input: "page.mjs", onwarn() {},
      plugins: [resolve({ browser: true }), commonjs(), json()] });
    await bundle.write({ dir: "out", format: "es" });`,
};

/** Installs the bundlers beside the package and runs each. Rejects when they cannot be fetched. */
export async function runBundlers(): Promise<SmokeResult[]> {
  // Not below this repository, whose tsconfig.json leads bundlers to the sources.
  const folder = mkdtempSync(join(tmpdir(), "agentwire-bundlers-"));
  try {
    writeFileSync(join(folder, "package.json"), '{"private":true,"type":"module"}');
    writeFileSync(join(folder, "page.mjs"), PAGE);
    const packages = Object.entries(bundlers).map(([name, version]) => `${name}@${version}`);
    await install(folder, [tarball, ...packages]).catch((error: unknown) => {
      throw new NotFetched(`the bundlers cannot be fetched: ${String(error).split("\n")[0]}`);
    });
    const results: SmokeResult[] = [];
    for (const [name, program] of Object.entries(PROGRAMS))
      results.push(await bundled(name, program, folder));
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function bundled(name: string, program: string, folder: string): Promise<SmokeResult> {
  const out = join(folder, "out");
  rmSync(out, { recursive: true, force: true });
  writeFileSync(join(folder, "build.mjs"), program);
  try {
    await run(process.execPath, ["build.mjs"], { cwd: folder, timeout: TIMEOUT_MS });
  } catch (error) {
    return {
      part: name,
      ok: false,
      detail: String((error as { stderr?: string }).stderr ?? error).slice(0, 400),
    };
  }
  const files = readdirSync(out, { recursive: true, encoding: "utf8" }).filter((file) =>
    /\.m?js$/.test(file),
  );
  const texts = files.map((file) => readFileSync(join(out, file), "utf8"));
  const found = texts.flatMap((text) => [UNDICI.exec(text)?.[0], NODE.exec(text)?.[0]]).filter(Boolean);
  const bytes = texts.reduce((sum, text) => sum + text.length, 0);
  const isWhole = texts.some((text) => text.includes("/api/v1/policy/evaluate"));
  return {
    part: name,
    ok: found.length === 0 && isWhole,
    detail: found.length > 0 ? `holds ${found.join(", ")}` : isWhole ? `${bytes} bytes` : "holds no client",
  };
}
