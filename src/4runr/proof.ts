/** What can be read from a token: its payload where it is not encrypted, and how old it is. */

/** What a token says of itself. */
export interface TokenFacts {
  /** The exact text of the payload, which proves possession of the token; undefined for an encrypted token. */
  readonly payload?: string;
  /** The agent in the payload. */
  readonly agentId?: string;
  /** When the token was made, in milliseconds since the epoch. */
  readonly issuedAt?: number;
}

/**
 * Reads a token as far as it lets itself be read; never throws. The signature is not checked: only the gateway
 * can do that.
 */
export function readToken(token: string): TokenFacts {
  const [first = "", second = ""] = token.split(".");
  const payload = decode(first);
  const fields = parse(payload);
  if (payload !== undefined && fields !== undefined) {
    const { agent_id: agentId, issued_at, iat } = fields;
    const issuedAt = timeOf(issued_at) ?? seconds(iat);
    // A header of a JWT has neither agent nor time; its claims are the second part.
    if (typeof agentId === "string" || issuedAt !== undefined) {
      return {
        payload,
        ...(typeof agentId === "string" && { agentId }),
        ...(issuedAt !== undefined && { issuedAt }),
      };
    }
  }
  const claims = parse(decode(second));
  const issuedAt = seconds(claims?.iat);
  return issuedAt === undefined ? {} : { issuedAt };
}

/** base64 or base64url as UTF-8 text; undefined for anything else. */
function decode(part: string): string | undefined {
  try {
    const binary = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function parse(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (text?.[0] !== "{") return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function timeOf(value: unknown): number | undefined {
  const time = typeof value === "number" ? value : typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

function seconds(value: unknown): number | undefined {
  return typeof value === "number" ? value * 1_000 : undefined;
}
