import { copyFileSync, existsSync } from "node:fs";
import { basename, join } from "node:path";
import { schemaIdOf } from "../config.js";
import { SpecError } from "../finding.js";
import { readOpenApi } from "../openapi/openapi.js";
import type { GenOptions } from "../run.js";
import { baselineOf, checkBreaking } from "./breaking.js";
import { loadDifferences } from "./differences.js";
import { checkLint } from "./lint.js";
import { checkProto, updateProtoBaseline } from "./proto.js";
import { checkRecordings } from "./recordings.js";
import type { CheckResult } from "./result.js";

/** Runs every check on every spec. A document that cannot be read at all is one finding. */
export async function checkSpecs({ root, config, searchPath }: GenOptions): Promise<CheckResult[]> {
  const { proto, differences = "test/expected-differences.yaml" } = config.options ?? {};
  const protoChecks = proto === undefined ? [] : checkProto(root, proto, searchPath);
  const results: CheckResult[] = [];
  for (const [name, spec] of Object.entries(config.specs)) {
    try {
      const api = readOpenApi(root, spec.input);
      results.push(await checkLint(name, api));
      results.push(checkBreaking(root, name, spec, api));
      if (spec.recordings !== undefined) {
        const known = loadDifferences(join(root, differences));
        results.push(checkRecordings(root, name, spec.recordings, api, schemaIdOf(spec), known));
      }
    } catch (error) {
      if (!(error instanceof SpecError)) throw error;
      results.push({ name: `read ${name}`, summary: spec.input, findings: [error.message] });
    }
  }
  return [...(await protoChecks), ...results];
}

/**
 * Takes the specs as they are now as the released ones: OpenAPI documents by their names, the protos as `cap` (the name
 * of their folder). Do it with a release, not to silence a check.
 * @returns the files written
 * @throws SpecError when there is no spec called `name`, or when a spec cannot be read
 */
export async function updateBaselines(
  { root, config, searchPath }: GenOptions,
  name?: string,
): Promise<string[]> {
  const specs = Object.entries(config.specs).filter(([key]) => name === undefined || key === name);
  const { proto } = config.options ?? {};
  const protoName = proto === undefined ? undefined : basename(proto.input);
  const withProto = proto !== undefined && (name === undefined || name === protoName);
  if (specs.length === 0 && !withProto) {
    const known = [...Object.keys(config.specs), protoName].filter((key) => key !== undefined);
    throw new SpecError(`there is no spec called ${name}; known: ${known.join(", ")}`);
  }
  if (withProto) await updateProtoBaseline(root, proto, searchPath);
  const files = specs.map(([, spec]) => {
    if (!existsSync(join(root, spec.input))) throw new SpecError(`${spec.input} does not exist`);
    copyFileSync(join(root, spec.input), join(root, baselineOf(spec)));
    return baselineOf(spec);
  });
  return withProto ? [proto.baseline, ...files] : files;
}
