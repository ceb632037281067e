import { Ajv2020 } from "ajv/dist/2020.js";
import type { RecordingsConfig } from "../config.js";
import type { OpenApi, SchemaAt } from "../openapi/openapi.js";
import { stripSchema } from "../openapi/schemas.js";
import { readAureusRecordings } from "./aureus-recordings.js";
import type { Differences } from "./differences.js";
import { readGatewayRecordings } from "./gateway-recordings.js";
import { requiredMembers, type Schemas, withoutMember } from "./mutations.js";
import { readNeuronRecordings } from "./neuron-recordings.js";
import type { CheckResult } from "./result.js";

/** One recorded body or frame and the schema it should fit. */
export interface Recording {
  /** Stable name, also that of an expected difference: `specs/neuron/odd-frames/15`. */
  readonly id: string;
  /** What it is, for people: `POST /neuron/ack`. */
  readonly what: string;
  /** The value; undefined when the recorded text is no JSON. */
  readonly value: unknown;
  /** The schema; undefined when the document has none for it. */
  readonly schema: SchemaAt | undefined;
}

/** The schemas of a document, ready to validate. */
function compile(
  api: OpenApi,
  id: string,
  recordings: readonly Recording[],
): Schemas & { address(schema: SchemaAt): string } {
  const ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: false, ownProperties: true });
  const inline = [...new Set(recordings.flatMap(({ schema }) => schema ?? []))];
  ajv.addSchema({
    $id: id,
    components: { schemas: stripSchema(api.schemas) },
    inline: inline.map(({ schema }) => stripSchema(schema)),
  });
  return {
    id,
    components: api.schemas,
    validate: (address, value) => ajv.getSchema(address)!(value) === true,
    address: (schema) => `${id}#/inline/${inline.indexOf(schema)}`,
  };
}

/**
 * Validates recordings against the document, and that each is refused when one required member is missing.
 * What does not fit must be listed as an expected difference; a listed one that fits is stale.
 */
export function judgeRecordings(
  name: string,
  api: OpenApi,
  id: string,
  recordings: readonly Recording[],
  differences: Differences,
): CheckResult {
  const schemas = compile(api, id, recordings);
  const findings: string[] = [];
  const tried = { valid: 0, odd: 0, mutants: 0 };
  for (const recording of recordings) {
    const { id: recordingId, what, value, schema } = recording;
    const where = `${recordingId}: ${what}`;
    if (schema === undefined) {
      findings.push(`${where}: ${api.source.file} has no schema for it`);
    } else if (value === undefined || !schemas.validate(schemas.address(schema), value)) {
      tried.odd++;
      if (differences.expected(recordingId) === undefined)
        findings.push(`${where}: does not fit ${api.source.file}`);
    } else {
      tried.valid++;
      for (const steps of requiredMembers(schemas, schema.schema, schemas.address(schema), value)) {
        tried.mutants++;
        if (!schemas.validate(schemas.address(schema), withoutMember(value, steps))) continue;
        findings.push(`${where}: fits ${api.source.file} also without ${steps.join(".")}`);
      }
    }
  }
  const group = `specs/${name}/`;
  findings.push(...differences.stale(group).map((stale) => `${differences.file}: stale entry ${stale}`));
  const summary = `${tried.valid} bodies and frames fit, ${tried.mutants} mutants refused, ${tried.odd} odd ones expected`;
  return { name: `recordings ${name}`, summary, findings };
}

type Reader = (root: string, folder: string, api: OpenApi, prefix: string) => Recording[];
const readers: Readonly<Record<RecordingsConfig["format"], Reader>> = {
  neuron: readNeuronRecordings,
  "aureus-v1": readAureusRecordings("sdk-vs-"),
  "aureus-console": readAureusRecordings("console-"),
  gateway: readGatewayRecordings,
};

/** Reads and judges the recordings of a spec. */
export function checkRecordings(
  root: string,
  name: string,
  config: RecordingsConfig,
  api: OpenApi,
  id: string,
  differences: Differences,
): CheckResult {
  const recordings = readers[config.format](root, config.folder, api, `specs/${name}`);
  return judgeRecordings(name, api, id, recordings, differences);
}
