/**
 * Requests over node:http with connections that are kept: several times faster per call than the built-in `fetch`,
 * and a body that is never cut for being idle. On Node only; elsewhere the maker returns undefined.
 */
import type * as NodeHttp from "node:http";
import type * as NodeHttps from "node:https";
import type { Socket } from "node:net";
import { abortError } from "./abort-error.js";
import { builtinModule } from "./builtin.js";
import { type Clock, systemClock } from "./clock.js";
import { ConnectionError } from "./errors.js";
import { exchange, headerList } from "./http-exchange.js";
import { Lru } from "./lru.js";

/** A request of {@link KeepAliveClient}. */
export interface KeepAliveRequest {
  readonly method: string;
  /** Those about the connection and the length are made here; given ones are left out. */
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

/** The head of an answer; the body waits, and holds its connection, until it is read or dropped. */
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
  /** Resolves with the head. Rejects with a `ConnectionError`, a `ValidationError`, or `abortError(signal)`. */
  request(url: string | URL, request: KeepAliveRequest): Promise<KeepAliveAnswer>;
  /** Closes all connections, those in use as well. Requests after it are refused. */
  close(): void;
}

/** Certificates in PEM, and the name to ask for and to check. */
export interface TlsSettings {
  /** Trusted in place of what the platform trusts. */
  readonly ca?: string | undefined;
  /** The client's own, with its key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Default: the host of the URL. */
  readonly servername?: string | undefined;
}

/** Options of {@link keepAliveClient} and `keepAliveFetch`. */
export interface KeepAliveOptions {
  /** Connections to one host at most; further requests wait. Default: 64. */
  readonly maxSockets?: number | undefined;
  /** For https. Default: what the platform trusts, and no certificate of one's own. */
  readonly tls?: TlsSettings | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
}

/** A client over this platform's node:http, or undefined where there is none. */
export function keepAliveClient(options: KeepAliveOptions = {}): KeepAliveClient | undefined {
  const http = builtinModule<typeof NodeHttp>("node:http");
  const https = builtinModule<typeof NodeHttps>("node:https");
  if (typeof http?.request !== "function" || typeof https?.request !== "function") return undefined;
  const { maxSockets = 64, clock = systemClock, tls } = options;
  const kept = { keepAlive: true, maxSockets, maxFreeSockets: maxSockets };
  const schemes: Readonly<Record<string, Scheme>> = {
    "http:": { request: http.request, pool: new http.Agent(kept), own: new http.Agent() },
    "https:": {
      request: https.request,
      pool: new https.Agent({ ...kept, ...tls }),
      own: new https.Agent({ ...tls }),
    },
  };
  const targetOf = targets(schemes);
  const inHand = new Set<(why: Error) => void>();
  let closed = false;

  const send = async (url: string, given: KeepAliveRequest): Promise<KeepAliveAnswer> => {
    if (given.signal?.aborted) throw abortError(given.signal);
    if (closed) throw new ConnectionError("the client is closed");
    const { scheme, authority, host, port, path } = targetOf(url);
    const { method } = given;
    const agent = given.ownConnection ? scheme.own : scheme.pool;
    const headers = headerList(authority, given);
    return exchange(given, {
      what: `${method} ${path}`,
      clock,
      inHand,
      // No more than needed, and no rest or spread: node:http copies the object three times.
      open: () => scheme.request({ host, port, path, method, headers, agent }),
      again() {
        // The others that lie idle are dead as well, most likely.
        for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
        return send(url, { ...given, retryStale: false });
      },
    });
  };

  return {
    request: (url, request) => send(String(url), request),
    close() {
      closed = true;
      for (const end of inHand) end(new ConnectionError("the client was closed"));
      for (const { pool } of Object.values(schemes)) {
        // One that the agent opens for a request which waited, and finds ended.
        pool.on("free", (socket: Socket) => socket.destroy());
        pool.destroy();
      }
    },
  };
}

interface Scheme {
  readonly request: (options: NodeHttp.RequestOptions) => NodeHttp.ClientRequest;
  readonly pool: NodeHttp.Agent;
  /** Keeps nothing: a connection per request. */
  readonly own: NodeHttp.Agent;
}

interface Target {
  readonly scheme: Scheme;
  readonly authority: string;
  readonly host: string;
  readonly port: number | undefined;
  readonly path: string;
}

/** Reads URLs, and remembers the last ones: a client calls the same few again and again. */
function targets(schemes: Readonly<Record<string, Scheme>>): (url: string) => Target {
  const known = new Lru<string, Target>(64);
  return (url) => {
    const found = known.get(url);
    if (found !== undefined) return found;
    const { protocol, hostname, port, host, pathname, search } = new URL(url);
    const scheme = schemes[protocol];
    if (scheme === undefined) throw new ConnectionError(`no connection for ${protocol}`);
    const target = {
      scheme,
      authority: host,
      // Literal IPv6 addresses go without their brackets.
      host: hostname.replace(/^\[(.*)\]$/, "$1"),
      port: port === "" ? undefined : Number(port),
      path: pathname + search,
    };
    known.set(url, target);
    return target;
  };
}
