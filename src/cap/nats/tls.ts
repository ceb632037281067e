/** TLS settings of a NATS connection, from options and from the environment. */
import type { Env } from "../../core/env.js";
import { tlsSettings } from "../tls.js";

/** How to speak TLS. Files are read when the connection is made, and again for every reconnection. */
export interface NatsTlsOptions {
  /** Certificates of the authorities to trust, PEM. Default: those of the platform. */
  readonly ca?: string | undefined;
  /** The same as a file. Default: NATS_TLS_CA. */
  readonly caFile?: string | undefined;
  /** Our own certificate, PEM; requires a key. */
  readonly cert?: string | undefined;
  /** The same as a file. Default: NATS_TLS_CERT. */
  readonly certFile?: string | undefined;
  /** Private key of our certificate, PEM. */
  readonly key?: string | undefined;
  /** The same as a file. Default: NATS_TLS_KEY. */
  readonly keyFile?: string | undefined;
  /**
   * Name that the server's certificate must carry. Default: NATS_TLS_SERVER_NAME, else the host of the URL.
   * Needed when there are several servers and URLs name them by their addresses.
   */
  readonly serverName?: string | undefined;
  /** True takes any certificate. Never outside a test. Default: NATS_TLS_INSECURE is `1` or `true`. */
  readonly insecure?: boolean | undefined;
  /** The server requires TLS before it says anything. Default: false. */
  readonly handshakeFirst?: boolean | undefined;
}

/** The settings in the words of the NATS clients. */
export type NatsClientTls = Readonly<Record<string, unknown>>;

/**
 * What to hand to the client for servers at `hosts` (`host:port`): undefined when neither options nor environment ask
 * for TLS. Then a server that offers it is still spoken to with TLS; with settings, one that does not is refused.
 *
 * @throws ValidationError `INVALID_TLS` for a certificate without a key, or a key without a certificate.
 */
export function natsTls(
  given: NatsTlsOptions | boolean | undefined,
  env?: Env,
  hosts: readonly string[] = [],
): NatsClientTls | undefined {
  if (given === false) return undefined;
  const { handshakeFirst, ...options } = typeof given === "object" ? given : {};
  const { serverName: servername, insecure, ...texts } = tlsSettings("NATS", options, env);
  const rejectUnauthorized = insecure ? false : undefined;
  const found = { ...texts, servername, rejectUnauthorized, handshakeFirst: handshakeFirst || undefined };
  const set = Object.entries(found).filter(([, value]) => value !== undefined);
  if (given === undefined && set.length === 0) return undefined;
  const host = servername === undefined ? onlyAddress(hosts) : undefined;
  return { minVersion: "TLSv1.2", ...Object.fromEntries(set), ...(host && { host }) };
}

/**
 * The address all servers share. The clients tell the platform no name for a server that has none, and it
 * would compare the certificate with "localhost".
 */
function onlyAddress(hosts: readonly string[]): string | undefined {
  const addresses = new Set(hosts.map((host) => host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1")));
  const [address] = addresses;
  return addresses.size === 1 && /^[\d.]+$|:/.test(address!) ? address : undefined;
}
