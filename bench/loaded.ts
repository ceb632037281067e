/** What a bundle weighs that imports some names of an entry, and how long a process takes to load it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { BROWSER_ALIAS } from "../scripts/imports/bundle.ts";

const root = join(import.meta.dirname, "..");

/** One line: the names, kB min+gzip of all that is loaded at once, milliseconds to import (median of five). */
export async function loaded(entry: string, names = "*"): Promise<string> {
  const { kB, importMs } = await weigh(entry, names);
  const label = names === "*" ? entry : names;
  return `  ${label.padEnd(32)} ${kB.toFixed(1).padStart(6)} kB min+gzip  ${importMs.toFixed(1).padStart(6)} ms to import`;
}

/** What is loaded at once, in kB min+gzip, and the milliseconds to import it (median of five). */
export async function weigh(entry: string, names = "*"): Promise<{ kB: number; importMs: number }> {
  const outdir = mkdtempSync(join(tmpdir(), "agentwire-bundle-"));
  try {
    const what = names === "*" ? "*" : `{ ${names} }`;
    const { metafile } = await build({
      stdin: {
        contents: `export ${what} from "./${entry}";`,
        resolveDir: root,
        loader: "ts",
        sourcefile: "entry.ts",
      },
      outdir,
      bundle: true,
      splitting: true,
      minify: true,
      metafile: true,
      platform: "browser",
      alias: BROWSER_ALIAS,
      format: "esm",
      target: "es2022",
      entryNames: "entry",
      outExtension: { ".js": ".mjs" },
      logLevel: "silent",
    });
    const files = atOnce(metafile.outputs);
    const bytes = files.map((file) => gzipSync(readFileSync(join(outdir, basename(file)))).length);
    const kB = bytes.reduce((sum, one) => sum + one) / 1000;
    const program = `const t = performance.now(); await import(${JSON.stringify(pathToFileURL(join(outdir, "entry.mjs")).href)}); console.log(performance.now() - t);`;
    const times = Array.from({ length: 5 }, () =>
      Number(execFileSync(process.execPath, ["--input-type=module", "-e", program])),
    ).sort((a, b) => a - b);
    return { kB, importMs: times[2]! };
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

interface Output {
  readonly entryPoint?: string;
  readonly imports: readonly { readonly path: string; readonly kind: string }[];
}

/** The files that the entry needs before its first line runs; what is imported later is not among them. */
function atOnce(outputs: Readonly<Record<string, Output>>): string[] {
  const files = new Set(Object.keys(outputs).filter((file) => basename(file) === "entry.mjs"));
  for (const file of files) {
    for (const { path, kind } of outputs[file]!.imports) if (kind === "import-statement") files.add(path);
  }
  return [...files];
}
