import { isIdentifier } from "../emit.js";
import type { Finding } from "../finding.js";
import type { YamlPath } from "../source.js";
import { asRecord, type OpenApi, type Operation, refName, refPath, type Schema, valueAt } from "./openapi.js";
import { flatten } from "./type-text.js";
import { schemaRoots, walkSchema } from "./walk.js";

interface Extension {
  readonly is: (value: unknown) => boolean;
  readonly means: string;
}

/** Our extensions and the values each may have. Any other `x-` key is an error, as a typo would be silent. */
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

/** Members that hold named things: their keys are names, not keywords. */
const nameMaps = new Set(
  "properties patternProperties $defs dependentSchemas headers schemas responses examples mapping variables"
    .split(" ")
    .concat(
      "requestBodies securitySchemes links callbacks pathItems scopes content encoding paths webhooks x-tool-actions".split(
        " ",
      ),
    ),
);
/** Members that hold plain data. */
const dataMembers = new Set(["example", "examples", "default", "enum", "const", "value"]);

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function checkKeys(api: OpenApi, value: unknown, path: YamlPath, isNameMap: boolean): Finding[] {
  if (Array.isArray(value))
    return value.flatMap((item, index) => checkKeys(api, item, [...path, index], false));
  return Object.entries(asRecord(value)).flatMap(([key, member]) => {
    const at = [...path, key];
    if (!isNameMap && dataMembers.has(key)) return [];
    const findings = checkKeys(api, member, at, !isNameMap && nameMaps.has(key));
    if (isNameMap || !key.startsWith("x-")) return findings;
    const extension = Object.hasOwn(extensions, key) ? extensions[key] : undefined;
    if (extension === undefined) return [api.source.finding(at, `unknown extension ${key}`), ...findings];
    if (!extension.is(member))
      return [api.source.finding(at, `${key} must be ${extension.means}`), ...findings];
    return findings;
  });
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
    [isQuery, "parameter", `${parameter} is no query parameter of ${id}`],
    [list.items !== undefined, "items", `${items ?? "the response"} is no list in the response of ${id}`],
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

/**
 * What our own rules find in a document: extensions that are unknown, misused or missing, operation ids that
 * cannot be identifiers, references that lead nowhere.
 */
export function checkExtensions(api: OpenApi): Finding[] {
  const findings = checkKeys(api, api.source.data, [], false);
  const ids = new Set<string>();
  for (const operation of api.operations) {
    const { id, path, raw } = operation;
    const fail = (message: string) => findings.push(api.source.finding([...path, "operationId"], message));
    if (!isIdentifier(id)) fail(`operationId ${id} is not an identifier`);
    if (ids.has(id)) fail(`operationId ${id} is used twice`);
    ids.add(id);
    if (raw["x-idempotent"] === undefined) fail(`operation ${id} has no x-idempotent`);
    findings.push(...checkTools(api, operation), ...checkPaging(api, operation));
  }
  for (const { schema, path } of schemaRoots(api).flatMap(walkSchema)) {
    if (schema.$ref === undefined) continue;
    const [first, group, name, ...further] = schema.$ref.startsWith("#/") ? refPath(schema.$ref) : [];
    if (first !== "components" || group !== "schemas" || name === undefined || further.length > 0) {
      findings.push(
        api.source.finding([...path, "$ref"], `${schema.$ref} is not one of #/components/schemas/…`),
      );
    } else if (valueAt(api.source.data, ["components", "schemas", name]) === undefined) {
      findings.push(api.source.finding([...path, "$ref"], `${schema.$ref} does not exist`));
    }
  }
  return findings;
}
