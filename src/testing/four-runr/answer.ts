/** What goes in and out of the gateway, without any HTTP server. */

/** A request, its body read and parsed. */
export interface GatewayRequest {
  /** Upper case. */
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Values of the `{parameters}` of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** `undefined` when there was none. */
  readonly body: unknown;
}

/** An answer. */
export interface GatewayAnswer {
  readonly status: number;
  /** Sent as JSON; a string as it is; `undefined` sends no body. */
  readonly body?: unknown;
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer with a body. */
export function answer(status: number, body: unknown): GatewayAnswer {
  return { status, body };
}

/** A refusal in the words of the gateway itself: the text is in `error`. */
export function refused(status: number, error: string, more: object = {}): GatewayAnswer {
  return { status, body: { error, ...more } };
}

const phrases: Readonly<Record<number, string>> = {
  400: "Bad Request",
  404: "Not Found",
  413: "Payload Too Large",
  415: "Unsupported Media Type",
  500: "Internal Server Error",
};

/** A refusal in the words of the framework: the text is in `message`. */
export function frameworkError(status: number, message: string, code?: string): GatewayAnswer {
  return { status, body: { statusCode: status, ...(code && { code }), error: phrases[status], message } };
}

/** What the framework says of a route that does not exist. */
export function noRoute(method: string, path: string): GatewayAnswer {
  return frameworkError(404, `Route ${method}:${path} not found`);
}

/** A fault of the gateway's own that its callers know as "Internal server error …". */
export class GatewayFault extends Error {}

/** The members of a body. @throws GatewayFault when there is no body, over which the gateway stumbles */
export function members(body: unknown): Readonly<Record<string, unknown>> {
  if (body === undefined || body === null) throw new GatewayFault("the request has no body");
  return Object(body) as Record<string, unknown>;
}
