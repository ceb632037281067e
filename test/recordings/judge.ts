import { compileSchemas, type Recording } from "../../src/generate/check/recordings.ts";
import type { OpenApi } from "../../src/generate/openapi/openapi.ts";
import type { Differences } from "./differences.ts";
import { requiredMembers, type Schemas, withoutMember } from "./mutations.ts";

/** What a comparison of recordings with a document found. */
export interface Verdict {
  readonly name: string;
  readonly summary: string;
  readonly findings: readonly string[];
}

/**
 * Validates recordings against the document, and that each is refused when one required member is missing.
 * What does not fit must be listed as an expected difference; a listed one that matches is stale.
 */
export function judgeRecordings(
  name: string,
  api: OpenApi,
  id: string,
  recordings: readonly Recording[],
  differences: Differences,
): Verdict {
  const { problem, address } = compileSchemas(
    api,
    id,
    recordings.flatMap(({ schema }) => schema ?? []),
  );
  const validate: Schemas["validate"] = (at, value) => problem(at, value) === undefined;
  const schemas: Schemas = { id, components: api.schemas, validate };
  const findings: string[] = [];
  const tried = { valid: 0, odd: 0, mutants: 0 };
  for (const recording of recordings) {
    const { id: recordingId, what, value, schema } = recording;
    const where = `${recordingId}: ${what}`;
    if (schema === undefined) {
      findings.push(`${where}: ${api.source.file} has no schema for it`);
    } else if (value === undefined || !schemas.validate(address(schema), value)) {
      tried.odd++;
      if (differences.expected(recordingId) === undefined)
        findings.push(`${where}: does not fit ${api.source.file}`);
    } else {
      tried.valid++;
      for (const steps of requiredMembers(schemas, schema.schema, address(schema), value)) {
        tried.mutants++;
        if (!schemas.validate(address(schema), withoutMember(value, steps))) continue;
        findings.push(`${where}: fits ${api.source.file} also without ${steps.join(".")}`);
      }
    }
  }
  const group = `specs/${name}/`;
  findings.push(...differences.stale(group).map((stale) => `${differences.file}: stale entry ${stale}`));
  const summary = `${tried.valid} bodies and frames fit, ${tried.mutants} mutants refused, ${tried.odd} odd ones expected`;
  return { name: `recordings ${name}`, summary, findings };
}
