/** Benchmarks measure what users run: compiled code, without the helpers that tsx adds to every function. */
import { join } from "node:path";
import { build } from "esbuild";

/** Compiles a file of this folder (or below it) with all that it imports from the project. @returns the path of the result */
export async function compiled(file: string): Promise<string> {
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
    define: { "import.meta.dirname": JSON.stringify(import.meta.dirname) },
    logLevel: "error",
  });
  return outfile;
}
