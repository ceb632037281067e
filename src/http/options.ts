/** Options of clients and calls, the same for every client over HTTP. */
import type { Clock } from "../core/clock.js";
import type { Cut } from "../core/cut.js";
import type { AgentwireError } from "../core/errors.js";
import type { KeyMap, Shape } from "../core/keys.js";
import type { Logger } from "../core/logger.js";
import type { Middleware } from "../core/middleware.js";
import type { RetryNotice } from "../core/retry.js";
import type { RetryOptions, RetryPolicy, RetryRule } from "../core/retry-policy.js";
import type { HttpAnswer } from "./answer.js";
import type { HttpAuth } from "./auth.js";
import type { Call } from "./call.js";
import type { HttpOperation } from "./operation.js";

/** Options of one call. */
export interface CallOptions {
  /** Ends the call at once, also while it waits for a token or for its next attempt. */
  readonly signal?: AbortSignal | undefined;
  /** Limit of each request that the call makes, token requests included, in milliseconds. Default: the client's. */
  readonly timeoutMs?: number | undefined;
  /** Limit of the whole call, with all attempts and waits, in milliseconds. Default: the client's. */
  readonly totalTimeoutMs?: number | undefined;
  /**
   * Overrides the client's retry options; `false` makes a single attempt. For an operation that is not idempotent, this
   * allows the call to be repeated, unless the spec says `x-retry: never`.
   */
  readonly retry?: RetryOptions | false | undefined;
  /** Added to the headers of the client and of the operation; names in any case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Your id of this call: named in errors, and sent to servers that keep one. */
  readonly correlationId?: string | undefined;
}

/** {@link CallOptions} of an operation with query parameters. */
export interface QueryOptions<Query> extends CallOptions {
  readonly query?: Query | undefined;
}

/** One request on its way through the middleware. */
export interface HttpCall {
  readonly operationId: string;
  readonly method: string;
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly signal: AbortSignal;
}

/** Wraps every request of every call; composed once, when the client is constructed. */
export type HttpMiddleware = Middleware<HttpCall, HttpAnswer>;

/** Certificates in PEM, and the name to ask for and to check. Node only. */
export interface TlsOptions {
  /** Trusted in place of what the platform trusts. */
  readonly ca?: string | undefined;
  /** The client's own certificate, with its key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Default: the host of the URL. */
  readonly servername?: string | undefined;
}

/** Options that all HTTP clients share. */
export interface ClientOptions {
  /** Limit of each request, in milliseconds. 0 or `Infinity`: none. Default: 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Limit of a whole call, with all attempts and waits, in milliseconds. Default: none. */
  readonly totalTimeoutMs?: number | undefined;
  /** Numbers that differ from the defaults of the client; `false` for a single attempt. */
  readonly retry?: RetryOptions | false | undefined;
  /** Used in place of the transport of the platform (undici on Node, the global `fetch` elsewhere). */
  readonly fetch?: typeof fetch | undefined;
  /** Certificates for https. Not together with `fetch`. Node only. */
  readonly tls?: TlsOptions | undefined;
  /** Connections to one host at most; further requests wait. Node only. Default: 64. */
  readonly connections?: number | undefined;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The first one is the outermost; each request passes through all of them. */
  readonly middleware?: readonly HttpMiddleware[] | undefined;
  /** Default: the console, warnings and errors only. */
  readonly logger?: Logger | false | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
  /** A number from 0 up to 1, for the jitter. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Silences the warning about a credential sent over http:// to another machine. Default: false. */
  readonly allowInsecure?: boolean | undefined;
  /** A larger response is an error, counted after decompression. Default: 16 MiB. */
  readonly maxBodyBytes?: number | undefined;
}

/** Options of {@link HttpClient} and of every generated client. */
export interface HttpClientOptions extends ClientOptions {
  /** Absolute http or https URL; a path prefix is kept, a trailing slash is not. */
  readonly baseUrl: string;
  /** Proves who calls. Operations that the spec marks as public go without. */
  readonly auth?: HttpAuth | undefined;
  /** Names the server in messages, such as "the gateway". Default: the title of the spec. */
  readonly server?: string | undefined;
  /** The peer's own numbers, in place of the package's. */
  readonly defaultRetry?: RetryPolicy | undefined;
  /** The protocol's own error for a response outside 200 to 299; undefined leaves it to the shared table. */
  readonly toError?:
    | ((answer: HttpAnswer, operation: HttpOperation) => AgentwireError | undefined)
    | undefined;
  /** The last change of a JSON body in the form of the protocol, before it becomes text; may return a promise. */
  readonly finishBody?: ((body: unknown, operation: HttpOperation) => unknown) | undefined;
  /** The protocol's own class for an error that no response stands for, such as a TimeoutError. */
  readonly wrapError?: ((error: AgentwireError) => AgentwireError) | undefined;
  /** Which errors allow another attempt. Default: retryable ones, as far as the operation's rule allows. */
  readonly mayRetry?: ((rule: RetryRule, error: unknown) => boolean) | undefined;
  /** Called before every wait for another attempt. */
  readonly onRetry?:
    | ((notice: RetryNotice, call: Pick<Call, "operation" | "correlationId">) => void)
    | undefined;
  /** Gives every call an id of its own, and sends it, or the caller's, in this header. */
  readonly correlation?: { readonly header: string; readonly create: () => string } | undefined;
  /** Keys that differ between the protocol and TypeScript; given by generated clients. */
  readonly keyMap?: KeyMap | undefined;
}

/** What a runtime may say about one call beyond what its users can. */
export interface SendOptions extends CallOptions {
  readonly query?: object | undefined;
  /** What the spec cannot know, such as the action of a tool. Default: the operation's own rule. */
  readonly rule?: RetryRule | undefined;
  /** Ends the call, like `signal`. */
  readonly cut?: Cut | undefined;
  /** Awaited before each attempt, outside of its time limit. Ends with the cut. */
  readonly beforeAttempt?: ((cut: Cut) => Promise<void> | undefined) | undefined;
  /** Called when an attempt leaves for the server. */
  readonly onSend?: (() => void) | undefined;
  /** Called when an attempt has failed. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
  /** Texts that must not stand in the message or the details of an error. */
  readonly secrets?: readonly string[] | undefined;
}

export type { KeyMap, Shape };
