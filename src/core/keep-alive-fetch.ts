/**
 * HTTP/1.1 over connections that are kept: several times faster per call than the built-in `fetch`, and than
 * node:http, and a body that is never cut for being idle. On Node only; elsewhere the makers return undefined.
 */
import type * as NodeNet from "node:net";
import type * as NodeTls from "node:tls";
import { abortError } from "./abort-error.js";
import { builtinModule } from "./builtin.js";
import { type Clock, systemClock } from "./clock.js";
import { ConnectionError } from "./errors.js";
import type { Origin } from "./http1/connection.js";
import { exchange } from "./http1/exchange.js";
import { Pool } from "./http1/pool.js";
import { requestHead } from "./http1/request.js";
import type { TlsSettings } from "./http1/tls-settings.js";
import { KeptResponse } from "./kept-response.js";
import { Lru } from "./lru.js";

/** A request of {@link KeepAliveClient}. */
export interface KeepAliveRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Text is sent as UTF-8. */
  readonly body?: string | Uint8Array | undefined;
  /** Ends the request, and the body that is being read, at once. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long the head of the answer may take, in milliseconds; then a `TimeoutError`. A body that is thrown away
   * may take as long again, then its connection is closed. Default: no limit.
   */
  readonly headTimeoutMs?: number | undefined;
  /** Make the request once more when a kept connection turns out to be dead. Default: false. */
  readonly retryStale?: boolean | undefined;
  /** True for a connection of its own, which is closed at the end. Default: false, one of the pool. */
  readonly ownConnection?: boolean | undefined;
}

/** The head of an answer; the body waits to be read or dropped. */
export interface KeepAliveAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Calls `onChunk` with every piece; resolves at the end, rejects when the connection breaks first. */
  read(onChunk: (chunk: Uint8Array<ArrayBuffer>) => void): Promise<void>;
  /** Throws the body away, so that the connection can be used again. */
  discard(): void;
}

/** Makes requests over a pool of kept connections. No redirect is followed, no encoding is undone. */
export interface KeepAliveClient {
  /** Resolves with the head. Rejects with a `ConnectionError`, or `abortError(signal)`. */
  request(url: string | URL, request: KeepAliveRequest): Promise<KeepAliveAnswer>;
  /** Closes all connections, those in use as well. */
  close(): void;
}

export type { TlsSettings };

/** Options of {@link keepAliveClient} and {@link keepAliveFetch}. */
export interface KeepAliveOptions {
  /** Connections to one host at most; further requests wait. Default: 64. */
  readonly maxSockets?: number | undefined;
  /** For https. Default: what the platform trusts, and no certificate of one's own. */
  readonly tls?: TlsSettings | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
}

/** A client over this platform's sockets, or undefined where there are none. */
export function keepAliveClient(options: KeepAliveOptions = {}): KeepAliveClient | undefined {
  const net = builtinModule<typeof NodeNet>("node:net");
  const tls = builtinModule<typeof NodeTls>("node:tls");
  if (typeof net?.connect !== "function" || typeof tls?.connect !== "function") return undefined;
  const { maxSockets = 64, clock = systemClock, tls: settings } = options;
  const pools = new Map<string, Pool>();
  const own = new Set<Pool>();
  const targetOf = targets();
  const open = ({ origin }: Target, sockets: number): Pool =>
    new Pool(origin, { net, tls, settings }, sockets, clock);

  return {
    async request(url, given) {
      if (given.signal?.aborted) throw abortError(given.signal);
      const target = targetOf(String(url));
      const { key, origin, path } = target;
      const head = requestHead(given.method, path, origin.host, given.headers, given.body);
      if (!given.ownConnection) {
        const pool = pools.get(key) ?? open(target, maxSockets);
        pools.set(key, pool);
        return exchange(pool, head, path, given, clock);
      }
      const pool = open(target, 1);
      own.add(pool);
      const done = (): void => {
        own.delete(pool);
        pool.close();
      };
      return exchange(pool, head, path, given, clock, done);
    },
    close() {
      for (const pool of [...pools.values(), ...own]) pool.close();
      pools.clear();
    },
  };
}

interface Target {
  readonly key: string;
  readonly origin: Origin;
  readonly path: string;
}

/** Reads URLs, and remembers the last ones: a client calls the same few again and again. */
function targets(): (url: string) => Target {
  const known = new Lru<string, Target>(64);
  return (url) => {
    const found = known.get(url);
    if (found !== undefined) return found;
    const { protocol, hostname, port, host, pathname, search } = new URL(url);
    if (protocol !== "http:" && protocol !== "https:")
      throw new ConnectionError(`no connection for ${protocol}`);
    const secure = protocol === "https:";
    const origin = {
      secure,
      host,
      hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
      port: port === "" ? (secure ? 443 : 80) : Number(port),
    };
    const target = { key: `${protocol}//${host}`, origin, path: pathname + search };
    known.set(url, target);
    return target;
  };
}

/** What RFC 9110 lets a client repeat by itself. */
const idempotent = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** A `fetch` over kept connections, and the way to close them. */
export type KeepAliveFetch = typeof fetch & { close(): void };

/**
 * A `fetch` for clients of this package (`fetch: keepAliveFetch()`), or undefined where there are no sockets.
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
    const headers = plainHeaders(init.headers ?? given?.headers);
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
    const { status, statusText, headers: received } = answer;
    const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    return new KeptResponse({ status, statusText, headers: received, bytes, url: String(url) });
  };
  return Object.assign(fetch as typeof globalThis.fetch, { close: () => client.close() });
}

/** Names in lower case. A plain object needs no object of the platform, which checks what is checked later. */
function plainHeaders(given: RequestInit["headers"]): Record<string, string> {
  if (given === undefined || Object.getPrototypeOf(given) !== Object.prototype)
    return Object.fromEntries(new Headers(given));
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) headers[name.toLowerCase()] = `${value}`.trim();
  return headers;
}

function textType(headers: Readonly<Record<string, string>>): Record<string, string> {
  return headers["content-type"] === undefined ? { "content-type": "text/plain;charset=UTF-8" } : {};
}
