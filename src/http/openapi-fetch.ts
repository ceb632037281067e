/** openapi-fetch on the pipeline of a generated client. Loaded with the first call of `client.raw`. */
import createClient, { type Client } from "openapi-fetch";
import { ValidationError } from "../core/errors.js";
import { Answer } from "./answer.js";
import type { HttpClient } from "./client.js";
import { isErrorResponse, unexpectedResponse } from "./error-table.js";
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
  if (!request.url.startsWith(`${http.baseUrl}/`)) {
    const message = `a raw call must stay below ${http.baseUrl}; make a client for every other base URL`;
    throw new ValidationError(message, { code: "INVALID_URL" });
  }
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
    return withJson(response(data, info), new Answer(info.status, info.headers, data), operation.id);
  } catch (error) {
    // What Response cannot hold is thrown as it is.
    if (!isErrorResponse(error) || error.status < 300 || error.status > 599) throw error;
    const { status, headers: received = new Headers(), body: content } = error;
    return response(JSON.stringify(content) ?? "", { status, headers: received });
  }
}

/** openapi-fetch reads JSON itself, unless there is a length, and its SyntaxError would say nothing of the response. */
function withJson(response: Response, answer: Answer, operation: string): Response {
  response.headers.set("content-length", String(answer.bytes.length));
  const json = async (): Promise<unknown> => {
    if (answer.body === undefined || answer.body === answer.text)
      throw unexpectedResponse(answer, "JSON", operation);
    return answer.body;
  };
  return Object.assign(response, { json });
}

function response(content: BodyInit, { status, headers }: { status: number; headers: Headers }): Response {
  const copy = new Headers(headers);
  // The content is whole and decompressed, and its length has changed with that.
  for (const name of ["content-encoding", "content-length", "transfer-encoding"]) copy.delete(name);
  const isEmpty = status === 204 || status === 205 || status === 304;
  return new Response(isEmpty ? null : content, { status, headers: copy });
}
