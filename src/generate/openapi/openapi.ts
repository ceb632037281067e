import type { Paging } from "../../http/operation.js";
import type { OpenApiSpec } from "../config.js";
import { editable } from "../editable.js";
import { type Finding, SpecError, throwFindings } from "../finding.js";
import { applyOverlay } from "../overlay.js";
import { readSource, type Source, type YamlPath } from "../source.js";
import { upgradeDocument } from "../upgrade.js";
import { type Body, bodyOf, type Content, firstOf, readContent } from "./media.js";
import { normalizeDocument } from "./normalize.js";

/** A JSON Schema of an OpenAPI 3.1 document, as far as the generator reads it. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly deprecated?: boolean;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema | boolean;
  readonly prefixItems?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly [keyword: string]: unknown;
}

/** A schema and where it is written. */
export interface SchemaAt {
  readonly schema: Schema;
  readonly path: YamlPath;
}

export interface Parameter {
  readonly name: string;
  readonly in: "query" | "path" | "header" | "cookie";
  readonly required: boolean;
  readonly description?: string;
  /** True if the value is sent as JSON (`content: { application/json: … }`). */
  readonly isJson: boolean;
  readonly schema: SchemaAt;
}

/** One action of a tool that an operation can be asked for (`x-tool-actions`). */
export interface ToolAction {
  readonly tool: string;
  readonly action: string;
  readonly idempotent: boolean;
  readonly retry?: "never";
  readonly description?: string;
  readonly params: SchemaAt;
  readonly result: SchemaAt;
}

export interface Operation {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  /** Where the operation is written. */
  readonly path: YamlPath;
  readonly summary?: string;
  readonly description?: string;
  /** Those of the path included. */
  readonly parameters: readonly Parameter[];
  readonly body?: Body;
  /** Schema of the JSON request body. */
  readonly request?: SchemaAt;
  /** The media types of every response, by status; none for a response without content. */
  readonly contents: Readonly<Record<string, readonly Content[]>>;
  /** Schemas of the JSON answers, by status (`"200"`, `"5XX"`, `"default"`). */
  readonly responses: Readonly<Record<string, SchemaAt>>;
  /** Schema of the JSON in each event of a `text/event-stream` answer. */
  readonly events?: SchemaAt;
  /** `x-paging`, with the names of the protocol. */
  readonly paging?: Paging;
  /** True when no credential is asked for. */
  readonly isPublic: boolean;
  readonly actions: readonly ToolAction[];
  /** The operation object itself, for its extensions. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** An OpenAPI document in the form of 3.1, read once and checked only as far as later steps rely on it. */
export interface OpenApi {
  /** The document as everything is generated from it; its findings name places of the file. */
  readonly source: Source;
  /** The document as it is written. */
  readonly original: Source;
  /** What is worth a look but not wrong. */
  readonly warnings: readonly Finding[];
  readonly title: string;
  readonly schemas: Readonly<Record<string, Schema>>;
  readonly operations: readonly Operation[];
}

type Json = Readonly<Record<string, unknown>>;
/** The methods that a path can have operations for. */
export const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/** The value when it is an object, else an empty one. */
export function asRecord(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

/** The steps of a JSON pointer in a fragment (`#/components/schemas/Lease`). */
export function pointerPath(pointer: string): readonly string[] {
  const steps = pointer.replace(/^#\/?/, "").split("/");
  return steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The steps of a local reference, which may be percent-encoded; a step that is not encoded well is taken as it is. */
export function refPath(ref: string): readonly string[] {
  const decoded = (step: string) => {
    try {
      return decodeURIComponent(step);
    } catch {
      return step;
    }
  };
  return pointerPath(ref.split("/").map(decoded).join("/"));
}

/** Name of the component schema a reference points to. */
export function refName(ref: string): string {
  return refPath(ref).at(-1)!;
}

/** The value under `path`, or undefined. */
export function valueAt(data: unknown, path: YamlPath): unknown {
  return path.reduce<unknown>((value, step) => {
    if (Array.isArray(value)) return value[Number(step)];
    const record = asRecord(value);
    return Object.hasOwn(record, step) ? record[step] : undefined;
  }, data);
}

/** The object under `path` of a document, `$ref`s followed, and where it is written. */
export function resolveAt(api: OpenApi, path: YamlPath): { value: Json; path: YamlPath } {
  return resolve(api.source.data, path);
}

/** Follows `$ref`s of parameters, bodies and responses. */
function resolve(data: unknown, path: YamlPath): { value: Json; path: YamlPath } {
  const value = asRecord(valueAt(data, path));
  return typeof value.$ref === "string" ? resolve(data, refPath(value.$ref)) : { value, path };
}

/** The actions of a map `{ tool: { action: … } }` at `path`. */
export function readActions(tools: unknown, path: YamlPath): ToolAction[] {
  return Object.entries(asRecord(tools)).flatMap(([tool, actions]) =>
    Object.entries(asRecord(actions)).map(([action, value]) => {
      const { idempotent, retry, description, params, result } = asRecord(value);
      const at = [...path, tool, action];
      return {
        tool,
        action,
        idempotent: idempotent === true,
        ...(retry === "never" && { retry }),
        ...(typeof description === "string" && { description }),
        params: { schema: asRecord(params), path: [...at, "params"] },
        result: { schema: asRecord(result), path: [...at, "result"] },
      };
    }),
  );
}

function readPaging(raw: Json): Paging | undefined {
  const { parameter, items, next, counts } = asRecord(raw["x-paging"]);
  if (typeof parameter !== "string") return undefined;
  return {
    ...(typeof items === "string" && { items }),
    parameter,
    ...(typeof next === "string" && { next }),
    ...((counts === "offset" || counts === "page") && { counts }),
  };
}

function readOperation(source: Source, url: string, method: string): Operation {
  const { data } = source;
  const path: YamlPath = ["paths", url, method];
  const raw = asRecord(valueAt(data, path));
  const declared = [
    ["paths", url, "parameters"],
    [...path, "parameters"],
  ].flatMap((list) => {
    const count = (valueAt(data, list) as unknown[] | undefined)?.length ?? 0;
    return Array.from({ length: count }, (_, index): Parameter => {
      const { value, path: at } = resolve(data, [...list, index]);
      const [content] = readContent(value.content, at);
      return {
        name: String(value.name),
        in: value.in as Parameter["in"],
        required: value.required === true,
        ...(typeof value.description === "string" && { description: value.description }),
        isJson: content?.kind === "json",
        schema: content?.schema ?? { schema: asRecord(value.schema) as Schema, path: [...at, "schema"] },
      };
    });
  });
  // A parameter of an operation takes the place of the one that its path has under the same name.
  const parameters = new Map(declared.map((item) => [`${item.in} ${item.name}`, item]));
  const requestBody = resolve(data, [...path, "requestBody"]);
  const bodies = readContent(requestBody.value.content, requestBody.path);
  const body = bodyOf(bodies, requestBody.value.required === true);
  const request = firstOf(bodies, ["json"])?.schema;
  const responses: Record<string, SchemaAt> = {};
  const contents: Record<string, readonly Content[]> = {};
  let events: SchemaAt | undefined;
  for (const status of Object.keys(asRecord(raw.responses))) {
    const { value, path: at } = resolve(data, [...path, "responses", status]);
    const content = readContent(value.content, at);
    contents[status] = value["x-ignore-body"] === true ? [] : content;
    const schema = firstOf(content, ["json"])?.schema;
    if (schema !== undefined) responses[status] = schema;
    events = firstOf(content, ["events"])?.event ?? events;
  }
  const security = raw.security ?? asRecord(data).security;
  const paging = readPaging(raw);
  return {
    id: String(raw.operationId),
    method,
    url,
    path,
    ...(typeof raw.summary === "string" && { summary: raw.summary }),
    ...(typeof raw.description === "string" && { description: raw.description }),
    parameters: [...parameters.values()],
    ...(body && { body }),
    ...(request && { request }),
    contents,
    responses,
    ...(events && { events }),
    ...(paging && { paging }),
    isPublic: Array.isArray(security) && security.length === 0,
    actions: readActions(raw["x-tool-actions"], [...path, "x-tool-actions"]),
    raw,
  };
}

/** What of a config decides on how a document is read. */
export type DocumentOptions = Pick<OpenApiSpec, "overlay" | "include" | "rename">;

/**
 * Reads the OpenAPI document in `file`: applies the overlay, upgrades 3.0 to 3.1, and gives every operation an id.
 * Findings name the places of the file itself.
 *
 * @throws SpecError when it is missing, broken, not OpenAPI 3.0 or 3.1, or has references that lead nowhere
 */
export function readOpenApi(root: string, file: string, options: DocumentOptions = {}): OpenApi {
  const original = readSource(root, file);
  const { openapi } = asRecord(original.data);
  if (!/^3\.[01]\./.test(String(openapi))) {
    const found = openapi === undefined ? "no member `openapi`" : String(openapi);
    throw new SpecError([original.finding(["openapi"], `expected OpenAPI 3.0 or 3.1, found ${found}`)]);
  }
  const { data, problems, originOf } = editable(original.data);
  throwFindings(problems.map(({ path, message }) => original.finding(path, message)));
  if (options.overlay !== undefined) {
    const overlay = readSource(root, options.overlay);
    const wrong = applyOverlay(data, overlay.data);
    throwFindings(wrong.map(({ path, message }) => overlay.finding(path, message)));
  }
  upgradeDocument(data);
  const source: Source = {
    ...original,
    data,
    finding: (path, message, rule) => original.finding(originOf(path), message, rule),
  };
  const findings: Finding[] = [];
  normalizeDocument(data, options, (path, message, severity) =>
    findings.push(source.finding(path, message, { severity: severity ?? "error" })),
  );
  throwFindings(findings.filter(({ severity }) => severity === "error"));
  const operations = Object.keys(asRecord(asRecord(data).paths)).flatMap((url) =>
    METHODS.filter((method) => valueAt(data, ["paths", url, method]) !== undefined).map((method) =>
      readOperation(source, url, method),
    ),
  );
  return {
    source,
    original,
    warnings: findings,
    // It stands in comments of generated code.
    title: String(asRecord(asRecord(data).info).title)
      .replace(/\s+/g, " ")
      .replaceAll("*/", "* /"),
    schemas: asRecord(asRecord(asRecord(data).components).schemas) as Record<string, Schema>,
    operations,
  };
}
