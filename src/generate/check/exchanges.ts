import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { SpecError } from "../finding.js";
import { type Exchange, type RecordedBody, readExchanges } from "../har.js";
import { asRecord, type OpenApi, type Operation, type SchemaAt } from "../openapi/openapi.js";
import type { Recording } from "./recordings.js";

/** Where the servers of the document are: origins, and paths in front of those of the document, the longest first. */
function serversOf(api: OpenApi) {
  const { servers } = asRecord(api.source.data);
  const urls = (Array.isArray(servers) ? servers : []).map((server) => String(asRecord(server).url));
  const origin = /^[a-z][a-z\d+.-]*:\/\/[^/]*/i;
  const paths = urls.map((url) => url.replace(origin, "").replace(/\/+$/, ""));
  return {
    origins: new Set(urls.map((url) => origin.exec(url)?.[0])),
    bases: [...new Set([...paths, ""])].sort((a, b) => b.length - a.length),
  };
}

/** How many segments of a path are those of a template; undefined if it is another path. */
function matches(template: string, path: string): number | undefined {
  const [wanted, found] = [template.split("/"), path.split("/")];
  if (wanted.length !== found.length) return undefined;
  let same = 0;
  for (const [index, part] of wanted.entries()) {
    if (part === found[index]) same++;
    // A segment may hold a parameter and text: `{id}:cancel`, `{file}.json`.
    else if (!segment(part).test(found[index]!)) return undefined;
  }
  return same;
}

function segment(template: string): RegExp {
  const parts = template.split(/\{[^}]*\}/).map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".+")}$`);
}

/** The operation of a request; of several, the one with the fewest parameters in its path. */
function operationOf(
  api: OpenApi,
  bases: readonly string[],
  { method, path }: Exchange,
): Operation | undefined {
  for (const base of bases) {
    if (base !== "" && !path.startsWith(`${base}/`)) continue;
    let best: { operation: Operation; same: number } | undefined;
    for (const operation of api.operations) {
      if (operation.method !== method.toLowerCase()) continue;
      const same = matches(operation.url, path.slice(base.length));
      if (same !== undefined && same > (best?.same ?? -1)) best = { operation, same };
    }
    if (best !== undefined) return best.operation;
  }
  return undefined;
}

/** The files that a pattern names; `*` stands for any text in the last segment. */
function filesOf(root: string, pattern: string): string[] {
  const folder = dirname(pattern);
  const name = new RegExp(
    `^${basename(pattern)
      .split("*")
      .map((text) => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
      .join(".*")}$`,
  );
  let names: string[];
  try {
    names = readdirSync(join(root, folder)).filter((file) => name.test(file));
  } catch {
    names = [];
  }
  if (names.length === 0) throw new SpecError(`recordings: no file matches ${pattern}`);
  return names.sort().map((file) => `${folder}/${file}`);
}

function recordingsOf(
  operation: Operation,
  { method, path, body, response }: Exchange,
  id: string,
): Recording[] {
  const found: Recording[] = [];
  const add = (what: string, { type, values }: RecordedBody, schema: SchemaAt | undefined): void => {
    for (const value of values) {
      const isEvent = type.includes("event-stream");
      found.push({ id, what, value, schema: isEvent ? operation.events : schema });
    }
  };
  const { status = 0, body: answer } = response ?? {};
  // A refused request says nothing about the form of a good one.
  if (body !== undefined && status < 400) add(`${method} ${path}`, body, operation.request);
  const { responses } = operation;
  const schema = responses[status] ?? responses[`${Math.floor(status / 100)}XX`] ?? responses.default;
  if (answer !== undefined) add(`response ${status} to ${method} ${path}`, answer, schema);
  // Events whose form the document does not describe cannot be wrong.
  return found.filter(
    (item) => item.schema !== undefined || operation.events !== undefined || !isEvents(answer),
  );
}

function isEvents(body: RecordedBody | undefined): boolean {
  return body?.type.includes("event-stream") === true;
}

/**
 * Reads recorded exchanges (HAR or NDJSON) and finds the schema of each body. HAR of a browser holds all the traffic of
 * a page: if some of it went to servers of the document, nothing else counts; if not, a request that the document does
 * not have counts only if it went where documented ones went.
 *
 * @throws SpecError for a file that cannot be read, naming the line
 */
export function readExchangeRecordings(
  root: string,
  pattern: string,
  api: OpenApi,
  prefix: string,
): Recording[] {
  const { origins: own, bases } = serversOf(api);
  return filesOf(root, pattern).flatMap((file) => {
    const { exchanges: all, problems } = readExchanges(file, readFileSync(join(root, file), "utf8"));
    if (problems.length > 0) {
      throw new SpecError(problems.map(({ line, message }) => ({ file, line, column: 1, message })));
    }
    const isForeign = ({ origin }: Exchange) => origin !== "" && !own.has(origin);
    const exchanges = all.some(({ origin }) => own.has(origin))
      ? all.filter((item) => !isForeign(item))
      : all;
    const known = exchanges.map((exchange) => ({ exchange, operation: operationOf(api, bases, exchange) }));
    const origins = new Set(known.flatMap(({ exchange, operation }) => (operation ? [exchange.origin] : [])));
    return known.flatMap(({ exchange, operation }): Recording[] => {
      const id = `${prefix}/${basename(file)}/${exchange.place}`;
      if (operation !== undefined) return recordingsOf(operation, exchange, id);
      const what = `${exchange.method} ${exchange.path}`;
      return origins.has(exchange.origin) ? [{ id, what, value: undefined, schema: undefined }] : [];
    });
  });
}
