/** Bundles an entry for a browser. A green bundle is the proof that nothing in it needs Node. */
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** What came out. */
export interface BundleSize {
  readonly entry: string;
  /** What is loaded with the entry, in bytes. */
  readonly minified: number;
  readonly gzipped: number;
  /** The same with what is only loaded when it is needed, by `import()`. */
  readonly gzippedInAll: number;
}

/** The entries that must bundle for a browser. */
export const BROWSER_ENTRIES: readonly string[] = [
  "src/index.ts",
  "src/handler/index.ts",
  "src/cap/index.ts",
  "src/cap/packet/index.ts",
  "src/cap/production/index.ts",
  "src/cap/safety/index.ts",
  "src/http/index.ts",
  "src/neuron/index.ts",
  "src/neuron/ipc/index.ts",
  "src/aureus/index.ts",
  "src/aureus/engine/index.ts",
  "src/4runr/index.ts",
  "src/bridge/index.ts",
  "src/otel/index.ts",
  "src/testing/index.ts",
  "gen/cap/index.ts",
  "gen/neuron/index.ts",
  "gen/aureus/v1/index.ts",
  "gen/aureus/console/index.ts",
  "gen/4runr/index.ts",
];

/** Packages that only do their work when they are called for; they are loaded by `import()`. */
export const LAZY = [
  "ajv",
  "ajv/*",
  "ajv-draft-04",
  "@connectrpc/connect-node",
  "@connectrpc/connect-web",
  "@opentelemetry/api",
];

/** What the import map of package.json resolves in the package, in bundles of the sources. */
export const BROWSER_ALIAS = {
  "#node-server": join(import.meta.dirname, "../../src/testing/http/no-ports.ts"),
  "#transport": join(import.meta.dirname, "../../src/http/transport-fetch.ts"),
};

/**
 * Bundles one entry, with lazily loaded packages left outside.
 *
 * @throws Error with esbuild's own text when something cannot be resolved in a browser.
 */
export async function bundleForBrowser(entry: string): Promise<BundleSize> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    minify: true,
    platform: "browser",
    format: "esm",
    target: "es2022",
    splitting: true,
    outdir: "out",
    metafile: true,
    alias: BROWSER_ALIAS,
    external: LAZY,
    logLevel: "silent",
  });
  const { outputs } = result.metafile;
  const files = result.outputFiles.map(({ path, contents }) => ({
    name: Object.keys(outputs).find((name) => path.endsWith(name))!,
    minified: contents.length,
    gzipped: gzipSync(contents).length,
  }));
  const first = new Set<string>();
  const follow = (name: string): void => {
    if (first.has(name)) return;
    first.add(name);
    for (const { path, kind } of outputs[name]?.imports ?? []) if (kind === "import-statement") follow(path);
  };
  follow(Object.keys(outputs).find((name) => outputs[name]!.entryPoint !== undefined)!);
  const sum = (some: typeof files, key: "minified" | "gzipped"): number =>
    some.reduce((total, file) => total + file[key], 0);
  const loaded = files.filter(({ name }) => first.has(name));
  return {
    entry,
    minified: sum(loaded, "minified"),
    gzipped: sum(loaded, "gzipped"),
    gzippedInAll: sum(files, "gzipped"),
  };
}
