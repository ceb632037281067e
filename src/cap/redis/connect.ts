/** A client of this package's own, if none is passed. */
import { readFile } from "node:fs/promises";
import { type Env, optionOrEnv, readEnv } from "../../core/env.js";
import { errorText, ValidationError } from "../../core/errors.js";
import { isLoopback } from "../../core/insecure.js";
import { type Logger, safeLogger, warnOnce } from "../../core/logger.js";
import { loadPeer } from "../../core/optional-peer.js";
import { tlsSettings } from "../tls.js";
import { type IoredisLike, replyCode } from "./session.js";
import { type RedisAddress, readRedisUrl } from "./url.js";

/** The part of ioredis that is used. Declared here so that the types of this entry point do not require ioredis. */
export interface OwnRedis extends IoredisLike {
  readonly status: string;
  connect(): Promise<void>;
  ping(): Promise<string>;
  quit(): Promise<unknown>;
  disconnect(): void;
  /** Why the last connection failed: what ioredis says of a command names neither a cause nor an address. */
  lastFailure?: string | undefined;
}

/** What goes into a client's `tls` (ioredis) or `socket` (node-redis) option. */
export interface RedisTls {
  readonly minVersion: "TLSv1.2";
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly servername?: string | undefined;
  /** False only with `REDIS_TLS_INSECURE`: the server's certificate is then not looked at. */
  readonly rejectUnauthorized: boolean;
}

/** How to reach a Redis. */
export interface RedisConnectOptions {
  /**
   * `redis://host:6379/0`; `redis+sentinel://host:26379,host:26379/mymaster` asks Sentinels for the master and follows
   * it after a failover; `redis+cluster://host,host` is a Cluster. `rediss` in place of `redis` is TLS.
   * Default: `REDIS_URL`, else `redis://127.0.0.1:6379/0`.
   */
  readonly url?: string | undefined;
  /** The `redis://` server is a node of a Cluster: find the others there. Default: false. */
  readonly cluster?: boolean | undefined;
  /** Used for `rediss` only. Default: from `REDIS_TLS_CA` and the other `REDIS_TLS_` variables. */
  readonly tls?: RedisTls | undefined;
  /** How long connecting may take. Default: 5000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Silences the warnings about an unencrypted password and an unchecked certificate. Default: false. */
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
  const address = readRedisUrl(optionOrEnv(options.url, "REDIS_URL", env) ?? "redis://127.0.0.1:6379/0");
  const { hosts, db, username, password, master } = address;
  if (options.cluster && (address.kind === "sentinel" || db !== 0)) {
    throw new ValidationError("`cluster` requires a redis:// or redis+cluster:// URL without a database", {
      code: "INVALID_REDIS_URL",
    });
  }
  const tls = address.secure ? (options.tls ?? (await redisTlsFromEnv(env))) : undefined;
  if (!options.allowInsecure) warnOfRisk(address, tls, logger);
  const { Redis, Cluster } = await loadPeer("ioredis", "the Redis store", () => import("ioredis"));
  const lazy = { lazyConnect: true, enableAutoPipelining: true };
  const common = {
    connectTimeout: options.connectTimeoutMs ?? 5_000,
    ...(username && { username }),
    ...(password && { password }),
    ...(tls && { tls: { ...tls } }),
  };
  const client =
    options.cluster || address.kind === "cluster"
      ? new Cluster([...hosts], { ...lazy, redisOptions: common })
      : address.kind === "server"
        ? new Redis({ ...common, ...lazy, ...hosts[0]!, db, maxRetriesPerRequest: 2 })
        : new Redis({
            ...common,
            ...lazy,
            db,
            sentinels: [...hosts],
            name: master,
            enableTLSForSentinelMode: tls !== undefined,
            ...(tls && { sentinelTLS: { ...tls } }),
            maxRetriesPerRequest: null, // a failover takes longer than a few attempts; the store bounds the time
            // A master that became a replica: ask the Sentinels again, and repeat the command at the new one.
            reconnectOnError: (error) => (replyCode(error) === "READONLY" ? 2 : false),
          });
  const log = safeLogger(logger);
  const own: OwnRedis = client;
  // Without a listener ioredis writes to the console. The command that failed gets the error as well.
  client.on("error", (error) => {
    own.lastFailure = `${addressOf(address)}: ${errorText(error)}`;
    log.warn("redis connection failed", { reason: own.lastFailure });
  });
  client.on("ready", () => {
    own.lastFailure = undefined;
  });
  return own;
}

function addressOf({ hosts }: RedisAddress): string {
  return hosts.map(({ host, port }) => `${host}:${port}`).join(",");
}

function warnOfRisk(
  address: RedisAddress,
  tls: RedisTls | undefined,
  logger: Logger | false | undefined,
): void {
  const host = addressOf(address);
  if (tls !== undefined && !tls.rejectUnauthorized) {
    const text = "the certificate of Redis is not checked: anybody on the way can read and change everything";
    warnOnce(logger, `redis-unchecked:${host}`, text, { host });
  }
  if (tls === undefined && address.password !== "" && !address.hosts.every((one) => isLoopback(one.host))) {
    const text = "a password is sent unencrypted; use rediss://, or set allowInsecure";
    warnOnce(logger, `redis-insecure:${host}`, text, { host });
  }
}

/**
 * Reads `REDIS_TLS_CA` (else `SSL_CERT_FILE`), `REDIS_TLS_CERT` with `REDIS_TLS_KEY`, `REDIS_TLS_SERVER_NAME` and
 * `REDIS_TLS_INSECURE` (`1` or `true`). The files are PEM. TLS is never older than 1.2.
 *
 * @throws ValidationError `INVALID_REDIS_TLS` for a certificate without its key, or a file that cannot be read.
 */
export async function redisTlsFromEnv(env?: Env): Promise<RedisTls> {
  const { caFile, certFile, keyFile, serverName: servername, insecure } = tlsSettings("REDIS", {}, env);
  const ca = await pem("REDIS_TLS_CA", caFile ?? readEnv("SSL_CERT_FILE", env));
  const cert = await pem("REDIS_TLS_CERT", certFile);
  const key = await pem("REDIS_TLS_KEY", keyFile);
  return { minVersion: "TLSv1.2", ca, cert, key, servername, rejectUnauthorized: !insecure };
}

async function pem(variable: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new ValidationError(`${variable} cannot be read: ${errorText(error)}`, {
      code: "INVALID_REDIS_TLS",
    });
  }
}
