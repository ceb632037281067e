/** The files of the page: built beside this module in the package, built when they are asked for in the repository. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** One file of the page. */
export interface Asset {
  readonly type: string;
  readonly body: string;
}

const folder = join(import.meta.dirname, "page");

/** By the path they are served at. */
export async function pageAssets(): Promise<Readonly<Record<string, Asset>>> {
  const built = existsSync(join(folder, "app.js"));
  const script = built ? await readFile(join(folder, "app.js"), "utf8") : await buildScript(folder);
  const text = (name: string): Promise<string> => readFile(join(folder, name), "utf8");
  return {
    "/": { type: "text/html; charset=utf-8", body: await text("index.html") },
    "/app.js": { type: "text/javascript; charset=utf-8", body: script },
    "/app.css": { type: "text/css; charset=utf-8", body: await text("app.css") },
  };
}

/** Bundles the page's program. */
export async function buildScript(source: string): Promise<string> {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [join(source, "main.tsx")],
    ...{ bundle: true, minify: true, write: false, format: "esm", target: "es2022", legalComments: "inline" },
    ...{ jsx: "automatic", jsxImportSource: "preact", absWorkingDir: source },
  });
  return outputFiles[0]!.text;
}
