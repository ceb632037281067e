type Members = Readonly<Record<string, unknown>>;

/** A body of JSON, or of events with JSON in each. Bodies of other types are left out. */
export interface RecordedBody {
  readonly type: string;
  /** The values: one, or one per complete event. Undefined where the text is not JSON. */
  readonly values: readonly unknown[];
}

/** A recorded request and its response. Of the headers only the content type is kept: the rest may be secret. */
export interface Exchange {
  /** Line of the file (NDJSON), or position among the entries (HAR). Counts from 1. */
  readonly place: number;
  /** In upper case. */
  readonly method: string;
  /** Scheme, host and port; empty where only a path was recorded. */
  readonly origin: string;
  /** Path of the URL, without the query. */
  readonly path: string;
  readonly body?: RecordedBody;
  /** Undefined when the connection broke. */
  readonly response?: { readonly status: number; readonly body?: RecordedBody };
}

/** What a file of recordings holds, and what of it cannot be read. */
export interface Exchanges {
  readonly exchanges: readonly Exchange[];
  readonly problems: readonly { readonly line: number; readonly message: string }[];
}

function asMembers(value: unknown): Members {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : {};
}

/** The content type among headers: a map, or the list of `{ name, value }` that HAR has. */
function contentType(headers: unknown): string {
  const pairs: [unknown, unknown][] = Array.isArray(headers)
    ? headers.map((item) => [asMembers(item).name, asMembers(item).value])
    : Object.entries(asMembers(headers));
  const found = pairs.find(([name]) => String(name).toLowerCase() === "content-type")?.[1];
  return found === undefined ? "" : String(found);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The data of each complete event of a stream. */
function eventData(text: string): string[] {
  const events = text.replaceAll("\r\n", "\n").split("\n\n").slice(0, -1);
  return events
    .map((event) => [...event.matchAll(/^data: ?(.*)$/gm)].map(([, data]) => data).join("\n"))
    .filter((data) => data !== "");
}

/** A body as text, or as the JSON value itself. */
function bodyOf(content: unknown, type: string): RecordedBody | undefined {
  if (content === undefined || content === null || content === "") return undefined;
  if (typeof content !== "string") return { type, values: [content] };
  if (type.includes("event-stream")) return { type, values: eventData(content).map(parseJson) };
  return /\bjson\b/.test(type) ? { type, values: [parseJson(content)] } : undefined;
}

function splitUrl(url: unknown): { origin: string; path: string } | undefined {
  if (typeof url !== "string" || url === "") return undefined;
  const [, origin = "", path = ""] = /^([a-z][a-z\d+.-]*:\/\/[^/?#]*)?([^?#]*)/i.exec(url)!;
  return { origin, path: path || "/" };
}

function decode({ text, encoding }: Members): unknown {
  if (encoding !== "base64" || typeof text !== "string") return text;
  return new TextDecoder().decode(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));
}

/** Reads an entry of HAR, or a line of NDJSON, whose bodies stand at other places. */
function readExchange(value: unknown, place: number, isHar: boolean): Exchange | string {
  const { request, response } = asMembers(value);
  const [sent, received] = [asMembers(request), asMembers(response)];
  const url = splitUrl(sent.url ?? sent.path);
  if (typeof sent.method !== "string" || url === undefined) return "expected request.method and request.url";
  const [postData, content] = [asMembers(sent.postData), asMembers(received.content)];
  const body = bodyOf(
    isHar ? decode(postData) : sent.body,
    String((isHar ? postData.mimeType : sent.content_type) ?? contentType(sent.headers)),
  );
  const answer = bodyOf(
    isHar ? decode(content) : received.body,
    String((isHar ? content.mimeType : received.content_type) ?? contentType(received.headers)),
  );
  // Browsers write status 0 for a request that was blocked or cancelled.
  const status = Number(received.status ?? 0);
  if (!Number.isInteger(status)) return "expected response.status to be a number";
  return {
    place,
    method: sent.method.toUpperCase(),
    ...url,
    ...(body && { body }),
    ...(status > 0 && { response: { status, ...(answer && { body: answer }) } }),
  };
}

/** The line of a syntax error, as far as its message says where it is. */
function lineOf(text: string, error: unknown): number {
  const offset = /position (\d+)/.exec(String(error))?.[1];
  return offset === undefined ? 1 : text.slice(0, Number(offset)).split("\n").length;
}

function readHar(text: string): Exchanges {
  let entries: unknown;
  try {
    entries = asMembers(asMembers(JSON.parse(text)).log).entries;
  } catch (error) {
    return { exchanges: [], problems: [{ line: lineOf(text, error), message: "expected JSON (HAR 1.2)" }] };
  }
  if (!Array.isArray(entries)) {
    return { exchanges: [], problems: [{ line: 1, message: "expected HAR 1.2 (log.entries)" }] };
  }
  const read = entries.map((entry, index) => readExchange(entry, index + 1, true));
  return {
    exchanges: read.filter((item) => typeof item === "object"),
    problems: read.flatMap((item, index) =>
      typeof item === "string" ? [{ line: 1, message: `log.entries[${index}]: ${item}` }] : [],
    ),
  };
}

/**
 * Reads recorded traffic: HAR 1.2 if `file` ends with `.har`, else NDJSON with one
 * `{ request: { method, url, body }, response: { status, headers, body } }` a line. A body in NDJSON is the JSON value
 * itself, or text as it was sent.
 */
export function readExchanges(file: string, content: string): Exchanges {
  const text = content.replace(/^\uFEFF/, "");
  if (/\.har$/i.test(file)) return readHar(text);
  const exchanges: Exchange[] = [];
  const problems: { line: number; message: string }[] = [];
  for (const [index, row] of text.split("\n").entries()) {
    if (row.trim() === "") continue;
    const value = parseJson(row);
    const item =
      value === undefined ? "expected a JSON object per line" : readExchange(value, index + 1, false);
    if (typeof item === "string") problems.push({ line: index + 1, message: item });
    else exchanges.push(item);
  }
  return { exchanges, problems };
}
