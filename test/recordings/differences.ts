import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** A place where we knowingly differ from a vector or a recording. */
export interface Difference {
  /** `<area>/<wire>/<recording>/<item>`, for example `specs/neuron/odd-frames/15`. */
  readonly id: string;
  /** What we do. */
  readonly ours: string;
  /** What the vector or recording says. */
  readonly theirs: string;
  readonly reason: string;
}

/** The expected differences of one run, which remembers those that were met. */
export interface Differences {
  /** The file they stand in. */
  readonly file: string;
  /** The difference with this id, or undefined; it then counts as met. */
  expected(id: string): Difference | undefined;
  /** Ids that begin with `group` and were not met: they are stale and should fail. */
  stale(group: string): string[];
}

/** Reads a list of differences. @throws Error when an entry lacks a member or an id stands there twice */
export function loadDifferences(file: string): Differences {
  const list = (parse(readFileSync(file, "utf8")) ?? []) as Difference[];
  const byId = new Map<string, Difference>();
  for (const item of list) {
    for (const key of ["id", "ours", "theirs", "reason"] as const) {
      if (typeof item[key] !== "string" || item[key].trim() === "")
        throw new Error(`${file}: ${item.id}: no ${key}`);
    }
    if (byId.has(item.id)) throw new Error(`${file}: ${item.id} stands there twice`);
    byId.set(item.id, item);
  }
  const met = new Set<string>();
  return {
    file,
    expected: (id) => {
      met.add(id);
      return byId.get(id);
    },
    stale: (group) => [...byId.keys()].filter((id) => id.startsWith(group) && !met.has(id)),
  };
}
