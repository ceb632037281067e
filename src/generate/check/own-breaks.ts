import type { OpenApi, Operation } from "../openapi/openapi.js";
import { reachable } from "../openapi/walk.js";
import type { Break } from "./breaks.js";
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

/**
 * What breaks between two documents by our own rules. They name what the comparison library lets pass: an
 * optional response field that is gone, a response type that changed, an object that was closed, and all that
 * is reached through extensions only. A component counts in the directions it is used in; one that no
 * operation uses counts in both.
 */
export function ownBreaks(before: OpenApi, after: OpenApi): Break[] {
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
  return [...breaks, ...comparison.breaks];
}
