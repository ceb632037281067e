/**
 * Requests on Node, over undici: kept connections, proxies from the environment, certificates. undici is loaded with
 * the first request, so that importing this package stays cheap.
 */
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import type { Dispatcher } from "undici";
import { ValidationError } from "../core/errors.js";
import { VERSION } from "../core/version.js";
import { Answer, isHeaders, type RawHeaders } from "./answer.js";
import type { Call } from "./call.js";
import { ChunkQueue } from "./chunk-queue.js";
import { joined, type Transport, type TransportOptions, tooLarge } from "./transport.js";

const USER_AGENT = `agentwire/${VERSION}`;
/** Up to this size a body is decompressed at once: a trip to the thread pool takes longer. */
const SMALL = 65_536;

/** The transport of Node. */
export function openTransport(options: TransportOptions): Transport {
  let opened: Promise<Pools> | undefined;
  let pools: Pools | undefined;
  const open = async (): Promise<Pools> => {
    pools = openPools(await import("undici"), options);
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

function openPools({ EnvHttpProxyAgent }: typeof import("undici"), options: TransportOptions): Pools {
  const { connections, tls = {} } = options;
  const agent = (most?: number): Dispatcher =>
    new EnvHttpProxyAgent({
      ...(most !== undefined && { connections: most }),
      pipelining: 1,
      // Time limits are those of the pipeline.
      headersTimeout: 0,
      bodyTimeout: 0,
      // Many proxies refuse CONNECT for plain http.
      proxyTunnel: false,
      connect: { ...tls },
      // The same certificates for https through a proxy.
      requestTls: { ...tls },
    });
  try {
    return { calls: agent(connections), streams: agent() };
  } catch (cause) {
    throw new ValidationError(
      "HTTP_PROXY or HTTPS_PROXY is not a valid URL: expected http://host:port or https://host:port",
      { code: "INVALID_PROXY", cause },
    );
  }
}

/** One request and its response. */
function exchange(
  dispatcher: Dispatcher,
  call: Call,
  { maxBodyBytes: maxBytes, clock }: TransportOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { url, body } = call;
    const slash = url.indexOf("/", url.indexOf("//") + 2);
    const headers: Record<string, string> = {
      "user-agent": USER_AGENT,
      "accept-encoding": call.stream ? "identity" : "gzip, br, deflate",
      ...call.headers,
    };
    const chunks: Uint8Array[] = [];
    let size = 0;
    let status = 0;
    let received: RawHeaders = {};
    let queue: ChunkQueue | undefined;
    let off: (() => void) | undefined;
    const settle = (): void => off?.();
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(controller) {
        // What waited for a free connection may have been given up meanwhile.
        const watched = call.stream ? [call.cut, call.whole] : [call.cut];
        const reason = watched.find((cut) => cut.reason !== undefined)?.reason;
        if (reason !== undefined) return controller.abort(reason);
        const offs = watched.map((cut) => cut.on((why) => controller.abort(why)));
        off = () => {
          for (const one of offs) one();
        };
      },
      onResponseStart(controller, statusCode, responseHeaders) {
        if (statusCode < 200) return;
        status = statusCode;
        received = responseHeaders;
        call.responded = true;
        if (status < 300 && call.operation.result === "none") {
          // The body means nothing, but its connection can be used again only once it was read.
          settle();
          const timer = clock.setTimeout(() => controller.abort(new Error("unread")), call.timeoutMs, {
            unref: true,
          });
          off = () => clock.clearTimeout(timer);
          resolve(new Answer(status, received, new Uint8Array(0)));
        }
        if (!call.stream || status >= 300) return;
        queue = new ChunkQueue(controller);
        resolve(new Answer(status, received, queue));
      },
      onResponseData(controller, chunk) {
        if (queue !== undefined) return queue.push(chunk);
        size += chunk.length;
        if (size > maxBytes) controller.abort(tooLarge(maxBytes));
        else chunks.push(chunk);
      },
      onResponseEnd() {
        settle();
        if (queue !== undefined) return queue.end();
        const encoding = isHeaders(received) ? undefined : received["content-encoding"];
        const bytes = joined(chunks, size);
        if (encoding === undefined || size === 0) return resolve(new Answer(status, received, bytes));
        decoded(bytes, String(encoding), maxBytes).then(
          (content) => resolve(new Answer(status, received, content)),
          reject,
        );
      },
      onResponseError(_, error) {
        settle();
        if (queue === undefined) reject(error);
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

const DECODERS = {
  gzip: [zlib.gunzipSync, promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gunzip)],
  "x-gzip": [zlib.gunzipSync, promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gunzip)],
  deflate: [zlib.inflateSync, promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.inflate)],
  br: [zlib.brotliDecompressSync, promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress)],
} as const;

/** Undoes content codings, the last one first; at no point does it hold more than `maxBytes`. */
async function decoded(bytes: Uint8Array, encoding: string, maxBytes: number): Promise<Uint8Array> {
  let content = bytes;
  for (const name of encoding.toLowerCase().split(",").reverse()) {
    const decoder = DECODERS[name.trim() as keyof typeof DECODERS];
    if (decoder === undefined) continue;
    try {
      const limit = { maxOutputLength: maxBytes };
      content = content.length <= SMALL ? decoder[0](content, limit) : await decoder[1](content, limit);
    } catch (error) {
      throw (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE" ? tooLarge(maxBytes) : error;
    }
  }
  return content;
}
