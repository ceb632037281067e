/** Where the NATS servers are, what the URLs say about credentials, and how TLS is spoken to them. */
import type { Env } from "../../core/env.js";
import { readEnv } from "../../core/env.js";
import { ValidationError } from "../../core/errors.js";
import { isLoopback } from "../../core/insecure.js";
import { tlsSettings } from "../tls.js";

/** URLs taken apart: `host:port` of each, and the login of the first URL that has one. */
export type NatsServers = ReturnType<typeof natsServers>;

const DEFAULT_URL = "nats://127.0.0.1:4222";

/**
 * Reads server URLs: `nats://` or `tls://`, or a bare `host:port`; several in a list or between commas.
 * Default: NATS_URL, else nats://127.0.0.1:4222.
 *
 * @throws ValidationError `INVALID_URL`; its text never holds what stands before the `@`.
 */
export function natsServers(given: string | readonly string[] | undefined, env?: Env) {
  const named = given ?? readEnv("NATS_URL", env) ?? DEFAULT_URL;
  const texts = (typeof named === "string" ? named.split(",") : [...named]).map((text) => text.trim());
  const urls = texts.filter((text) => text !== "").map(parse);
  if (urls.length === 0) throw invalidUrl("");
  const { username = "", password = "" } = urls.find((url) => url.username !== "") ?? {};
  return {
    hosts: urls.map((url) => `${url.hostname}:${url.port || 4222}`),
    user: password === "" ? undefined : decoded(username),
    password: decoded(password) || undefined,
    token: password === "" ? decoded(username) || undefined : undefined,
    /** A URL says `tls://`. */
    tls: urls.some((url) => url.protocol === "tls:"),
    /** Not all of them are on this machine. */
    remote: urls.some((url) => !isLoopback(url.hostname)),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    const text = "the user or password of a NATS URL contains a `%` that must be written as `%25`";
    throw new ValidationError(text, { code: "INVALID_URL" });
  }
}

function parse(text: string): URL {
  const full = text.includes("://") ? text : `nats://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || !["nats:", "tls:"].includes(url.protocol) || url.hostname === "") {
    throw invalidUrl(text);
  }
  return url;
}

function invalidUrl(text: string): ValidationError {
  const shown = text.replace(/^.*@/, "…@");
  return new ValidationError(
    `invalid NATS URL: expected nats://host:port or tls://host:port, got ${JSON.stringify(shown)}`,
    { code: "INVALID_URL" },
  );
}

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
