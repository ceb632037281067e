/** TLS settings of a NATS connection, from options and from the environment. */
import type { Env } from "../../core/env.js";
import { optionOrEnv, readEnv } from "../../core/env.js";
import { ValidationError } from "../../core/errors.js";

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
 * What to hand to the client for servers at `hosts` (`host:port`): undefined when neither options nor environment ask for TLS. Then a server that
 * offers it is still spoken to with TLS; with settings, one that does not is refused.
 *
 * @throws ValidationError `INVALID_TLS` for a certificate without a key, or a key without a certificate.
 */
export function natsTls(
  given: NatsTlsOptions | boolean | undefined,
  env?: Env,
  hosts: readonly string[] = [],
): NatsClientTls | undefined {
  if (given === false) return undefined;
  const options = typeof given === "object" ? given : {};
  const caFile = options.ca === undefined ? optionOrEnv(options.caFile, "NATS_TLS_CA", env) : undefined;
  const certFile =
    options.cert === undefined ? optionOrEnv(options.certFile, "NATS_TLS_CERT", env) : undefined;
  const keyFile = options.key === undefined ? optionOrEnv(options.keyFile, "NATS_TLS_KEY", env) : undefined;
  const servername = optionOrEnv(options.serverName, "NATS_TLS_SERVER_NAME", env);
  const insecure =
    options.insecure ?? ["1", "true"].includes(readEnv("NATS_TLS_INSECURE", env)?.toLowerCase() ?? "");
  if (((options.cert ?? certFile) === undefined) !== ((options.key ?? keyFile) === undefined)) {
    throw new ValidationError("a TLS certificate and its key must be given together", {
      code: "INVALID_TLS",
    });
  }
  const found = {
    ca: options.ca,
    caFile,
    cert: options.cert,
    certFile,
    key: options.key,
    keyFile,
    servername,
    host: servername === undefined ? onlyAddress(hosts) : undefined,
    rejectUnauthorized: insecure ? false : undefined,
    handshakeFirst: options.handshakeFirst || undefined,
  };
  const set = Object.entries(found).filter(([, value]) => value !== undefined);
  const asked = given !== undefined || set.some(([name]) => name !== "host");
  if (!asked) return undefined;
  return { minVersion: "TLSv1.2", ...Object.fromEntries(set) };
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
