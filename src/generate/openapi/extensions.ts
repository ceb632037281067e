import { isIdentifier } from "../emit.js";
import type { Finding } from "../finding.js";
import type { RuleBook } from "../rules.js";
import type { YamlPath } from "../source.js";
import { asRecord, type OpenApi, type Operation, refName, type Schema, valueAt } from "./openapi.js";
import { flatten } from "./type-text.js";
import { walkDocument } from "./walk.js";

interface Extension {
  readonly is: (value: unknown) => boolean;
  readonly means: string;
}

/** Our extensions and the values each may have.  */
const extensions: Readonly<Record<string, Extension>> = {
  // Operation: sending it again does no harm.
  "x-idempotent": { is: (value) => typeof value === "boolean", means: "true or false" },
  // Operation: it is not sent again, whatever happened.
  "x-retry": { is: (value) => value === "never", means: "`never`" },
  // Operation: `{ tool: { action: { idempotent, retry?, description?, params, result } } }`.
  "x-tool-actions": { is: isObject, means: "a map of tools" },
  // Operation: where its pages are. See `Paging` of the runtime.
  "x-paging": { is: isObject, means: "an object" },
  // Operation: members without which a successful response is of no use; clients refuse it.
  "x-needs": { is: isNames, means: "a list of names" },
  // Response: its body means nothing; clients do not read it.
  "x-ignore-body": { is: (value) => value === true, means: "`true`" },
  // Schema: user data, never renamed or looked into.
  "x-opaque": { is: (value) => value === true, means: "`true`" },
  // Schema: a map whose keys are data; its values are converted.
  "x-data-keys": { is: (value) => value === true, means: "`true`" },
  // Schema: the first protocol version with this member.
  "x-since": { is: (value) => typeof value === "string", means: "a version" },
  // Media type: schema of the JSON in each event of the stream.
  "x-event-data": { is: isObject, means: "a schema" },
};

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** Every `x-` key of a document. */
function checkKeys(api: OpenApi, rules: RuleBook): Finding[] {
  const findings: Finding[] = [];
  const [unknown, wrong] = [rules.mark("known-extensions"), rules.mark("extension-values")];
  walkDocument(api.source.data, (value, path) => {
    for (const key of Object.keys(value)) {
      if (!key.startsWith("x-")) continue;
      const extension = Object.hasOwn(extensions, key) ? extensions[key] : undefined;
      const at = [...path, key];
      if (extension === undefined) {
        if (unknown) findings.push(api.source.finding(at, `unknown extension ${key}`, unknown));
      } else if (wrong && !extension.is(value[key])) {
        findings.push(api.source.finding(at, `${key} must be ${extension.means}`, wrong));
      }
    }
  });
  return findings;
}

function checkTools(api: OpenApi, { raw, path, id }: Operation): Finding[] {
  const base = [...path, "x-tool-actions"];
  return Object.entries(asRecord(raw["x-tool-actions"])).flatMap(([tool, actions]) =>
    Object.entries(asRecord(actions)).flatMap(([action, entry]) => {
      const at = [...base, tool, action];
      const what = `x-tool-actions of ${id}, ${tool}.${action}`;
      const { idempotent, retry, params, result, description, ...rest } = asRecord(entry);
      const rules: [boolean, YamlPath, string][] = [
        [typeof idempotent === "boolean", [...at, "idempotent"], "idempotent must be true or false"],
        [retry === undefined || retry === "never", [...at, "retry"], "retry must be `never`"],
        [isObject(params), [...at, "params"], "params must be a schema"],
        [isObject(result), [...at, "result"], "result must be a schema"],
        [
          description === undefined || typeof description === "string",
          [...at, "description"],
          "description must be text",
        ],
        ...Object.keys(rest).map((key): [boolean, YamlPath, string] => [
          false,
          [...at, key],
          `unknown member ${key}`,
        ]),
      ];
      return rules
        .filter(([ok]) => !ok)
        .map(([, where, text]) => api.source.finding(where, `${what}: ${text}`));
    }),
  );
}

/** What `x-paging` says must be there: the parameter, the list and the cursor. */
function checkPaging(api: OpenApi, { raw, path, id, parameters, responses }: Operation): Finding[] {
  if (raw["x-paging"] === undefined) return [];
  const { parameter, items, next, counts, ...rest } = asRecord(raw["x-paging"]);
  const schema = Object.entries(responses).find(([status]) => status.startsWith("2"))?.[1].schema ?? {};
  const members = flatten(api, schema)?.properties ?? {};
  const member = (name: unknown) =>
    Object.hasOwn(members, String(name)) ? members[String(name)] : undefined;
  const list = items === undefined ? resolved(api, schema) : resolved(api, member(items) ?? {});
  const isQuery = parameters.some((known) => known.in === "query" && known.name === parameter);
  const rules: [boolean, string, string][] = [
    [isQuery, "parameter", `${parameter} is not a query parameter of ${id}`],
    [list.items !== undefined, "items", `${items ?? "the response"} is not a list in the response of ${id}`],
    [next === undefined || member(next) !== undefined, "next", `the response of ${id} has no member ${next}`],
    [
      counts === undefined || counts === "offset" || counts === "page",
      "counts",
      "counts must be offset or page",
    ],
    [next === undefined || counts === undefined, "counts", "counts is for paging without next"],
    ...Object.keys(rest).map((key): [boolean, string, string] => [false, key, `unknown member ${key}`]),
  ];
  return rules
    .filter(([ok]) => !ok)
    .map(([, key, text]) => api.source.finding([...path, "x-paging", key], `x-paging: ${text}`));
}

function resolved(api: OpenApi, schema: Schema): Schema {
  return schema.$ref === undefined ? schema : resolved(api, api.schemas[refName(schema.$ref)] ?? {});
}

/** What our own rules find in a document: extensions that are unknown, misused or missing, ids that are not identifiers. */
export function checkExtensions(api: OpenApi, rules: RuleBook): Finding[] {
  const findings = checkKeys(api, rules);
  const [ids, marks, values] = [
    rules.mark("operation-id"),
    rules.mark("x-idempotent-required"),
    rules.mark("extension-values"),
  ];
  for (const operation of api.operations) {
    const { id, path, raw, method, url } = operation;
    const written = valueAt(api.original.data, [...path, "operationId"]);
    if (ids && written === undefined) {
      findings.push(api.source.finding(path, `${method.toUpperCase()} ${url} has no operationId`, ids));
    } else if (ids && !isIdentifier(String(written))) {
      const message = `operationId ${String(written)} is not an identifier`;
      findings.push(api.source.finding([...path, "operationId"], message, ids));
    }
    if (marks && raw["x-idempotent"] === undefined)
      findings.push(
        api.source.finding([...path, "operationId"], `operation ${id} has no x-idempotent`, marks),
      );
    if (values) {
      const wrong = [...checkTools(api, operation), ...checkPaging(api, operation)];
      findings.push(...wrong.map((finding) => ({ ...finding, ...values })));
    }
  }
  return findings;
}
