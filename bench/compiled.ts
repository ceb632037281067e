/** Benchmarks measure what users run: compiled code, without the helpers that tsx adds to every function. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";

/** Every file keeps the folder that it thinks it is in. */
const ownFolder: Plugin = {
  name: "own folder",
  setup({ onLoad }) {
    onLoad({ filter: /\/(?:bench|test|scripts)\/.*\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replace(
        /\bimport\.meta\.dirname\b/g,
        JSON.stringify(dirname(path)),
      ),
      loader: "ts",
    }));
  },
};

/**
 * Compiles a file of this folder (or below it) with all that it imports from the project; `alias` puts other files in
 * place of some imports. @returns the path of the result
 */
export async function compiled(file: string, alias: Readonly<Record<string, string>> = {}): Promise<string> {
  const outfile = join(
    import.meta.dirname,
    "../.cache/bench",
    `${file.replaceAll("/", "-").replace(/\.ts$/, "")}.mjs`,
  );
  await build({
    entryPoints: [join(import.meta.dirname, file)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    alias,
    plugins: [ownFolder],
    logLevel: "error",
  });
  return outfile;
}
