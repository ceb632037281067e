import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Config } from "./config.js";
import { SpecError } from "./finding.js";
import { compileForm } from "./forms.js";
import { loadTypeScript } from "./peers.js";

const NAMES = ["ts", "mts", "js", "mjs", "json"].map((ending) => `agentwire.config.${ending}`);

/** A config and the folder that its paths start from. */
export interface LoadedConfig {
  readonly root: string;
  readonly config: Config;
}

/** Imports a TypeScript config on a Node that cannot: compiled beside itself, so that it finds the same packages. */
async function importCompiled(file: string): Promise<unknown> {
  const { transpileModule, ModuleKind, ScriptTarget } = loadTypeScript(dirname(file));
  const compilerOptions = { module: ModuleKind.ESNext, target: ScriptTarget.ES2022 };
  const { outputText } = transpileModule(readFileSync(file, "utf8"), { compilerOptions });
  const compiled = `${file}.${process.pid}.mjs`;
  writeFileSync(compiled, outputText);
  try {
    return await import(pathToFileURL(compiled).href);
  } finally {
    rmSync(compiled);
  }
}

async function importConfig(file: string): Promise<unknown> {
  if (file.endsWith(".json")) return { default: JSON.parse(readFileSync(file, "utf8")) as unknown };
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ERR_UNKNOWN_FILE_EXTENSION") throw error;
    return importCompiled(file);
  }
}

/**
 * Loads the config of the project in `folder`: `file`, or `agentwire.config.ts` (also .mts, .js, .mjs, .json).
 * @throws SpecError when there is none, it cannot be loaded, or has another form
 */
export async function loadConfig(folder: string, file?: string): Promise<LoadedConfig> {
  const found = file ?? NAMES.find((name) => existsSync(join(folder, name)));
  if (found === undefined)
    throw new SpecError(
      `no agentwire.config.ts in ${folder}: write one, or run \`agentwire gen <document>\``,
    );
  const path = resolve(folder, found);
  if (!existsSync(path)) throw new SpecError(`${found} does not exist`);
  let loaded: unknown;
  try {
    loaded = await importConfig(path);
  } catch (error) {
    if (error instanceof SpecError) throw error;
    throw new SpecError(
      `${found} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const { default: value } = loaded as { readonly default?: unknown };
  const problems = compileForm("config")(value);
  if (problems.length > 0)
    throw new SpecError(problems.map(({ message }) => `${found}: ${message}`).join("\n"));
  return { root: dirname(path), config: value as Config };
}

/** A config for one document: its clients go to `gen/<name>`. */
export function configOf(folder: string, document: string): LoadedConfig {
  const name = basename(document).replace(/\.(?:ya?ml|json)$/i, "");
  const openapi = relative(folder, resolve(folder, document)).replaceAll("\\", "/");
  return { root: folder, config: { specs: { [name]: { openapi, out: `gen/${name}` } } } };
}
