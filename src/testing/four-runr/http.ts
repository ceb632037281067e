/** The gateway's HTTP side: bodies in, responses and refusals out, as its web framework does it. */
import type { HttpAnswer } from "../http/answer.js";
import type { LocalRequest } from "../http/local-server.js";
import { Refusal } from "../http/refusal.js";

const phrases: Readonly<Record<number, string>> = {
  400: "Bad Request",
  404: "Not Found",
  413: "Payload Too Large",
  415: "Unsupported Media Type",
};

/** A refusal in the words of the framework: the text is in `message`. */
export function frameworkError(statusCode: number, message: string, code?: string): Refusal {
  return new Refusal(statusCode, {
    statusCode,
    ...(code && { code }),
    error: phrases[statusCode],
    message,
  });
}

/** A fault of the gateway's own that its callers know as "Internal server error …". */
export class GatewayFault extends Error {}

/** The members of a body. @throws GatewayFault when there is no body, over which the gateway stumbles */
export function members(body: unknown): Readonly<Record<string, unknown>> {
  if (body === undefined || body === null) throw new GatewayFault("the request has no body");
  return Object(body) as Record<string, unknown>;
}

/** The body of a request. @throws Refusal for one that cannot be read */
export function parseBody({ method, headers, text }: LocalRequest): unknown {
  if (text === undefined) {
    throw frameworkError(413, "Request body is too large", "FST_ERR_CTP_BODY_TOO_LARGE");
  }
  const contentType = headers["content-type"];
  if (method === "GET" || method === "HEAD" || (method === "DELETE" && text === "")) return undefined;
  if (contentType === undefined && text === "") return undefined;
  const type = (contentType ?? "").split(";")[0]!.trim().toLowerCase();
  if (type === "text/plain") return text;
  if (type !== "application/json") {
    throw frameworkError(415, `Unsupported Media Type: ${contentType}`, "FST_ERR_CTP_INVALID_MEDIA_TYPE");
  }
  if (text === "") {
    const message = "Body cannot be empty when content-type is set to 'application/json'";
    throw frameworkError(400, message, "FST_ERR_CTP_EMPTY_JSON_BODY");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    // Newer platforms add the line and column; the gateway's does not.
    throw frameworkError(400, (error as Error).message.replace(/ \(line \d+ column \d+\)$/, ""));
  }
}

/** The answer to a browser that asks whether it may call, or undefined for any other request. */
export function preflight({ method, headers }: LocalRequest): HttpAnswer | undefined {
  if (method !== "OPTIONS" || headers["access-control-request-method"] === undefined) return undefined;
  const wanted = headers["access-control-request-headers"];
  return {
    status: 204,
    headers: {
      "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
      ...(wanted !== undefined && { "access-control-allow-headers": wanted }),
      vary: "Origin, Access-Control-Request-Headers",
    },
    text: undefined,
  };
}
