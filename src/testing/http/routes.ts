/** Which operation of a spec a request is for. */

/** An operation of a generated table. */
export interface TableEntry {
  readonly method: string;
  /** With `{parameters}`. */
  readonly path: string;
}

/** A request that an operation of a table is for. */
export interface Matched<Id extends string> {
  readonly operation: Id;
  /** Path parameters, decoded where they can be. */
  readonly params: Readonly<Record<string, string>>;
}

/** Finds the operation of a request by its method (in any case) and its path (without the query). */
export type Router<Id extends string> = (method: string, path: string) => Matched<Id> | undefined;

/**
 * A router for these operations of a table. A path without parameters wins over one with; a parameter is never empty;
 * an extra or a doubled slash fits none.
 */
export function router<Id extends string>(
  table: Readonly<Record<Id, TableEntry>>,
  operations: readonly Id[] = Object.keys(table) as Id[],
): Router<Id> {
  const routes = operations
    .map((operation) => {
      const { method, path } = table[operation];
      const segments = path.split("/");
      const parameters = segments.filter((segment) => segment.startsWith("{")).length;
      return { operation, method: method.toUpperCase(), segments, parameters };
    })
    .sort((a, b) => a.parameters - b.parameters);
  return (method, path) => {
    const given = path.split("/");
    for (const { operation, method: wanted, segments } of routes) {
      if (wanted !== method.toUpperCase() || segments.length !== given.length) continue;
      const params = match(segments, given);
      if (params !== undefined) return { operation, params };
    }
    return undefined;
  };
}

function match(segments: readonly string[], given: readonly string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const value = given[index]!;
    if (!segment.startsWith("{")) {
      if (segment !== value) return undefined;
    } else if (value === "") return undefined;
    else params[segment.slice(1, -1)] = decode(value);
  }
  return params;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
