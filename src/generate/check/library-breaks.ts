import { apiDiff } from "api-smart-diff";
import { asRecord, type OpenApi, refPath, valueAt } from "../openapi/openapi.js";
import type { YamlPath } from "../source.js";
import type { Break } from "./breaks.js";

/** The place itself instead of one of the ways to it: references are followed, list items named by value. */
function canonical(data: unknown, path: YamlPath): YamlPath {
  let at: YamlPath = [];
  let named: YamlPath = [];
  for (const [index, step] of path.entries()) {
    const { $ref } = asRecord(valueAt(data, at));
    if (typeof $ref === "string") at = named = refPath($ref);
    const list = String(path[index - 1]);
    at = [...at, step];
    const value = valueAt(data, at);
    const name = list === "parameters" ? asRecord(value).name : value;
    named = [...named, ["required", "enum", "parameters"].includes(list) ? String(name ?? step) : step];
  }
  return named;
}

/**
 * What breaks between two documents by the rules of api-smart-diff. Only what it says about operations is
 * used: of a component on its own it cannot tell whether it is sent or read.
 */
export function libraryBreaks(before: OpenApi, after: OpenApi): Break[] {
  return apiDiff(before.source.data, after.source.data)
    .filter(({ type, path }) => type === "breaking" && path[0] === "paths")
    .map(({ action, path, description }) => {
      const data = action === "add" ? after.source.data : before.source.data;
      return {
        path: canonical(data, path as YamlPath),
        action: action as Break["action"],
        message: String(description ?? action).replace(/^\[\w+\] /, ""),
      };
    });
}
