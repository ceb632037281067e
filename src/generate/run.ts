import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { OpenapiConfig } from "./config.js";
import { header } from "./emit.js";
import { type Finding, SpecError } from "./finding.js";
import { generateOpenApi } from "./openapi/openapi-files.js";
import { generateProto } from "./proto/proto.js";

/** What a run works on. */
export interface GenOptions {
  /** The project root; `specs/` and `gen/` are below it. */
  readonly root: string;
  readonly config: OpenapiConfig;
  /** PATH on which buf and its plugins are found. Default: that of the project. */
  readonly searchPath?: string;
}

/** What a run wrote. */
export interface Written {
  readonly files: number;
  /** What is worth a look but not wrong. */
  readonly warnings: readonly Finding[];
}

/** How `gen/` differs from what the specs give. Paths are relative to the root, sorted. */
export interface Drift {
  readonly missing: readonly string[];
  readonly stale: readonly string[];
  readonly orphaned: readonly string[];
}

/** For `gen/aureus/v1` and `gen/aureus/console`: the barrel `gen/aureus/index.ts`. */
function writeParents(config: OpenapiConfig, out: string): void {
  const children = new Map<string, { input: string; name: string }[]>();
  for (const { input, output } of Object.values(config.specs)) {
    const [, folder, name, ...rest] = output.split("/");
    if (folder === undefined || name === undefined || rest.length > 0) continue;
    children.set(folder, [...(children.get(folder) ?? []), { input, name }]);
  }
  for (const [folder, list] of children) {
    const lines = list.map(({ name }) => `export * as ${name} from "./${name}/index.js";\n`);
    writeFileSync(
      join(out, "gen", folder, "index.ts"),
      `${header(list.map(({ input }) => input).join(", "))}\n${lines.join("")}`,
    );
  }
}

/** Generates everything into a fresh folder, hands it to `use`, and removes what is left of it. */
async function generate<T>(
  { root, config, searchPath }: GenOptions,
  use: (out: string, warnings: readonly Finding[]) => T,
): Promise<T> {
  mkdirSync(join(root, ".cache"), { recursive: true });
  const out = mkdtempSync(join(root, ".cache", "gen-"));
  try {
    mkdirSync(join(out, "gen"));
    const { proto } = config.options ?? {};
    const jobs = [
      ...(proto === undefined ? [] : [generateProto(root, proto, out, searchPath).then(() => [])]),
      ...Object.values(config.specs).map((spec) => generateOpenApi(root, spec, out)),
    ];
    // All jobs end before the folder goes, and all that is wrong with the specs is told at once.
    const results = await Promise.allSettled(jobs);
    const failures = results.filter((job) => job.status === "rejected");
    const reasons = failures.map(({ reason }): unknown => reason);
    const bug = reasons.find((reason) => !(reason instanceof SpecError));
    if (bug !== undefined) throw bug;
    if (reasons.length > 0)
      throw new SpecError(reasons.map((reason) => (reason as SpecError).message).join("\n"));
    writeParents(config, out);
    const warnings = results.flatMap((job) => (job.status === "fulfilled" ? job.value : []));
    return use(out, warnings);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function filesBelow(folder: string): Map<string, Buffer> {
  let entries: string[];
  try {
    entries = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch {
    entries = [];
  }
  return new Map(
    entries.map((path) => [path.slice(dirname(folder).length + 1).replaceAll("\\", "/"), readFileSync(path)]),
  );
}

/**
 * Replaces `gen/` as a whole by what the specs give. When anything fails, `gen/` stays as it was.
 * @throws SpecError naming what is wrong
 */
export function writeGen(options: GenOptions): Promise<Written> {
  return generate(options, (out, warnings) => {
    const target = join(options.root, "gen");
    const old = join(out, "old");
    const files = filesBelow(join(out, "gen")).size;
    let moved = true;
    try {
      renameSync(target, old);
    } catch {
      moved = false;
    }
    try {
      renameSync(join(out, "gen"), target);
    } catch (error) {
      if (moved) renameSync(old, target);
      throw error;
    }
    return { files, warnings };
  });
}

/** Compares `gen/` with what the specs give. @throws SpecError naming what is wrong in a spec */
export function checkGen(options: GenOptions): Promise<Drift> {
  return generate(options, (out) => {
    const [wanted, found] = [filesBelow(join(out, "gen")), filesBelow(join(options.root, "gen"))];
    const names = [...wanted.keys()].sort();
    return {
      missing: names.filter((name) => !found.has(name)),
      stale: names.filter((name) => found.has(name) && !wanted.get(name)!.equals(found.get(name)!)),
      orphaned: [...found.keys()].filter((name) => !wanted.has(name)).sort(),
    };
  });
}
