import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Config } from "./config.js";
import { SpecError } from "./finding.js";
import { loadTypeScript } from "./peers.js";

const NAMES = ["ts", "mts", "js", "mjs", "json"].map((ending) => `agentwire.config.${ending}`);

const COMMON = ["out", "baseline", "acceptedBreaks", "rules"];
const MEMBERS = {
  openapi: (
    "openapi client style camelCase overlay include rename recordings schemas schemaId proof allShapes openEnums " +
    "operationGroups"
  ).split(" "),
  proto: ["proto", "extends", "cap"],
  tools: ["tools"],
};

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

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is wrong with the form of a config. */
function problemsOf(value: unknown): string[] {
  if (!isObject(value) || !isObject(value.specs))
    return ["expected a default export { specs: { name: {...} } }"];
  return Object.entries(value.specs).flatMap(([name, spec]) => {
    if (!isObject(spec)) return [`specs.${name} must be an object`];
    const kinds = (["openapi", "proto", "tools"] as const).filter((kind) => typeof spec[kind] === "string");
    const [kind] = kinds;
    if (kind === undefined || kinds.length > 1)
      return [`specs.${name} must name one of openapi, proto and tools`];
    const known = [...MEMBERS[kind], ...COMMON];
    const unknown = Object.keys(spec).filter((member) => !known.includes(member));
    return [
      ...unknown.map((member) => `specs.${name}.${member} is not known; known: ${known.join(", ")}`),
      ...(typeof spec.out === "string" ? [] : [`specs.${name}.out must be a folder`]),
    ];
  });
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
  const value = isObject(loaded) ? loaded.default : undefined;
  const problems = problemsOf(value);
  if (problems.length > 0) throw new SpecError(problems.map((problem) => `${found}: ${problem}`).join("\n"));
  return { root: dirname(path), config: value as Config };
}

/** A config for one document: its clients go to `gen/<name>`. */
export function configOf(folder: string, document: string): LoadedConfig {
  const name = basename(document).replace(/\.(?:ya?ml|json)$/i, "");
  const openapi = relative(folder, resolve(folder, document)).replaceAll("\\", "/");
  return { root: folder, config: { specs: { [name]: { openapi, out: `gen/${name}` } } } };
}
