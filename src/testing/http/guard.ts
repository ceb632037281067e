/** Protects servers of this machine against web pages and host names of others. */
import { isLoopback } from "../../core/insecure.js";

/** True for a host, with or without a port, that resolves to this machine only. */
export const isLoopbackHost = (host: string): boolean =>
  URL.canParse(`http://${host}`) && isLoopback(new URL(`http://${host}`).hostname);

/**
 * Why a request is refused. Undefined for one of this machine's own programs and pages: a page of another site sends
 * its Origin, and a foreign name that resolves to this machine is in Host.
 */
export function foreign(headers: Headers, origins: readonly string[]): string | undefined {
  const host = headers.get("host") ?? "";
  const origin = headers.get("origin");
  if (!isLoopbackHost(host)) {
    return `the Host header must name this machine (127.0.0.1, localhost or [::1]), not ${shown(host)}`;
  }
  if (origin !== null) {
    if (origins.includes(origin)) return undefined;
    if (URL.canParse(origin) && isLoopback(new URL(origin).hostname)) return undefined;
    return `pages of ${shown(origin)} may not call this server; list the origin in \`origins\``;
  }
  return headers.get("sec-fetch-site") === "cross-site"
    ? "pages of other sites may not call this server"
    : undefined;
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 100));
