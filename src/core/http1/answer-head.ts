/** The head of an HTTP/1.1 answer. Strict: what two readers could understand differently is refused. */
import { ConnectionError } from "../errors.js";

/** Where the body of an answer ends: after so many bytes, by chunks, or with the connection. */
export type BodyEnd = number | "chunked" | "close";

/** What the head of an answer says. */
export interface AnswerHead {
  readonly status: number;
  readonly statusText: string;
  /** Names in lower case. Values of a name that came several times are joined, those of `set-cookie` are listed. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly bodyEnd: BodyEnd;
  /** True when the connection may be used again. */
  readonly keepAlive: boolean;
  /** How long the server keeps the connection when nothing is asked, in milliseconds, where it said so. */
  readonly idleMs: number | undefined;
}

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([^\r\n]*))?$/;
const fieldName = /^[!#$%&'*+\-.^_`|~\w]+$/;

/** Reads a head: everything before the empty line. Throws a `ConnectionError` for what is none. */
export function parseHead(text: string, method: string): AnswerHead {
  const [first = "", ...lines] = text.split("\r\n");
  const found = statusLine.exec(first);
  if (!found) throw refused("no HTTP/1.1 answer came");
  const status = Number(found[2]);
  const headers = parseFields(lines);
  const one = (name: string): string => ((headers[name] as string | undefined) ?? "").toLowerCase();
  const connection = one("connection")
    .split(",")
    .map((token) => token.trim());
  const bodyEnd = endOf(status, method, one("transfer-encoding"), headers["content-length"] as string);
  const wished = found[1] === "1" ? !connection.includes("close") : connection.includes("keep-alive");
  const idle = /(?:^|[,\s])timeout=(\d{1,6})(?:$|[,\s])/.exec(one("keep-alive"));
  return {
    status,
    statusText: found[3] ?? "",
    headers,
    bodyEnd,
    keepAlive: wished && bodyEnd !== "close",
    idleMs: idle ? Number(idle[1]) * 1_000 : undefined,
  };
}

function parseFields(lines: readonly string[]): Record<string, string | string[]> {
  const headers = Object.create(null) as Record<string, string | string[]>;
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    if (!fieldName.test(name) || /[\r\n\0]/.test(line)) throw refused("a header that cannot be read");
    const value = line.slice(colon + 1).trim();
    const before = headers[name];
    if (name === "set-cookie") headers[name] = [...((before as string[] | undefined) ?? []), value];
    else if (before === undefined) headers[name] = value;
    else if (name !== "content-length" || before !== value) headers[name] = `${before as string}, ${value}`;
  }
  return headers;
}

function endOf(status: number, method: string, encoding: string, length: string | undefined): BodyEnd {
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return 0;
  if (encoding !== "") {
    if (encoding !== "chunked" || length !== undefined) throw refused("a body whose end is not clear");
    return "chunked";
  }
  if (length === undefined) return "close";
  if (!/^\d{1,15}$/.test(length)) throw refused("a content-length that is no number");
  return Number(length);
}

/** The error for bytes that are no answer. */
export function refused(what: string): ConnectionError {
  return new ConnectionError(`the server's answer is refused: ${what}`, { code: "bad_http" });
}
