/** The gateway's HTTP side: bodies in, answers out, as its web framework does it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Clock, sleep } from "../../core/clock.js";
import { frameworkError, type GatewayAnswer, type GatewayRequest } from "./answer.js";
import type { GatewayFaultKind } from "./faults.js";

/** The largest body that is read. */
const maxBodyBytes = 1_048_576;

/** A request without its path's parameters, or the answer to one that cannot be read. */
export type ReadRequest =
  | { readonly request: Omit<GatewayRequest, "params"> }
  | { readonly refusal: GatewayAnswer; readonly path: string };

/** Reads a request. Rejects when the connection breaks before its end. */
export async function readRequest(message: IncomingMessage): Promise<ReadRequest> {
  const { method = "GET", url = "/" } = message;
  const at = url.indexOf("?");
  const path = at < 0 ? url : url.slice(0, at);
  const query = Object.fromEntries(new URLSearchParams(at < 0 ? "" : url.slice(at + 1)));
  const text = await readText(message);
  if (text === undefined) {
    const refusal = frameworkError(413, "Request body is too large", "FST_ERR_CTP_BODY_TOO_LARGE");
    return { refusal, path };
  }
  const body = parseBody(method, message.headers["content-type"], text);
  if ("refusal" in body) return { refusal: body.refusal, path };
  return { request: { method: method === "HEAD" ? "GET" : method, path, query, body: body.value } };
}

async function readText(message: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Read to the end all the same: an answer amid a request is lost to many clients.
    if (size <= maxBodyBytes) chunks.push(chunk);
  }
  return size > maxBodyBytes ? undefined : Buffer.concat(chunks).toString("utf8");
}

type Body = { readonly value: unknown } | { readonly refusal: GatewayAnswer };

function parseBody(method: string, contentType: string | undefined, text: string): Body {
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
export function preflight({ method, headers }: IncomingMessage): GatewayAnswer | undefined {
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

/** How an answer is sent. */
export interface SendOptions {
  /** The page that asks, if it is one. */
  readonly origin: string | undefined;
  readonly fault: GatewayFaultKind | undefined;
  readonly clock: Clock;
}

/** Sends an answer, as far as the fault lets it through. */
export async function send(
  response: ServerResponse,
  { status, body, headers = {} }: GatewayAnswer,
  { origin, fault, clock }: SendOptions,
): Promise<void> {
  const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
  const sent = fault?.kind === "malformed" && text !== undefined ? `${text.slice(0, -1)}<` : text;
  response.writeHead(status, {
    vary: "Origin",
    ...(origin !== undefined && { "access-control-allow-origin": origin }),
    ...(text !== undefined && {
      "content-type": "application/json; charset=utf-8",
      "content-length": Buffer.byteLength(sent!),
    }),
    ...headers,
  });
  if (fault?.kind === "slow" && sent !== undefined) {
    response.write(sent.slice(0, sent.length / 2));
    await sleep(fault.ms, { clock });
    response.end(sent.slice(sent.length / 2));
  } else response.end(sent);
}
