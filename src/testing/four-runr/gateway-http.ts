/** The gateway's HTTP side: bodies in, responses out, as its web framework does it. */
import type { HttpAnswer } from "../http/answer.js";
import type { LocalRequest } from "../http/local-server.js";
import { frameworkError, type GatewayAnswer } from "./answer.js";

/** The body of a request, or the response to one that cannot be read. */
export function parseBody({
  method,
  headers,
  text,
}: LocalRequest): { readonly value: unknown } | { readonly refusal: GatewayAnswer } {
  if (text === undefined) {
    return { refusal: frameworkError(413, "Request body is too large", "FST_ERR_CTP_BODY_TOO_LARGE") };
  }
  const contentType = headers["content-type"];
  if (method === "GET" || method === "HEAD" || (method === "DELETE" && text === "")) {
    return { value: undefined };
  }
  if (contentType === undefined && text === "") return { value: undefined };
  const type = (contentType ?? "").split(";")[0]!.trim().toLowerCase();
  if (type === "text/plain") return { value: text };
  if (type !== "application/json") {
    const message = `Unsupported Media Type: ${contentType}`;
    return { refusal: frameworkError(415, message, "FST_ERR_CTP_INVALID_MEDIA_TYPE") };
  }
  if (text === "") {
    const message = "Body cannot be empty when content-type is set to 'application/json'";
    return { refusal: frameworkError(400, message, "FST_ERR_CTP_EMPTY_JSON_BODY") };
  }
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    // Newer platforms add the line and column; the gateway's does not.
    const message = (error as Error).message.replace(/ \(line \d+ column \d+\)$/, "");
    return { refusal: frameworkError(400, message) };
  }
}

/** The answer to a browser that asks whether it may call, or undefined for any other request. */
export function preflight({ method, headers }: LocalRequest): GatewayAnswer | undefined {
  if (method !== "OPTIONS" || headers["access-control-request-method"] === undefined) return undefined;
  const wanted = headers["access-control-request-headers"];
  return {
    status: 204,
    headers: {
      "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
      ...(wanted !== undefined && { "access-control-allow-headers": wanted }),
      vary: "Origin, Access-Control-Request-Headers",
    },
  };
}

/** An answer as it goes out to `origin`, the page that asks, if it is one. */
export function toHttp({ status, body, headers }: GatewayAnswer, origin: string | undefined): HttpAnswer {
  return {
    status,
    headers: {
      vary: "Origin",
      ...(origin !== undefined && { "access-control-allow-origin": origin }),
      ...(body !== undefined && { "content-type": "application/json; charset=utf-8" }),
      ...headers,
    },
    text: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
  };
}
