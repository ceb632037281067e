import { isIdentifier } from "../emit.js";
import type { Finding } from "../finding.js";
import { compileForm } from "../forms.js";
import type { RuleBook } from "../rules.js";
import { asRecord, type OpenApi, type Operation, refName, type Schema, valueAt } from "./openapi.js";
import { flatten } from "./type-text.js";
import { walkDocument } from "./walk.js";

/** Every `x-` key of a document, and its value where it is one of ours. */
function checkKeys(api: OpenApi, rules: RuleBook): Finding[] {
  const [unknown, wrong] = [rules.mark("known-extensions"), rules.mark("extension-values")];
  const findings: Finding[] = [];
  const problemsOf = compileForm("extensions");
  walkDocument(api.source.data, (value, path) => {
    const own = Object.entries(value).filter(([key]) => key.startsWith("x-"));
    if (own.length === 0) return;
    for (const { path: at, message, isUnknown } of problemsOf(Object.fromEntries(own))) {
      const isForeign = isUnknown && at.length === 1;
      const mark = isForeign ? unknown : wrong;
      const text = isForeign ? `unknown extension ${at[0]}` : message;
      if (mark) findings.push(api.source.finding([...path, ...at], text, mark));
    }
  });
  return findings;
}

/** What `x-paging` says must be there: the parameter, the list and the cursor. */
function checkPaging(api: OpenApi, { raw, path, id, parameters, responses }: Operation): Finding[] {
  if (raw["x-paging"] === undefined) return [];
  const { parameter, items, next, counts } = asRecord(raw["x-paging"]);
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
    [next === undefined || counts === undefined, "counts", "counts is for paging without next"],
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
      findings.push(...checkPaging(api, operation).map((finding) => ({ ...finding, ...values })));
    }
  }
  return findings;
}
