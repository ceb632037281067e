/** Keeps web pages and other machines' names away from a server that only this machine should use. */
import type { HttpRequest } from "./server.js";

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i;

/** True for a host name that only this machine answers to. */
export const isLoopbackHost = (host: string): boolean => loopback.test(host.replace(/:\d*$/, ""));

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
    if (origins.includes(origin) || isLoopback(origin)) return undefined;
    return `pages of ${shown(origin)} may not call this server; list the origin in \`origins\``;
  }
  return site === "cross-site" ? "pages of other sites may not call this server" : undefined;
}

function isLoopback(origin: string): boolean {
  return URL.canParse(origin) && loopback.test(new URL(origin).hostname);
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 100));
