/** Opens a NATS connection with the settings a long-running agent wants. */
import { connect as connectVersion2, credsAuthenticator } from "nats";
import { throwIfAborted } from "../../core/abort.js";
import type { Clock } from "../../core/clock.js";
import { sleep } from "../../core/clock.js";
import type { Env } from "../../core/env.js";
import { AuthError, ValidationError } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { safeLogger, warnOnce } from "../../core/logger.js";
import type { Secret } from "../../core/secret.js";
import { reveal } from "../../core/secret.js";
import type { Bus } from "../bus.js";
import { natsBus } from "./bus.js";
import type { NatsConnection } from "./connection.js";
import { natsError } from "./errors.js";
import type { NatsServers } from "./servers.js";
import { natsServers } from "./servers.js";
import type { NatsClientTls, NatsTlsOptions } from "./tls.js";
import { natsTls } from "./tls.js";

/** Options of {@link connectNats}. */
export interface NatsOptions {
  /** `nats://` or `tls://` URLs, which may hold `user:password@` or `token@`. Default: NATS_URL, else nats://127.0.0.1:4222. */
  readonly servers?: string | readonly string[] | undefined;
  /** Name of the connection in the server's logs. Default: "agentwire". */
  readonly name?: string | undefined;
  readonly token?: string | Secret | undefined;
  readonly user?: string | undefined;
  readonly password?: string | Secret | undefined;
  /** Content of a credentials file (JWT and seed). */
  readonly credentials?: string | Secret | undefined;
  /** True asks for TLS with the platform's authorities; false heeds neither environment nor URL. Default: the environment. */
  readonly tls?: NatsTlsOptions | boolean | undefined;
  /** Go on trying when no server answers at the start, until the signal fires. Default: false. */
  readonly waitOnFirstConnect?: boolean | undefined;
  /** Pause before a try to reconnect, and between tries; up to a tenth more at random. Default: 1000. */
  readonly reconnectWaitMs?: number | undefined;
  /** Tries to reconnect to each server before the connection is closed. Default: Infinity. */
  readonly maxReconnects?: number | undefined;
  /** A dead link is noticed after three of these without an answer. Default: 10000. */
  readonly pingIntervalMs?: number | undefined;
  /** How long a try to connect, subscribing, flushing and draining may take. Default: 10000. */
  readonly timeoutMs?: number | undefined;
  /** Ends the waiting for a first connection. The connection itself is ended by `close`. */
  readonly signal?: AbortSignal | undefined;
  /** A credential may travel unencrypted beyond this machine without a warning. Default: false. */
  readonly allowInsecure?: boolean | undefined;
  /** `connect` of `@nats-io/transport-node` 3.x, to use that client. Default: that of `nats` 2.x. */
  readonly connect?: ((options: NatsClientOptions) => Promise<NatsConnection>) | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
  /** Default: the process's. */
  readonly env?: Env | undefined;
  /** For the pauses before the first connection. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** What is handed to the `connect` of the NATS client. Both clients know these names. */
export interface NatsClientOptions {
  servers: string[];
  name: string;
  token?: string;
  user?: string;
  pass?: string;
  authenticator?: ReturnType<typeof credsAuthenticator>;
  tls?: NatsClientTls | null;
  reconnect: true;
  maxReconnectAttempts: number;
  reconnectTimeWait: number;
  reconnectJitter: number;
  reconnectJitterTLS: number;
  pingInterval: number;
  maxPingOut: number;
  timeout: number;
}

/**
 * Connects to NATS and gives the connection as a {@link Bus}. It reconnects for ever; `onStatus` tells.
 *
 * @throws ValidationError for options that make no sense; ConnectionError (`TLS` when the certificates or the
 * server's TLS are the reason, else retryable), TimeoutError or AuthError for a first connection that fails;
 * with `waitOnFirstConnect` only what trying again cannot mend, and AbortError when the signal fires.
 */
export async function connectNats(options: NatsOptions = {}): Promise<Bus> {
  const servers = natsServers(options.servers, options.env);
  const client = clientOptions(options, servers);
  const logger = safeLogger(options.logger);
  warnIfReadable(options, servers, client);
  for (;;) {
    throwIfAborted(options.signal);
    try {
      const connect =
        options.connect ?? (connectVersion2 as (options: NatsClientOptions) => Promise<NatsConnection>);
      const connection = await connect(client);
      if (options.signal?.aborted) await connection.close();
      throwIfAborted(options.signal);
      return natsBus(connection, options);
    } catch (error) {
      throwIfAborted(options.signal);
      const known = natsError(error, "connect", servers.hosts.join(", "));
      if (!options.waitOnFirstConnect || !known.retryable || known instanceof AuthError) throw known;
      logger.warn("no NATS server yet", { servers: servers.hosts, reason: known.message });
      await sleep(client.reconnectTimeWait, { signal: options.signal, clock: options.clock });
    }
  }
}

function clientOptions(options: NatsOptions, servers: NatsServers): NatsClientOptions {
  const wait = options.reconnectWaitMs ?? 1000;
  const maxReconnects = options.maxReconnects ?? Infinity;
  const token = reveal(options.token ?? (options.user === undefined ? servers.token : undefined));
  const user = options.user ?? servers.user;
  const password = reveal(options.password ?? servers.password);
  const credentials = reveal(options.credentials);
  if (password !== undefined && user === undefined) {
    throw new ValidationError("a password wants a user", { code: "INVALID_CREDENTIALS" });
  }
  const tls = natsTls(options.tls ?? (servers.tls || undefined), options.env, servers.hosts);
  return {
    servers: [...servers.hosts],
    name: options.name ?? "agentwire",
    ...(token === undefined ? {} : { token }),
    ...(user === undefined ? {} : { user, pass: password ?? "" }),
    ...(credentials === undefined
      ? {}
      : { authenticator: credsAuthenticator(new TextEncoder().encode(credentials)) }),
    ...(options.tls === false ? { tls: null } : tls === undefined ? {} : { tls }),
    reconnect: true,
    maxReconnectAttempts: maxReconnects === Infinity ? -1 : maxReconnects,
    reconnectTimeWait: wait,
    reconnectJitter: wait / 10,
    reconnectJitterTLS: wait / 10,
    pingInterval: options.pingIntervalMs ?? 10_000,
    maxPingOut: 2,
    timeout: options.timeoutMs ?? 10_000,
  };
}

function warnIfReadable(options: NatsOptions, servers: NatsServers, client: NatsClientOptions): void {
  const secret = client.token ?? client.pass;
  if (!secret || !servers.remote || client.tls || options.allowInsecure) return;
  warnOnce(
    options.logger,
    `insecure:nats:${servers.hosts.join()}`,
    "a credential may be sent unencrypted to NATS; ask for TLS, or set allowInsecure",
    { servers: servers.hosts },
  );
}
