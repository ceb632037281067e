/** One request over node:http, and its answer. */
import type { ClientRequest, IncomingMessage } from "node:http";
import { abortError } from "./abort-error.js";
import type { Clock } from "./clock.js";
import { ConnectionError, TimeoutError, ValidationError } from "./errors.js";
import type { KeepAliveAnswer, KeepAliveRequest } from "./keep-alive.js";
import { onAbort } from "./on-abort.js";

/** Said here, and by nobody else. */
const ownHeaders = new Set(["host", "content-length", "connection", "transfer-encoding", "keep-alive"]);

/**
 * Names and values in turns: node:http writes such a list as it is, and takes longer for an object. Says the
 * length, so that head and body go out in one piece.
 *
 * @throws ValidationError for a value that is not one line of ASCII.
 */
export function headerList(host: string, { method, headers, body }: KeepAliveRequest): readonly string[] {
  const list = ["host", host, "connection", "keep-alive"];
  for (const name in headers) {
    if (ownHeaders.has(name.toLowerCase())) continue;
    const value = headers[name]!;
    // The value is not shown: it may be a credential.
    if (/[^\t\x20-\x7e]/.test(value))
      throw new ValidationError(`a header that cannot be sent: ${JSON.stringify(name)}`);
    list.push(name, value);
  }
  if (body !== undefined || method === "POST" || method === "PUT" || method === "PATCH") {
    const length = typeof body === "string" ? Buffer.byteLength(body) : (body?.byteLength ?? 0);
    list.push("content-length", String(length));
  }
  return list;
}

/** What {@link exchange} needs of its client. */
export interface ExchangeContext {
  /** What the request is, for messages. */
  readonly what: string;
  readonly clock: Clock;
  /** Ends of the requests in hand; each leaves when it is over. */
  readonly inHand: Set<(why: Error) => void>;
  open(): ClientRequest;
  /** Makes the request once more, over another connection. */
  again(): Promise<KeepAliveAnswer>;
}

/** Makes a request. Resolves with the head of its answer. */
export function exchange(given: KeepAliveRequest, context: ExchangeContext): Promise<KeepAliveAnswer> {
  const { body, signal, headTimeoutMs = Infinity, retryStale } = given;
  const { what, clock, inHand } = context;
  return new Promise((resolve, reject) => {
    const request = openRequest(context);
    let ended: Error | undefined;
    const end = (why: Error): void => {
      ended ??= why;
      // At once: node:http tells a request that waits for a connection only when it gets one.
      reject(ended);
      request.destroy();
      over();
    };
    const over = (): void => {
      clock.clearTimeout(timer);
      off?.();
      inHand.delete(end);
    };
    let timer =
      headTimeoutMs === Infinity
        ? undefined
        : clock.setTimeout(
            () => end(new TimeoutError(`${what} took longer than ${headTimeoutMs} ms`)),
            headTimeoutMs,
          );
    const off = signal && onAbort(signal, () => end(abortError(signal)));
    inHand.add(end);
    let bytesBefore = 0;
    request.on("socket", ({ bytesRead }) => {
      bytesBefore = bytesRead;
      // After the write: an end that comes before it adds an empty piece, and two pieces cost more than one.
      if (body !== undefined) process.nextTick(() => request.end());
    });
    request.on("response", (response) => {
      clock.clearTimeout(timer);
      const why = (): Error | undefined => ended;
      const limitRest = (): void => {
        // What nobody wants must not hold its connection for long.
        if (!response.complete && !response.destroyed && headTimeoutMs !== Infinity)
          timer = clock.setTimeout(() => request.destroy(), headTimeoutMs);
      };
      resolve(new Answer(response, { end, why, limitRest }));
    });
    request.on("error", (error: NodeJS.ErrnoException) => {
      const reset = error.code === "ECONNRESET" || error.code === "EPIPE";
      // The server closed it while it lay idle, and answered nothing.
      const stale = reset && bytesBefore > 0 && request.socket?.bytesRead === bytesBefore;
      if (retryStale && ended === undefined && stale) context.again().then(resolve, reject);
      else reject(broken(error));
    });
    request.on("close", over);
    if (body === undefined) request.end();
    else request.write(body);
  });
}

function openRequest({ open, what }: ExchangeContext): ClientRequest {
  try {
    return open();
  } catch (cause) {
    throw new ValidationError(`${what} cannot be sent`, { cause });
  }
}

function broken(error: NodeJS.ErrnoException | undefined): ConnectionError {
  const message = error?.message || (error?.code ?? "the connection broke before the end");
  return new ConnectionError(message, { cause: error });
}

interface AnswerContext {
  /** Ends the request, with its connection. */
  end(why: Error): void;
  /** Why the request was ended from here, if it was. */
  why(): Error | undefined;
  /** Sets a limit to a body that nobody wants. */
  limitRest(): void;
}

class Answer implements KeepAliveAnswer {
  readonly #response: IncomingMessage;
  readonly #context: AnswerContext;

  constructor(response: IncomingMessage, context: AnswerContext) {
    this.#response = response;
    this.#context = context;
  }

  get status(): number {
    return this.#response.statusCode ?? 0;
  }

  get statusText(): string {
    return this.#response.statusMessage ?? "";
  }

  get headers(): KeepAliveAnswer["headers"] {
    // Made by node:http when somebody asks, so not before.
    return this.#response.headers;
  }

  read(onChunk: (chunk: Uint8Array<ArrayBuffer>) => void): Promise<void> {
    const response = this.#response;
    const { end, why } = this.#context;
    return new Promise((resolve, reject) => {
      const fail = (error?: Error): void => reject(why() ?? broken(error));
      if (response.destroyed) return fail();
      response.on("data", (chunk: Buffer<ArrayBuffer>) => {
        if (why() !== undefined) return;
        try {
          onChunk(chunk);
        } catch (error) {
          end(error as Error);
          fail();
        }
      });
      response.on("end", () => (why() === undefined ? resolve() : fail()));
      response.on("error", fail);
      response.on("close", () => fail());
    });
  }

  discard(): void {
    this.#response.resume();
    this.#context.limitRest();
  }
}
