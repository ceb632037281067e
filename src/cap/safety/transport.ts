/** The way to a safety kernel. */
import type { Transport } from "@connectrpc/connect";
import { ValidationError } from "../../core/errors.js";
import { warnIfInsecure } from "../../core/insecure.js";
import type { Logger } from "../../core/logger.js";
import { loadPeer } from "../../core/optional-peer.js";
import { isSecretName } from "../../core/secret-names.js";

/** TLS to a kernel; texts are PEM. For Node. */
export interface KernelTls {
  /** Default: the authorities of the platform. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Name in the server's certificate. Default: the host of the URL. */
  readonly serverName?: string | undefined;
}

/** Where a kernel is and how it speaks. */
export interface KernelTransportOptions {
  /** `http://host:port` or `https://host:port` (TLS). */
  readonly url: string;
  /**
   * "grpc": HTTP/2 through `@connectrpc/connect-node`, for Node. "connect": `fetch` through
   * `@connectrpc/connect-web`, anywhere; with `tls` through `@connectrpc/connect-node`. Default: "grpc".
   */
  readonly protocol?: "grpc" | "connect" | undefined;
  readonly tls?: KernelTls | undefined;
  /** Sent with every call. Never printed. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** For "connect" without `tls`. Default: the platform's. */
  readonly fetch?: typeof fetch | undefined;
  /** Turns off the warning about a credential that is sent unencrypted. Default: false. */
  readonly allowInsecure?: boolean | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
}

/** A transport and what lets go of its connections. */
export interface KernelTransport {
  readonly transport: Transport;
  close(): void;
}

/**
 * Makes a transport; nothing is connected yet.
 *
 * @throws ValidationError `INVALID_URL`; UnsupportedError `MISSING_PACKAGE` with the command that installs it.
 */
export async function kernelTransport(options: KernelTransportOptions): Promise<KernelTransport> {
  const { url: baseUrl, protocol = "grpc", tls, headers = {} } = options;
  const parsed = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.username || parsed.password) {
    throw new ValidationError("the URL of a safety kernel must be http://host:port or https://host:port", {
      code: "INVALID_URL",
    });
  }
  if (Object.keys(headers).some((name) => isSecretName(name))) warnIfInsecure(parsed, options);
  if (protocol === "connect" && tls === undefined) return overFetch(baseUrl, options.fetch);
  const { createConnectTransport, createGrpcTransport, Http2SessionManager } = await loadPeer(
    "@connectrpc/connect-node",
    "the safety client",
    () => import("@connectrpc/connect-node"),
  );
  const { serverName: servername, ...pem } = tls ?? {};
  const nodeOptions = { ...pem, ...(servername === undefined ? {} : { servername }) };
  const sessionManager = new Http2SessionManager(baseUrl, undefined, nodeOptions);
  const transport =
    protocol === "grpc"
      ? createGrpcTransport({ baseUrl, sessionManager })
      : createConnectTransport({ baseUrl, httpVersion: "2", sessionManager });
  return { transport, close: () => sessionManager.abort() };
}

async function overFetch(
  baseUrl: string,
  given: typeof fetch = (input, init) => globalThis.fetch(input, init),
): Promise<KernelTransport> {
  const { createConnectTransport } = await loadPeer(
    "@connectrpc/connect-web",
    "the safety client over fetch",
    () => import("@connectrpc/connect-web"),
  );
  // Credentials do not follow a redirect.
  const noRedirect: typeof fetch = (input, init) => given(input, { ...init, redirect: "error" });
  return { transport: createConnectTransport({ baseUrl, fetch: noRedirect }), close: () => {} };
}
