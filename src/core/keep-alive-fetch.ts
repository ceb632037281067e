/** A `fetch` over connections that are kept, for the clients of this package. On Node only. */
import type { KeepAliveOptions } from "./keep-alive.js";
import { keepAliveClient } from "./keep-alive-client.js";

/** What RFC 9110 lets a client repeat by itself. */
const idempotent = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** A `fetch` over kept connections, and the way to close them. */
export type KeepAliveFetch = typeof fetch & { close(): void };

/**
 * A `fetch` for clients of this package (`fetch: keepAliveFetch()`), or undefined where there is no node:http.
 *
 * Takes a URL and the `method`, `headers`, `body` (text or bytes) and `signal` of the second argument, or a
 * `Request`; hands out a `Response` with the whole body read. Redirects are handed out, never followed. What is
 * idempotent is sent once more when a kept connection turns out to be dead.
 */
export function keepAliveFetch(options: KeepAliveOptions = {}): KeepAliveFetch | undefined {
  const client = keepAliveClient(options);
  if (client === undefined) return undefined;
  const fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const given = input instanceof Request ? input : undefined;
    const url = given?.url ?? (input as string | URL);
    const headers = Object.fromEntries(new Headers(init.headers ?? given?.headers));
    const body = init.body ?? (given?.body ? new Uint8Array(await given.arrayBuffer()) : undefined);
    const signal = init.signal ?? given?.signal;
    const method = init.method ?? given?.method ?? "GET";
    const answer = await client.request(url, {
      method,
      retryStale: idempotent.has(method),
      headers: { ...headers, ...(typeof body === "string" ? textType(headers) : undefined) },
      body: typeof body === "string" || body instanceof Uint8Array ? body : undefined,
      signal: signal ?? undefined,
    });
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    await answer.read((chunk) => void chunks.push(chunk));
    const { status, statusText } = answer;
    const noBody = status === 204 || status === 205 || status === 304;
    const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    const received = Object.entries(answer.headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((one): [string, string] => [name, one]),
    );
    return new Response(noBody ? null : bytes, { status, statusText, headers: received });
  };
  return Object.assign(fetch as typeof globalThis.fetch, { close: () => client.close() });
}

function textType(headers: Readonly<Record<string, string>>): Record<string, string> {
  return headers["content-type"] === undefined ? { "content-type": "text/plain;charset=UTF-8" } : {};
}
