import { Ajv2020 } from "ajv/dist/2020.js";
import type { Finding } from "../finding.js";
import type { FullSpec } from "../openapi/files.js";
import type { OpenApi, SchemaAt } from "../openapi/openapi.js";
import { stripSchema } from "../openapi/schemas.js";
import type { CheckResult } from "./check.js";
import { readExchangeRecordings } from "./exchanges.js";

/** One recorded body or frame and the schema it should match. */
export interface Recording {
  /** Stable name: `specs/neuron/odd-frames/15`. */
  readonly id: string;
  /** What it is, for people: `POST /neuron/ack`. */
  readonly what: string;
  /** The value; undefined when the recorded text is not JSON. */
  readonly value: unknown;
  /** The schema; undefined when the document has none for it. */
  readonly schema: SchemaAt | undefined;
}

/** The schemas of a document, ready to validate. */
export interface CompiledSchemas {
  /** Why a value does not match the schema at an address; undefined when it does. */
  problem(address: string, value: unknown): string | undefined;
  /** Where one of the inline schemas is. */
  address(schema: SchemaAt): string;
}

/** Compiles the components of a document and some of its inline schemas. `id` is their `$id`. */
export function compileSchemas(api: OpenApi, id: string, schemas: readonly SchemaAt[]): CompiledSchemas {
  const ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: false, ownProperties: true });
  const inline = [...new Set(schemas)];
  ajv.addSchema({
    $id: id,
    components: { schemas: stripSchema(api.schemas) },
    inline: inline.map(({ schema }) => stripSchema(schema)),
  });
  return {
    problem: (address, value) => {
      const validate = ajv.getSchema(address)!;
      if (validate(value) === true) return undefined;
      const [first] = validate.errors ?? [];
      return `${first?.instancePath || "the body"} ${first?.message ?? "does not match"}`;
    },
    address: (schema) => `${id}#/inline/${inline.indexOf(schema)}`,
  };
}

/** Holds recorded traffic against a document: every JSON body must have a schema, and match it. */
export function checkRecordings(root: string, name: string, spec: FullSpec, api: OpenApi): CheckResult {
  const patterns = [spec.recordings ?? []].flat();
  const recordings = patterns.flatMap((pattern) => readExchangeRecordings(root, pattern, api, name));
  const schemas = recordings.flatMap(({ schema }) => schema ?? []);
  const { problem, address } = compileSchemas(api, spec.schemaId, schemas);
  const findings = recordings.flatMap(({ id, what, value, schema }): Finding[] => {
    const fail = (message: string) => [
      api.source.finding(schema?.path ?? [], `recording ${id}: ${what}: ${message}`, { rule: "recording" }),
    ];
    if (schema === undefined) return fail("the document has no schema for it");
    if (value === undefined) return fail("the body is not JSON");
    const wrong = problem(address(schema), value);
    return wrong === undefined ? [] : fail(wrong);
  });
  const summary = `${recordings.length} bodies and events of ${patterns.join(", ")}`;
  return { name: `recordings ${name}`, summary, findings };
}
