/** One HTTP exchange as the local server sees it, whether it came over a socket or not. */

/** A request that was read to its end. */
export interface LocalRequest {
  readonly method: string;
  /** As it came, still percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** An answer. */
export interface LocalAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** A JSON answer. Undefined members are left out. */
export function json(status: number, body: unknown): LocalAnswer {
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8" },
    text: JSON.stringify(body),
  };
}

/** What a console server says of a path that it does not have. */
export function htmlNotFound({ method, path }: LocalRequest): LocalAnswer {
  const shown = path.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const text = `<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Error</title>\n</head>\n<body>\n<pre>Cannot ${method} ${shown}</pre>\n</body>\n</html>\n`;
  return { status: 404, headers: { "content-type": "text/html; charset=utf-8" }, text };
}

/** An operation of a table, such as the generated ones. */
export interface TableEntry {
  readonly method: string;
  readonly path: string;
}

/** A request that an operation of a table is for. */
export interface Matched<Id extends string> {
  readonly operation: Id;
  /** Path parameters, decoded. */
  readonly params: Readonly<Record<string, string>>;
}

/** Finds the operation of a request. A path without parameters wins over one with; a trailing slash is fine. */
export function matchOperation<Id extends string>(
  table: Readonly<Record<Id, TableEntry>>,
  { method, path }: LocalRequest,
): Matched<Id> | undefined {
  const parts = path.replace(/\/+$/, "").split("/");
  let found: Matched<Id> | undefined;
  for (const [operation, entry] of Object.entries(table) as [Id, TableEntry][]) {
    if (entry.method !== method.toLowerCase()) continue;
    const params = matchPath(entry.path.split("/"), parts);
    if (params === undefined) continue;
    if (Object.keys(params).length === 0) return { operation, params };
    found ??= { operation, params };
  }
  return found;
}

function matchPath(pattern: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const part = parts[index] ?? "";
    if (expected.startsWith("{")) params[expected.slice(1, -1)] = decode(part);
    else if (expected !== part) return undefined;
  }
  return params;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
