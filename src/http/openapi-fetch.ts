/** openapi-fetch on the pipeline of a generated client. Loaded with the first call of `client.raw`. */
import createClient, { type Client } from "openapi-fetch";
import type { HttpClient } from "./client.js";
import { isErrorResponse } from "./error-table.js";
import type { HttpOperation } from "./operation.js";
import { operationUrl } from "./url.js";

/** What RFC 9110 lets a client repeat. */
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** A client of openapi-fetch that sends through `http`. */
export function openapiFetch<Paths extends object>(http: HttpClient): Client<Paths> {
  return createClient<Paths>({
    baseUrl: http.baseUrl,
    fetch: (request) => send(http, request),
    pathSerializer: (path, values) => {
      const names = Array.from(path.matchAll(/\{([^}]+)\}/g), ([, name]) => name!);
      const inOrder = names.map((name) => values[name] as string | number);
      return operationUrl("", path, inOrder, undefined);
    },
  });
}

async function send(http: HttpClient, request: Request): Promise<Response> {
  const path = request.url.slice(http.baseUrl.length);
  const operation: HttpOperation = {
    id: `${request.method} ${path.replace(/\?.*/s, "")}`,
    method: request.method as HttpOperation["method"],
    // Braces would be taken for a parameter; a URL has none of its own.
    path: path.replaceAll("{", "%7B").replaceAll("}", "%7D"),
    idempotent: REPEATABLE.has(request.method),
    body: "bytes",
    result: "bytes",
  };
  const headers = Object.fromEntries(request.headers);
  const body = request.body === null ? undefined : await request.arrayBuffer();
  try {
    const { data, ...info } = await http
      .send<Uint8Array<ArrayBuffer>>(operation, [], { headers, signal: request.signal }, body)
      .withResponse();
    return response(data, info);
  } catch (error) {
    // What Response cannot hold is thrown as it is.
    if (!isErrorResponse(error) || error.status < 300 || error.status > 599) throw error;
    const { status, headers: received = new Headers(), body: content } = error;
    return response(typeof content === "string" ? content : (JSON.stringify(content) ?? ""), {
      status,
      headers: received,
    });
  }
}

function response(content: BodyInit, { status, headers }: { status: number; headers: Headers }): Response {
  const copy = new Headers(headers);
  // The content is decompressed, and its length has changed with that.
  copy.delete("content-encoding");
  copy.delete("content-length");
  const isEmpty = status === 204 || status === 205 || status === 304;
  return new Response(isEmpty ? null : content, { status, headers: copy });
}
