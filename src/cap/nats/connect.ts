/** Opens a NATS connection with the settings of a long-running agent. */
import { connect as connectVersion2, credsAuthenticator } from "nats";
import { throwIfAborted } from "../../core/abort.js";
import type { Clock } from "../../core/clock.js";
import { sleep } from "../../core/clock.js";
import type { Env } from "../../core/env.js";
import {
  type AgentwireError,
  AuthError,
  ConnectionError,
  errorText,
  ValidationError,
} from "../../core/errors.js";
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
import { closingAbandoned } from "./sockets.js";
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
  /**
   * Content of a credentials file (JWT and seed), or a function that returns it: it is called at every attempt to
   * connect, so that a JWT may expire before the connection ends.
   */
  readonly credentials?: string | Secret | (() => string | Secret) | undefined;
  /** `true` requires TLS with the platform's authorities; `false` ignores environment and URL. Default: the environment. */
  readonly tls?: NatsTlsOptions | boolean | undefined;
  /** Retry when no server responds at the start, until the signal fires. Default: false. */
  readonly waitOnFirstConnect?: boolean | undefined;
  /** Pause before and between attempts to reconnect; up to a tenth more at random. Default: 1000. */
  readonly reconnectWaitMs?: number | undefined;
  /** Attempts to reconnect to each server before the connection is closed. Default: Infinity. */
  readonly maxReconnects?: number | undefined;
  /** A dead link is noticed after three of these without a response. Default: 10000. */
  readonly pingIntervalMs?: number | undefined;
  /** How long an attempt to connect, subscribing, flushing and draining may take. Default: 10000. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait for the first connection. To end the connection itself, call `close`. */
  readonly signal?: AbortSignal | undefined;
  /** Turns off the warning about a credential that is sent unencrypted to another machine. Default: false. */
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
  authenticator?: (nonce?: string) => object;
  tls?: NatsClientTls | null;
  reconnect: true;
  maxReconnectAttempts: number;
  reconnectTimeWait: number;
  reconnectJitter: number;
  reconnectJitterTLS: number;
  pingInterval: number;
  maxPingOut: number;
  timeout: number;
  /** A refused login does not end the connection. */
  ignoreAuthErrorAbort: true;
  noAsyncTraces: true;
}

/**
 * Connects to NATS and returns the connection as a {@link Bus}. It reconnects indefinitely, also when the server
 * refuses the login for a while; `onStatus` reports every change and every refused attempt.
 *
 * @throws ValidationError for invalid options; ConnectionError (`TLS` if the certificates or the server's TLS are the
 * reason, otherwise retryable), TimeoutError or AuthError if the first connection fails; with `waitOnFirstConnect` only
 * what a retry cannot fix, and AbortError when the signal fires.
 */
export async function connectNats(options: NatsOptions = {}): Promise<Bus> {
  const servers = natsServers(options.servers, options.env);
  const logger = safeLogger(options.logger);
  const login = options.credentials === undefined ? undefined : new Login(options.credentials, logger);
  const client = clientOptions(options, servers, login);
  warnIfReadable(options, servers, client);
  const connect =
    options.connect ?? (connectVersion2 as (options: NatsClientOptions) => Promise<NatsConnection>);
  for (;;) {
    throwIfAborted(options.signal);
    try {
      const connection = await closingAbandoned(() => connect(client));
      if (options.signal?.aborted) await connection.close();
      throwIfAborted(options.signal);
      login?.succeeded();
      return natsBus(connection, options);
    } catch (error) {
      throwIfAborted(options.signal);
      const known = connectError(error, servers, client);
      if (!options.waitOnFirstConnect || !known.retryable || known instanceof AuthError) throw known;
      logger.warn("cannot reach a NATS server yet; retrying", {
        servers: servers.hosts,
        reason: known.message,
      });
      await sleep(client.reconnectTimeWait, { signal: options.signal, clock: options.clock });
    }
  }
}

function connectError(error: unknown, servers: NatsServers, client: NatsClientOptions): AgentwireError {
  const hosts = servers.hosts.join(", ");
  const known = natsError(error, "connect", hosts);
  // Version 3 has neither code nor cause for a server without TLS, and only then, where TLS is required.
  const { name, cause } = error as Error;
  if (client.tls == null || name !== "ConnectionError" || cause !== undefined) return known;
  return new ConnectionError(`cannot connect to NATS at ${hosts}: the server does not support TLS`, {
    code: "TLS",
    retryable: false,
    cause: error,
  });
}

/** Answers the server's challenge with the current credentials. */
class Login {
  #connected = false;

  constructor(
    readonly source: NonNullable<NatsOptions["credentials"]>,
    readonly logger: Logger,
  ) {}

  succeeded(): void {
    this.#connected = true;
  }

  answer(nonce?: string): object {
    try {
      const text = reveal(typeof this.source === "function" ? this.source() : this.source);
      // The client's parser requires plain newlines, and one at the end.
      const normal = `${text.replace(/\r\n?/g, "\n")}\n`;
      return credsAuthenticator(new TextEncoder().encode(normal))(nonce) ?? {};
    } catch (error) {
      if (!this.#connected) throw error;
      // Thrown, it would close the connection for good; the server refuses an empty login, and the next attempt follows.
      this.logger.error("the `credentials` function failed; logging in without credentials", {
        reason: errorText(error),
      });
      return {};
    }
  }
}

function clientOptions(
  options: NatsOptions,
  servers: NatsServers,
  login: Login | undefined,
): NatsClientOptions {
  const wait = options.reconnectWaitMs ?? 1000;
  const maxReconnects = options.maxReconnects ?? Infinity;
  const token = reveal(options.token ?? (options.user === undefined ? servers.token : undefined));
  const user = options.user ?? servers.user;
  const password = reveal(options.password ?? servers.password);
  if (password !== undefined && user === undefined) {
    throw new ValidationError("`password` requires `user`", { code: "INVALID_CREDENTIALS" });
  }
  const tls = natsTls(options.tls ?? (servers.tls || undefined), options.env, servers.hosts);
  return {
    servers: [...servers.hosts],
    name: options.name ?? "agentwire",
    ...(token === undefined ? {} : { token }),
    ...(user === undefined ? {} : { user, pass: password ?? "" }),
    ...(login && { authenticator: (nonce?: string) => login.answer(nonce) }),
    ...(options.tls === false ? { tls: null } : tls === undefined ? {} : { tls }),
    reconnect: true,
    maxReconnectAttempts: maxReconnects === Infinity ? -1 : maxReconnects,
    reconnectTimeWait: wait,
    reconnectJitter: wait / 10,
    reconnectJitterTLS: wait / 10,
    pingInterval: options.pingIntervalMs ?? 10_000,
    maxPingOut: 2,
    timeout: options.timeoutMs ?? 10_000,
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
  };
}

function warnIfReadable(options: NatsOptions, servers: NatsServers, client: NatsClientOptions): void {
  const secret = client.token ?? client.pass;
  if (!secret || !servers.remote || client.tls || options.allowInsecure) return;
  warnOnce(
    options.logger,
    `insecure:nats:${servers.hosts.join()}`,
    "a credential may be sent unencrypted to NATS; set `tls`, or `allowInsecure` to silence this",
    { servers: servers.hosts },
  );
}
