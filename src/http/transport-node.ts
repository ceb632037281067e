/**
 * Requests on Node, over undici: kept connections, proxies from the environment, certificates. undici is loaded with
 * the first request, so that importing this package stays cheap.
 */
import { constants } from "node:buffer";
import { createSecureContext } from "node:tls";
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import type { buildConnector, Dispatcher, Pool } from "undici";
import { readEnv } from "../core/env.js";
import { type AgentwireError, errorText, ProtocolError, ValidationError } from "../core/errors.js";
import { VERSION } from "../core/version.js";
import { Answer } from "./answer.js";
import { type Call, leaves } from "./call.js";
import { ChunkQueue } from "./chunk-queue.js";
import { answerInfo, errorForStatus } from "./error-table.js";
import type { TlsOptions } from "./options.js";
import { joined, NOTHING, type Transport, type TransportOptions, tooLarge } from "./transport.js";

const USER_AGENT = `agentwire/${VERSION}`;
/** Up to this size a body is decompressed at once: a trip to the thread pool takes longer. */
const SMALL = 65_536;

/**
 * The transport of Node. Proxies are those that the environment names now.
 *
 * @throws ValidationError `INVALID_PROXY`, `INVALID_TLS`
 */
export function openTransport(options: TransportOptions): Transport {
  const proxies = proxiesFromEnv();
  if (options.tls !== undefined) checkTls(options.tls);
  let opened: Promise<Pools> | undefined;
  let pools: Pools | undefined;
  const open = async (): Promise<Pools> => {
    pools = openPools(await import("undici"), proxies, options);
    return pools;
  };
  return {
    async send(call) {
      opened ??= open();
      const { calls, streams } = pools ?? (await opened);
      return exchange(call.stream ? streams : calls, call, options);
    },
    async close() {
      // What could not be opened has told its caller.
      const { calls, streams } = (await opened?.catch(() => undefined)) ?? {};
      await Promise.all([calls?.destroy(), streams?.destroy()]);
    },
  };
}

interface Pools {
  readonly calls: Dispatcher;
  /** Streams hold their connections, so they have a pool of their own. */
  readonly streams: Dispatcher;
}

interface Proxies {
  readonly httpProxy: string;
  readonly httpsProxy: string;
  readonly noProxy: string;
}

/** An empty text is not a proxy; left out, undici would look at the environment again. */
function proxiesFromEnv(): Proxies {
  const variable = (name: string): string => readEnv(name.toLowerCase()) ?? readEnv(name) ?? "";
  const proxy = (name: string): string => {
    const url = variable(name);
    if (url === "" || isProxyUrl(url)) return url;
    // Neither the value nor a cause that quotes it: there may be a password in it.
    throw new ValidationError(`${name} must be a URL such as http://host:port or https://host:port`, {
      code: "INVALID_PROXY",
    });
  };
  return { httpProxy: proxy("HTTP_PROXY"), httpsProxy: proxy("HTTPS_PROXY"), noProxy: variable("NO_PROXY") };
}

/** Node ignores text that is not PEM, so that a typo would only show when no server is trusted. */
function checkTls({ ca, cert, key }: TlsOptions): void {
  const fail = (found: string): never => {
    throw new ValidationError(
      `tls: expected PEM in ca, cert and key, with cert and key together, found ${found}`,
      {
        code: "INVALID_TLS",
      },
    );
  };
  for (const [name, text] of Object.entries({ ca, cert, key })) {
    if (text !== undefined && !String(text).includes("-----BEGIN ")) fail(`text that is not PEM in ${name}`);
  }
  if ((cert === undefined) !== (key === undefined)) fail(`only ${cert === undefined ? "key" : "cert"}`);
  try {
    createSecureContext({ ca, cert, key });
  } catch (error) {
    // Not as its cause, which may quote the key.
    fail(errorText(error).replace(/^error:[^:]*:/, ""));
  }
}

function isProxyUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  try {
    decodeURIComponent(username + password);
  } catch {
    return false;
  }
  return protocol === "http:" || protocol === "https:";
}

function openPools(
  { EnvHttpProxyAgent, Pool }: typeof import("undici"),
  proxies: Proxies,
  options: TransportOptions,
): Pools {
  const { tls = {} } = options;
  const agent = (connections: number): Dispatcher => {
    const limits = {
      ...(connections !== Infinity && { connections }),
      pipelining: 1,
      // Time limits are those of the pipeline.
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    return new EnvHttpProxyAgent({
      ...limits,
      ...proxies,
      // Pools of plain http through a proxy would have undici's own limits otherwise.
      factory: (origin, more: Pool.Options) => {
        const connect = typeof more.connect === "function" && { connect: tunnelConnector(more.connect) };
        return new Pool(origin, { ...limits, ...more, ...connect });
      },
      // Many proxies refuse CONNECT for plain http.
      proxyTunnel: false,
      connect: { ...tls },
      // The same certificates for https through a proxy.
      requestTls: { ...tls },
    });
  };
  return { calls: agent(options.connections), streams: agent(Infinity) };
}

/**
 * undici treats a SocketError from `connect` as temporary and reconnects for ever; a proxy that closes its connection
 * instead of opening a tunnel causes one every time.
 */
function tunnelConnector(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error === null) return callback(error, socket);
      // Without a cause, which would be named in place of the proxy.
      const message = `the proxy could not open a tunnel: ${errorText(error)}`;
      const { code } = error as { code?: unknown };
      const given = code === "UND_ERR_SOCKET" ? new Error(message) : error;
      return callback(Object.assign(given, { sent: false }), null);
    });
}

/** The error for a response of a proxy that refuses to pass a request on; undici gives its status in the text alone. */
function proxyRefusal(error: Error): AgentwireError | undefined {
  const said = [error.message, errorText(error.cause)].join(" ");
  const status = Number(/\bProxy (?:response|Authentication Required) \((\d{3})\)/.exec(said)?.[1]);
  if (!(status >= 300)) return undefined;
  const info = { status, sent: false, cause: error };
  return errorForStatus(status, `the proxy refused the request with HTTP ${status}`, info);
}

/** One request and its response. */
function exchange(
  dispatcher: Dispatcher,
  call: Call,
  { maxBodyBytes: maxBytes, clock }: TransportOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { url, body, cut, whole } = call;
    const slash = url.indexOf("/", url.indexOf("//") + 2);
    const headers: Record<string, string> = {
      "user-agent": USER_AGENT,
      "accept-encoding": call.stream ? "identity" : "gzip, br, deflate",
      ...call.headers,
    };
    const chunks: Uint8Array[] = [];
    let size = 0;
    let status = 0;
    let received: ReceivedHeaders = {};
    let isUnread = false;
    let queue: ChunkQueue | undefined;
    let off: (() => void) | undefined;
    const settle = (): void => off?.();
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(controller) {
        // What waited for a free connection may have been given up meanwhile.
        const watched = call.stream ? [cut, whole] : [cut];
        const reason = watched.find((one) => one.reason !== undefined)?.reason;
        if (reason !== undefined) return controller.abort(reason);
        leaves(call);
        const offs = watched.map((one) => one.on((why) => controller.abort(why)));
        off = () => {
          for (const one of offs) one();
        };
      },
      onResponseStart(controller, statusCode, responseHeaders) {
        if (statusCode < 200) return;
        status = statusCode;
        received = responseHeaders;
        const head = new Answer(status, received, NOTHING);
        call.got.head = head;
        if (status < 300 && call.operation.result === "none") {
          // The body means nothing, but its connection can be used again only once it was read.
          settle();
          isUnread = true;
          const timer = clock.setTimeout(() => controller.abort(new Error("unread")), call.timeoutMs, {
            unref: true,
          });
          off = () => clock.clearTimeout(timer);
          return resolve(head);
        }
        if (!call.stream || status >= 300) return;
        const coding = codingsOf(received).join();
        if (coding !== "") return controller.abort(undecodable(`a stream without ${coding}`, call));
        queue = new ChunkQueue(controller);
        resolve(new Answer(status, received, queue));
      },
      onResponseData(controller, chunk) {
        if (queue !== undefined) return queue.push(chunk);
        size += chunk.length;
        if (size > maxBytes) controller.abort(tooLarge(maxBytes, call));
        else if (!isUnread) chunks.push(chunk);
      },
      onResponseEnd() {
        settle();
        if (queue !== undefined) return queue.end();
        if (isUnread) return;
        const bytes = joined(chunks, size);
        const codings = size === 0 ? [] : codingsOf(received);
        if (codings.length === 0) return resolve(new Answer(status, received, bytes));
        decoded(bytes, codings, call, maxBytes).then(
          (content) => resolve(new Answer(status, received, content)),
          reject,
        );
      },
      onResponseError(_, error) {
        settle();
        if (queue === undefined) reject(proxyRefusal(error) ?? error);
        else queue.fail(error);
      },
    };
    try {
      dispatcher.dispatch(
        {
          origin: slash < 0 ? url : url.slice(0, slash),
          path: slash < 0 ? "/" : url.slice(slash),
          method: call.operation.method,
          headers,
          body: body ?? null,
        },
        handler,
      );
    } catch (error) {
      reject(error);
    }
  });
}

type Decoder = readonly [
  sync: (bytes: Uint8Array, options: zlib.ZlibOptions) => Buffer,
  async: (bytes: Uint8Array, options: zlib.ZlibOptions) => Promise<Buffer>,
];

const gunzip: Decoder = [zlib.gunzipSync, promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gunzip)];
const inflate: Decoder = [zlib.inflateSync, promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.inflate)];
const inflateRaw: Decoder = [
  zlib.inflateRawSync,
  promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.inflateRaw),
];
const brotli: Decoder = [
  zlib.brotliDecompressSync,
  promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress),
];

function decoderFor(coding: string, bytes: Uint8Array): Decoder | undefined {
  if (coding === "gzip" || coding === "x-gzip") return gunzip;
  if (coding === "br") return brotli;
  // Some servers leave out the zlib header, whose first byte is recognizable.
  if (coding === "deflate") return (bytes[0]! & 0x0f) === 8 ? inflate : inflateRaw;
  return undefined;
}

type ReceivedHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Content codings in the order in which they were applied. */
function codingsOf({ "content-encoding": value }: ReceivedHeaders): string[] {
  if (value === undefined) return [];
  const names = String(value)
    .split(",")
    .map((name) => name.trim().toLowerCase());
  return names.filter((name) => name !== "" && name !== "identity");
}

/** Undoes content codings, the last one first; at no point does it hold more than `maxBytes`. */
async function decoded(
  bytes: Uint8Array,
  codings: readonly string[],
  call: Call,
  maxBytes: number,
): Promise<Uint8Array> {
  let content = bytes;
  const limit = { maxOutputLength: Math.min(maxBytes, constants.MAX_LENGTH) };
  for (const coding of codings.toReversed()) {
    const decoder = decoderFor(coding, content);
    if (decoder === undefined) throw undecodable("gzip, br, deflate or no content coding", call);
    const [sync, async] = decoder;
    try {
      content = content.length <= SMALL ? sync(content, limit) : await async(content, limit);
    } catch (error) {
      if ((error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(maxBytes, call);
      throw undecodable(`valid ${coding} (${errorText(error)})`, call);
    }
  }
  return content;
}

function undecodable(expected: string, { got: { head }, operation }: Call): ProtocolError {
  const found = head?.headers.get("content-encoding");
  return new ProtocolError(
    `unexpected response to ${operation.id}: expected ${expected}, found HTTP ${head?.status} with content coding ${found}`,
    { code: "UNEXPECTED_RESPONSE", ...(head && answerInfo(head)) },
  );
}
