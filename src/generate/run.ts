import type { Config, Spec } from "./config.js";
import { type Finding, SpecError } from "./finding.js";
import { generateOpenApi } from "./openapi/files.js";
import { compareOutput, type Drift, type Generated, replaceOutputs, stampFiles } from "./output.js";
import { generateProto } from "./proto/proto.js";
import { generateTools } from "./tools-file.js";

/** What a run works on. */
export interface GenOptions {
  /** The project root: the folder of the config. */
  readonly root: string;
  readonly config: Config;
  /** Names of the specs to work on. Default: all. */
  readonly names?: readonly string[];
  /** PATH on which buf and its plugins are found. Default: the project's own tools, then the PATH of the process. */
  readonly searchPath?: string;
}

/** The specs that were asked for. @throws SpecError for a name that there is not */
export function selectSpecs({ config, names }: GenOptions): [string, Spec][] {
  const known = Object.keys(config.specs);
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new SpecError(`no spec is called ${unknown}; known: ${known.join(", ")}`);
  const wanted = names === undefined || names.length === 0 ? known : names;
  return wanted.map((name) => [name, config.specs[name]!]);
}

/** Runs one job per spec; all end, and all that is wrong is reported at once. @throws SpecError */
export async function runAll<T>(jobs: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(jobs);
  const reasons = results.flatMap((job): unknown[] => (job.status === "rejected" ? [job.reason] : []));
  const bug = reasons.find((reason) => !(reason instanceof SpecError));
  if (bug !== undefined) throw bug;
  const failures = reasons.filter((reason) => reason instanceof SpecError);
  const [first] = failures;
  if (failures.length === 1) throw first;
  const findings = failures.flatMap((failure) => failure.findings);
  const messages = failures.map(({ message }) => message).join("\n");
  if (failures.length > 0) throw new SpecError(messages, findings);
  return results.flatMap((job) => (job.status === "fulfilled" ? [job.value] : []));
}

interface Output extends Generated {
  readonly out: string;
}

/** Generates what the specs give, in memory. */
async function generateAll(options: GenOptions): Promise<Output[]> {
  const { root, searchPath } = options;
  const specs = selectSpecs(options);
  const outs = Object.values(options.config.specs).map(({ out }) => out);
  for (const [index, out] of outs.entries()) {
    const other = outs.find((each, at) => at !== index && `${out}/`.startsWith(`${each}/`));
    if (other !== undefined)
      throw new SpecError(`out ${out} is inside of out ${other}: each is replaced whole`);
  }
  return runAll(
    specs.map(async ([name, spec]) => {
      const made =
        "proto" in spec
          ? await generateProto(root, spec, searchPath)
          : "tools" in spec
            ? generateTools(root, spec)
            : await generateOpenApi(root, name, spec);
      return { ...made, out: spec.out, files: stampFiles(root, made, { name, ...spec }) };
    }),
  );
}

/** The result of {@link generate}. */
export interface Generation {
  /** Number of files that were written; 0 with `check`. */
  readonly files: number;
  /** With `check`: how the output folders differ; empty lists when they do not. */
  readonly drift: Drift;
  /** What is worth a look but not wrong. */
  readonly warnings: readonly Finding[];
}

/**
 * Replaces the output folders by what the specs give, all or none. With `check` it compares them instead.
 * @throws SpecError naming file, line and column of what is wrong; nothing is written then
 */
export async function generate(options: GenOptions & { readonly check?: boolean }): Promise<Generation> {
  const outputs = await generateAll(options);
  const drifts = options.check
    ? outputs.map(({ out, files }) => compareOutput(options.root, out, files))
    : [];
  const all = (kind: keyof Drift) => drifts.flatMap((drift) => drift[kind]).sort();
  if (!options.check) replaceOutputs(options.root, new Map(outputs.map(({ out, files }) => [out, files])));
  return {
    files: options.check ? 0 : outputs.reduce((sum, { files }) => sum + files.size, 0),
    drift: { missing: all("missing"), stale: all("stale"), orphaned: all("orphaned") },
    warnings: outputs.flatMap(({ warnings }) => warnings),
  };
}
