/** One request as the local server sees it, whether it came over a socket or not. */
import type { HttpAnswer } from "../http/answer.js";
import { escapeHtml } from "../http/html.js";
import { type HttpRequest, plainHeaders, readBody } from "../http/server.js";

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

/** Reads what came over a socket. Undefined when its body is larger than `maxBodyBytes`. */
export async function readRequest(
  request: HttpRequest,
  maxBodyBytes: number,
): Promise<LocalRequest | undefined> {
  const { method = "GET", url = "/" } = request;
  const { pathname: path, searchParams: query } = new URL(url, "http://localhost");
  const text = await readBody(request, maxBodyBytes);
  if (text === undefined) return undefined;
  return { method, path, query, headers: plainHeaders(request), text };
}

/** True for a body that is said to be JSON. */
export function isJson({ headers }: LocalRequest): boolean {
  return /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(headers["content-type"] ?? "");
}

/** What a console server says of a path that it does not have. */
export function htmlNotFound({ method, path }: LocalRequest): HttpAnswer {
  const shown = escapeHtml(path);
  const text = `<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Error</title>\n</head>\n<body>\n<pre>Cannot ${method} ${shown}</pre>\n</body>\n</html>\n`;
  return { status: 404, headers: { "content-type": "text/html; charset=utf-8" }, text };
}
