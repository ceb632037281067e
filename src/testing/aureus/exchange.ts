/** Requests and responses as a console server treats them. */
import type { HttpAnswer } from "../http/answer.js";
import { escapeHtml } from "../http/html.js";
import type { LocalRequest } from "../http/local-server.js";
import { refusal } from "../http/refusal.js";

/** Refuses a body that is not read: a page of another site may send other media types without asking. */
export function checkBody({ text, headers, cut }: LocalRequest): void {
  if (text === undefined) throw refusal(413, "Payload too large");
  if (cut === undefined || text === "" || isJson(headers)) return;
  throw refusal(415, "Unsupported media type: send application/json");
}

function isJson(headers: LocalRequest["headers"]): boolean {
  return /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(headers["content-type"] ?? "");
}

/** The token of an authorization header: `Bearer`, one space, in exactly this spelling. */
export function bearer({ headers }: LocalRequest): string | undefined {
  return /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1];
}

/** The response of a console server to a path that it does not have. */
export function htmlNotFound({ method, pathname }: LocalRequest): HttpAnswer {
  const shown = escapeHtml(pathname);
  const text = `<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Error</title>\n</head>\n<body>\n<pre>Cannot ${method} ${shown}</pre>\n</body>\n</html>\n`;
  return { status: 404, headers: { "content-type": "text/html; charset=utf-8" }, text };
}
