/** Credentials that would travel in the clear. */
import { type Logger, warnOnce } from "./logger.js";

/** True for a host name that never leaves the machine: `localhost`, `127.0.0.0/8`, `::1` and its IPv4 forms. */
export function isLoopback(hostname: string): boolean {
  const host = hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "");
  if (host === "localhost" || host.endsWith(".localhost")) return true;
  const ipv4 = /^(?:::ffff:)?(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host);
  if (ipv4) return ipv4[1] === "127" && ipv4.slice(2).every((part) => Number(part) <= 255);
  return host === "::1" || host === "0:0:0:0:0:0:0:1" || /^::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}$/.test(host);
}

/** Schemes whose connection anybody on the way can read. */
const plainSchemes = new Set(["http:", "ws:"]);

/** True when a credential sent to `url` could be read on the way. A URL that cannot be read is not judged. */
export function isInsecure(url: string | URL): boolean {
  const { protocol, hostname } = URL.canParse(String(url)) ? new URL(url) : { protocol: "", hostname: "" };
  return plainSchemes.has(protocol) && !isLoopback(hostname);
}

/** Options of {@link warnIfInsecure}. */
export interface InsecureOptions {
  /** Suppresses the warning. Default: false. */
  readonly allowInsecure?: boolean | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
}

/**
 * Warns once per logger and host when a credential is about to be sent to `url` unencrypted and beyond this
 * machine. Returns true when it warned.
 */
export function warnIfInsecure(url: string | URL, options: InsecureOptions = {}): boolean {
  if (options.allowInsecure || !isInsecure(url)) return false;
  const { host, protocol } = new URL(url);
  const message = `a credential is sent unencrypted (${protocol}//${host}); use TLS, or set allowInsecure`;
  return warnOnce(options.logger, `insecure:${protocol}//${host}`, message, { host });
}
