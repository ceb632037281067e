import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { type Finding, SpecError } from "../finding.js";
import { type Exchange, type RecordedBody, readExchanges } from "../har.js";
import type { FullSpec } from "../openapi/files.js";
import type { OpenApi, Operation, SchemaAt } from "../openapi/openapi.js";
import { stripSchema } from "../openapi/schemas.js";
import type { CheckResult } from "./check.js";

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

/** True when a path matches a template; `{}` stands for a part of one segment. */
function matches(template: string, path: string): boolean {
  const pattern = template.split(/\{[^}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`${pattern.join("[^/]+")}/?$`).test(path);
}

/** The operation of a request: the one with the fewest parameters in its path. A server may add a prefix to the paths. */
function operationOf({ operations }: OpenApi, method: string, path: string): Operation | undefined {
  const parameters = ({ url }: Operation) => url.split("{").length;
  return operations
    .filter((item) => item.method.toUpperCase() === method && matches(item.url, path))
    .sort((a, b) => b.url.split("/").length - a.url.split("/").length || parameters(a) - parameters(b))[0];
}

/** The bodies of an exchange with their schemas. A request that was refused says nothing about the form of a good one. */
function recordingsOf(api: OpenApi, id: string, exchange: Exchange): Recording[] {
  const { method, path, body, response } = exchange;
  const operation = operationOf(api, method, path);
  const what = `${method} ${path}`;
  if (operation === undefined) return [{ id, what, value: undefined, schema: undefined }];
  const each = (part: RecordedBody | undefined, text: string, schema: SchemaAt | undefined): Recording[] =>
    (part?.values ?? []).map((value) => ({ id, what: text, value, schema }));
  const { request, contents, responses, events } = operation;
  const { status = 0, body: answer } = response ?? {};
  const isRefused = status >= 400;
  const sent = isRefused || (body && !body.type.includes("json")) ? [] : each(body, what, request);
  if (response === undefined) return sent;
  const key = [`${status}`, `${Math.floor(status / 100)}XX`, "default"].find((name) => contents[name]);
  const text = `response ${status} to ${what}`;
  if (key === undefined) return [...sent, { id, what: text, value: undefined, schema: undefined }];
  const isStream = answer?.type.includes("event-stream");
  if (isStream && events === undefined) return sent;
  return [...sent, ...each(answer, text, isStream ? events : responses[key])];
}

/** The files that a pattern names; `*` stands for any part of a file name. */
function filesOf(root: string, pattern: string): string[] {
  if (!pattern.includes("*")) return [pattern];
  const [folder, name] = [dirname(pattern), basename(pattern)];
  const escaped = name.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  const matches = new RegExp(`^${escaped.join(".*")}$`);
  const found = existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : [];
  return found
    .filter((file) => matches.test(file))
    .sort()
    .map((file) => `${folder}/${file}`);
}

/** Holds recorded traffic against a document: every JSON body must have a schema, and match it. */
export function checkRecordings(root: string, name: string, spec: FullSpec, api: OpenApi): CheckResult {
  const files = [spec.recordings ?? []].flat().flatMap((pattern) => {
    const found = filesOf(root, pattern);
    if (found.length === 0) throw new SpecError(`recordings of ${name}: no file matches ${pattern}`);
    return found;
  });
  const findings: Finding[] = [];
  const recordings: (Recording & { readonly file: string; readonly place: number })[] = [];
  for (const file of files) {
    if (!existsSync(join(root, file)))
      throw new SpecError([{ file, line: 1, column: 1, message: "cannot be read" }]);
    const { exchanges, problems } = readExchanges(file, readFileSync(join(root, file), "utf8"));
    for (const { line, message } of problems)
      findings.push({ file, line, column: 1, message, rule: "recording" });
    for (const exchange of exchanges) {
      const { place } = exchange;
      recordings.push(
        ...recordingsOf(api, `${file}:${place}`, exchange).map((item) => ({ ...item, file, place })),
      );
    }
  }
  const { problem, address } = compileSchemas(
    api,
    spec.schemaId,
    recordings.flatMap(({ schema }) => schema ?? []),
  );
  for (const { file, place, what, value, schema } of recordings) {
    const isHar = /\.har$/i.test(file);
    const fail = (message: string) => {
      const text = isHar ? `log.entries[${place - 1}]: ${message}` : message;
      findings.push({ file, line: isHar ? 1 : place, column: 1, message: text, rule: "recording" });
    };
    if (schema === undefined) fail(`${what}: ${api.source.file} has no schema for it`);
    else if (value === undefined) fail(`${what}: the body is not JSON`);
    else {
      const wrong = problem(address(schema), value);
      if (wrong !== undefined) fail(`${what}: ${wrong} (${api.source.file})`);
    }
  }
  const summary = `${recordings.length} bodies and events in ${files.length} files`;
  return { name: `recordings ${name}`, summary, findings };
}
