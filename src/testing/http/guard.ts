/** Keeps web pages and other machines' names away from a server that only this machine should use. */
import { isLoopback } from "../../core/insecure.js";
import type { HttpRequest } from "./server.js";

/** True for a host, with or without a port, that only this machine answers to. */
export const isLoopbackHost = (host: string): boolean =>
  URL.canParse(`http://${host}`) && isLoopback(new URL(`http://${host}`).hostname);

/**
 * Why a request does not come from this machine's own programs or pages; undefined when it may. A page on another
 * site sends its Origin, a name that was made to point here is in Host.
 */
export function foreign({ headers }: HttpRequest, origins: readonly string[]): string | undefined {
  const { host = "", origin, "sec-fetch-site": site } = headers;
  if (!isLoopbackHost(host)) {
    return `the Host header must name this machine (127.0.0.1, localhost or [::1]), not ${shown(host)}`;
  }
  if (origin !== undefined) {
    if (origins.includes(origin)) return undefined;
    if (URL.canParse(origin) && isLoopback(new URL(origin).hostname)) return undefined;
    return `pages of ${shown(origin)} may not call this server; list the origin in \`origins\``;
  }
  return site === "cross-site" ? "pages of other sites may not call this server" : undefined;
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 100));
