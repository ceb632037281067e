import type { YamlPath } from "../editable.js";
import { asRecord, refName } from "./openapi.js";

/** Keywords whose schemas describe the same value. */
export const SAME_VALUE = ["allOf", "anyOf", "oneOf"];

/**
 * Takes out the references by which component schemas lead back to themselves through the keywords of `through` alone, in
 * place: any value is then taken there.
 * @returns where they were
 */
export function cutCycles(data: unknown, through: readonly string[]): YamlPath[] {
  const schemas = asRecord(asRecord(asRecord(data).components).schemas);
  const cut: YamlPath[] = [];
  const [open, done] = [new Set<string>(), new Set<string>()];
  const visit = (value: unknown, path: YamlPath): void => {
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) visit(item, [...path, index]);
      return;
    }
    if (typeof value !== "object" || value === null) return;
    const schema = value as Record<string, unknown>;
    if (typeof schema.$ref === "string") {
      const name = refName(schema.$ref);
      if (open.has(name)) {
        delete schema.$ref;
        cut.push(path);
      } else enter(name);
    }
    for (const key of through) visit(schema[key], [...path, key]);
  };
  const enter = (name: string): void => {
    if (done.has(name)) return;
    open.add(name);
    visit(schemas[name], ["components", "schemas", name]);
    open.delete(name);
    done.add(name);
  };
  for (const name of Object.keys(schemas)) enter(name);
  return cut;
}
