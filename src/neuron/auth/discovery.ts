/** Where an identity server has its endpoints (RFC 8414). */
import { exchange, type OAuthOptions } from "./oauth-http.js";

/** The two endpoints that enrollment uses. */
export interface OAuthEndpoints {
  readonly tokenEndpoint: string;
  readonly deviceAuthorizationEndpoint: string;
}

/** A base URL without slashes at its end. */
export function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}

/**
 * Asks the server for its endpoints. Where it does not say, they are `/api/v1/auth/token` and
 * `/api/v1/auth/device`. Of what it says only the paths are used, on the origin of `mokuBaseUrl`: behind a
 * proxy a server may name an address that is unreachable from outside. Rejects only when the signal fires.
 */
export async function discoverEndpoints(
  mokuBaseUrl: string,
  options: OAuthOptions = {},
): Promise<OAuthEndpoints> {
  const base = withoutSlash(mokuBaseUrl);
  const fixed: OAuthEndpoints = {
    tokenEndpoint: `${base}/api/v1/auth/token`,
    deviceAuthorizationEndpoint: `${base}/api/v1/auth/device`,
  };
  try {
    const url = `${base}/.well-known/oauth-authorization-server`;
    const found = await exchange(url, undefined, options);
    const { token_endpoint: token, device_authorization_endpoint: device } = found ?? {};
    if (typeof token !== "string" || typeof device !== "string") return fixed;
    return {
      tokenEndpoint: rerooted(token, base),
      deviceAuthorizationEndpoint: rerooted(device, base),
    };
  } catch (error) {
    if (options.signal?.aborted) throw error;
    return fixed;
  }
}

function rerooted(endpoint: string, base: string): string {
  const { pathname, search } = new URL(endpoint, base);
  return `${new URL(base).origin}${pathname}${search}`;
}
