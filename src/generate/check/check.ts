import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import type { OpenApiSpec } from "../config.js";
import { type Finding, SpecError } from "../finding.js";
import { fullSpec } from "../openapi/files.js";
import { readOpenApi } from "../openapi/openapi.js";
import { lintedOnFailure } from "../openapi/redocly.js";
import { RuleBook } from "../rules.js";
import { type GenOptions, selectSpecs } from "../run.js";
import { readTools } from "../tools-file.js";
import { baselineOf, checkBreaking, documentOf } from "./breaking.js";
import { checkLint } from "./lint.js";
import { checkProto, protoBaselineOf, updateProtoBaseline } from "./proto.js";
import { checkRecordings } from "./recordings.js";

/** What one check of one spec found. */
export interface CheckResult {
  /** The check and the name of the spec. */
  readonly name: string;
  /** What was looked at, with counts. */
  readonly summary: string;
  /** What is wrong; errors and warnings. */
  readonly findings: readonly Finding[];
  /** Why the check could not be done; it then says nothing about the spec. */
  readonly failure?: string;
}

/** A check that ends with a {@link SpecError} becomes a result that says so. */
export async function attempt(
  name: string,
  summary: string,
  run: () => Promise<CheckResult[]> | CheckResult[],
): Promise<CheckResult[]> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    return [{ name, summary, findings: error.findings, failure: error.message }];
  }
}

async function checkDocument(root: string, name: string, given: OpenApiSpec): Promise<CheckResult[]> {
  const spec = fullSpec(name, given);
  const check = async (): Promise<CheckResult[]> => {
    const api = readOpenApi(root, spec.openapi, spec);
    return [
      await checkLint(root, name, api, new RuleBook(spec.rules)),
      ...(await attempt(`breaking ${name}`, spec.openapi, () => [checkBreaking(root, name, spec, api)])),
      ...(spec.recordings === undefined
        ? []
        : await attempt(`recordings ${name}`, spec.openapi, () => [checkRecordings(root, name, spec, api)])),
    ];
  };
  return attempt(`read ${name}`, spec.openapi, () => lintedOnFailure(root, spec.openapi, check));
}

/**
 * Runs every check on every spec: lint, breaks against the baseline, recorded traffic.
 * @throws SpecError for a name that there is not
 */
export async function checkSpecs(options: GenOptions): Promise<CheckResult[]> {
  const { root, searchPath } = options;
  const results: CheckResult[] = [];
  // One at a time: redocly judges examples with one validator for all documents.
  for (const [name, spec] of selectSpecs(options)) {
    const found =
      "proto" in spec
        ? checkProto(root, name, spec, searchPath)
        : "tools" in spec
          ? attempt(`breaking ${name}`, spec.tools, () => [
              checkBreaking(root, name, spec, readTools(root, spec.tools)),
            ])
          : checkDocument(root, name, spec);
    results.push(...(await found));
  }
  return results;
}

/**
 * Takes the specs as they are now as the released ones. Do it with a release, not to silence a check.
 * @returns the files written
 * @throws SpecError for a name that there is not, or when a spec cannot be read
 */
export async function updateBaselines(options: GenOptions): Promise<string[]> {
  const { root, searchPath } = options;
  const files: string[] = [];
  for (const [, spec] of selectSpecs(options)) {
    if ("proto" in spec) {
      await updateProtoBaseline(root, spec, searchPath);
      files.push(protoBaselineOf(spec));
      continue;
    }
    const document = documentOf(spec);
    if (!existsSync(join(root, document))) throw new SpecError(`${document} does not exist`);
    copyFileSync(join(root, document), join(root, baselineOf(spec)));
    files.push(baselineOf(spec));
  }
  return files;
}
