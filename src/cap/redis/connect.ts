/** A client of our own, where none is injected. */
import type { Env } from "../../core/env.js";
import { optionOrEnv } from "../../core/env.js";
import { errorText, ValidationError } from "../../core/errors.js";
import { isLoopback } from "../../core/insecure.js";
import type { Logger } from "../../core/logger.js";
import { safeLogger, warnOnce } from "../../core/logger.js";
import { loadPeer } from "../../core/optional-peer.js";
import type { IoredisLike } from "./clients.js";
import type { RedisTls } from "./tls.js";
import { redisTlsFromEnv } from "./tls.js";

/** What is used of a client of our own. Named here so that the types of this entry do not need ioredis. */
export interface OwnRedis extends IoredisLike {
  readonly status: string;
  connect(): Promise<void>;
  ping(): Promise<string>;
  quit(): Promise<unknown>;
  disconnect(): void;
}

/** How to reach a Redis. */
export interface RedisConnectOptions {
  /** `redis://` or `rediss://` (TLS). Default: `REDIS_URL`, else `redis://127.0.0.1:6379/0`. */
  readonly url?: string | undefined;
  /** Used for `rediss://` only. Default: {@link redisTlsFromEnv}. */
  readonly tls?: RedisTls | undefined;
  /** How long connecting may take. Default: 5000. */
  readonly connectTimeoutMs?: number | undefined;
  /** The user knows that a password travels in the clear, or that no certificate is checked. Default: false. */
  readonly allowInsecure?: boolean | undefined;
  /** Default: the environment of the process. */
  readonly env?: Env | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
}

/**
 * A client of ioredis, not connected yet, that sends the commands of one turn of the event loop together.
 *
 * @throws UnsupportedError `MISSING_PACKAGE` without ioredis; ValidationError `INVALID_REDIS_URL`,
 * `INVALID_REDIS_TLS`.
 */
export async function connectRedis(options: RedisConnectOptions = {}): Promise<OwnRedis> {
  const { env, logger } = options;
  const given = optionOrEnv(options.url, "REDIS_URL", env) ?? "redis://127.0.0.1:6379/0";
  const url = readUrl(given);
  const secure = url.protocol === "rediss:";
  const tls = secure ? (options.tls ?? (await redisTlsFromEnv(env))) : undefined;
  if (!options.allowInsecure) warnOfRisk(url, tls, logger);
  const { Redis } = await loadPeer("ioredis", "the Redis store", () => import("ioredis"));
  const client = new Redis({
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? 6379 : Number(url.port),
    db: databaseOf(url),
    lazyConnect: true,
    enableAutoPipelining: true,
    maxRetriesPerRequest: 2,
    connectTimeout: options.connectTimeoutMs ?? 5_000,
    ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
    ...(tls === undefined ? {} : { tls: { ...tls } }),
  });
  const log = safeLogger(logger);
  // Without a listener ioredis writes to the console. The command that failed gets the error as well.
  client.on("error", (error: unknown) => log.warn("redis connection failed", { reason: errorText(error) }));
  return client;
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.protocol === "redis:" || url.protocol === "rediss:") && url.hostname !== "") {
    return url;
  }
  // The text itself may hold a password.
  throw new ValidationError("the URL of Redis must be redis://host or rediss://host", {
    code: "INVALID_REDIS_URL",
  });
}

function databaseOf({ pathname }: URL): number {
  const name = pathname.replace(/^\//, "") || "0";
  if (/^\d{1,9}$/.test(name)) return Number(name);
  throw new ValidationError("the path of a Redis URL must be the number of a database", {
    code: "INVALID_REDIS_URL",
  });
}

function warnOfRisk(url: URL, tls: RedisTls | undefined, logger: Logger | false | undefined): void {
  const { host } = url;
  if (tls !== undefined && !tls.rejectUnauthorized) {
    const text = "the certificate of Redis is not checked: anybody on the way can read and change everything";
    warnOnce(logger, `redis-unchecked:${host}`, text, { host });
  }
  if (tls === undefined && url.password !== "" && !isLoopback(url.hostname)) {
    const text = "a password is sent unencrypted; use rediss://, or set allowInsecure";
    warnOnce(logger, `redis-insecure:${host}`, text, { host });
  }
}
