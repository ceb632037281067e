/** What requests over kept connections take and give. */
import type { Clock } from "./clock.js";

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

/** Options of `keepAliveClient` and `keepAliveFetch`. */
export interface KeepAliveOptions {
  /** Connections to one host at most; further requests wait. Default: 64. */
  readonly maxSockets?: number | undefined;
  /** For https. Default: what the platform trusts, and no certificate of one's own. */
  readonly tls?: TlsSettings | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
}
