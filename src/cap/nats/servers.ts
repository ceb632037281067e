/** Where the NATS servers are, and what the URLs say about credentials. */
import type { Env } from "../../core/env.js";
import { readEnv } from "../../core/env.js";
import { ValidationError } from "../../core/errors.js";
import { isLoopback } from "../../core/insecure.js";

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
  const named = given === undefined || given.length === 0 ? (readEnv("NATS_URL", env) ?? DEFAULT_URL) : given;
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
