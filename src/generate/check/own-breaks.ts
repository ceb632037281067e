import { asRecord, type OpenApi, type Operation, resolveAt } from "../openapi/openapi.js";
import { reachable } from "../openapi/walk.js";
import { type Break, breakKey } from "./breaks.js";
import { type Direction, SchemaComparison } from "./schema-breaks.js";

function compareOperations(before: Operation, after: Operation, comparison: SchemaComparison): Break[] {
  const breaks: Break[] = [];
  for (const old of before.parameters) {
    const now = after.parameters.find((item) => item.name === old.name && item.in === old.in);
    if (now !== undefined) {
      comparison.compareAt(old.schema, now.schema, { sent: true, read: false });
      if (now.required && !old.required) {
        const path = [...after.path, "parameters", now.name];
        breaks.push({ path, action: "replace", message: `parameter ${now.name} is now required` });
      }
      continue;
    }
    const path = [...after.path, "parameters", old.name];
    breaks.push({ path, action: "remove", message: `removed parameter ${old.name} (${old.in})` });
  }
  for (const now of after.parameters) {
    if (!now.required || before.parameters.some((item) => item.name === now.name && item.in === now.in))
      continue;
    const path = [...after.path, "parameters", now.name];
    breaks.push({ path, action: "add", message: `new required parameter ${now.name}` });
  }
  comparison.compareAt(before.request, after.request, { sent: true, read: false });
  comparison.compareAt(before.events, after.events, { sent: false, read: true });
  for (const [status, schema] of Object.entries(before.responses)) {
    comparison.compareAt(schema, after.responses[status], { sent: false, read: true });
  }
  for (const old of before.actions) {
    const now = after.actions.find((item) => item.tool === old.tool && item.action === old.action);
    comparison.compareAt(old.params, now?.params, { sent: true, read: false });
    comparison.compareAt(old.result, now?.result, { sent: false, read: true });
    if (now !== undefined) continue;
    const path = old.params.path.slice(0, -1);
    breaks.push({ path, action: "remove", message: `removed action ${old.tool}.${old.action}` });
  }
  return breaks;
}

/** Bodies that are gone, in one media type or in all, and a body that is required now. */
function compareContents(before: OpenApi, after: OpenApi, old: Operation, now: Operation): Break[] {
  const breaks: Break[] = [];
  const compare = (...steps: string[]) => {
    const [was, is] = [resolveAt(before, [...old.path, ...steps]), resolveAt(after, [...now.path, ...steps])];
    const [oldTypes, nowTypes] = [asRecord(was.value.content), asRecord(is.value.content)];
    const gone = Object.keys(oldTypes).filter((type) => !Object.hasOwn(nowTypes, type));
    if (gone.length > 0 && Object.keys(nowTypes).length === 0) {
      breaks.push({ path: [...is.path, "content"], action: "remove", message: "removed content" });
    } else {
      for (const type of gone)
        breaks.push({
          path: [...is.path, "content", type],
          action: "remove",
          message: `removed media type ${type}`,
        });
    }
    return { was, is };
  };
  for (const status of Object.keys(asRecord(old.raw.responses))) {
    if (asRecord(now.raw.responses)[status] !== undefined) compare("responses", status);
    else if (/^2|default/.test(status) || old.contents[status]?.length) {
      const path = [...now.path, "responses", status];
      breaks.push({ path, action: "remove", message: `removed response ${status}` });
    }
  }
  const path = [...now.path, "requestBody"];
  if (old.raw.requestBody !== undefined && now.raw.requestBody === undefined) {
    breaks.push({ path, action: "remove", message: "removed request body" });
  } else if (old.raw.requestBody === undefined) {
    const isRequired = resolveAt(after, path).value.required === true;
    if (isRequired) breaks.push({ path, action: "add", message: "new required request body" });
  } else {
    const { was, is } = compare("requestBody");
    if (is.value.required === true && was.value.required !== true)
      breaks.push({
        path: [...is.path, "required"],
        action: "replace",
        message: "the request body is now required",
      });
  }
  return breaks;
}

/**
 * What breaks between two documents. A component counts in the directions it is used in; one that no
 * operation uses counts in both.
 */
export function findBreaks(before: OpenApi, after: OpenApi): Break[] {
  const comparison = new SchemaComparison(before, after);
  const breaks: Break[] = [];
  const sent = new Set([...reachable(before, "write"), ...reachable(after, "write")]);
  const read = new Set([...reachable(before, "read"), ...reachable(after, "read")]);
  for (const [name, schema] of Object.entries(before.schemas)) {
    const path = ["components", "schemas", name];
    const now = after.schemas[name];
    const unused = !sent.has(name) && !read.has(name);
    const direction: Direction = { sent: unused || sent.has(name), read: unused || read.has(name) };
    if (now === undefined) breaks.push({ path, action: "remove", message: `removed schema ${name}` });
    else comparison.compare(schema, now, path, direction);
  }
  for (const operation of before.operations) {
    const now = after.operations.find(
      ({ method, url }) => method === operation.method && url === operation.url,
    );
    if (now === undefined) {
      const message = `removed operation ${operation.method.toUpperCase()} ${operation.url}`;
      breaks.push({ path: operation.path, action: "remove", message });
    } else {
      breaks.push(...compareOperations(operation, now, comparison));
      breaks.push(...compareContents(before, after, operation, now));
      if (now.id !== operation.id) {
        const path = [...now.path, "operationId"];
        breaks.push({
          path,
          action: "replace",
          message: `operation ${operation.id} is now called ${now.id}`,
        });
      }
    }
  }
  // Operations may share a place.
  return [...new Map([...breaks, ...comparison.breaks].map((item) => [breakKey(item), item])).values()];
}
