/** Where a value stands in a document: its keys and indexes from the root. */
export type YamlPath = readonly (string | number)[];

/** Something wrong in a document, and where it is written. */
export interface Problem {
  readonly path: YamlPath;
  readonly message: string;
}

/** A copy of a document that may be changed, and the way back from its slots to those of the original. */
export interface Editable {
  readonly data: unknown;
  /** YAML aliases that contain themselves; each is replaced by an empty object. */
  readonly problems: readonly Problem[];
  /**
   * Where the original has what now stands at `path`: the place of the nearest ancestor that comes from it, and
   * the steps from there.
   */
  originOf(path: YamlPath): YamlPath;
}

/** Sets a member of a document. Unlike an assignment, it makes `__proto__` a member as any other. */
export function setMember(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

/**
 * Copies the data of a document. What YAML aliases share becomes separate objects, so that a change of one place
 * leaves the others alone.
 */
export function editable(original: unknown): Editable {
  const origins = new WeakMap<object, YamlPath>();
  const open = new Set<object>();
  const problems: Problem[] = [];
  const copy = (value: unknown, path: YamlPath): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if (open.has(value)) {
      problems.push({ path, message: "an alias contains itself: expand it, or use a $ref" });
      return {};
    }
    open.add(value);
    const result = Array.isArray(value)
      ? value.map((item, index) => copy(item, [...path, index]))
      : Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copy(item, [...path, key])]));
    open.delete(value);
    origins.set(result, path);
    return result;
  };
  const data = copy(original, []);
  return {
    data,
    problems,
    originOf: (path) => {
      let [found, steps]: [YamlPath, YamlPath] = [[], path];
      let value = data;
      for (const [index, step] of path.entries()) {
        if (typeof value !== "object" || value === null) break;
        value = (value as Record<string | number, unknown>)[step];
        const origin = typeof value === "object" && value !== null ? origins.get(value) : undefined;
        if (origin !== undefined) [found, steps] = [origin, path.slice(index + 1)];
      }
      return [...found, ...steps];
    },
  };
}
