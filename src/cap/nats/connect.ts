/** Opens a NATS connection with the settings of a long-running agent. */
import { connect as connectVersion2, credsAuthenticator } from "nats";
import { throwIfAborted } from "../../core/abort.js";
import { sleep } from "../../core/clock.js";
import type { Env } from "../../core/env.js";
import {
  type AgentwireError,
  AuthError,
  ConnectionError,
  errorText,
  ValidationError,
} from "../../core/errors.js";
import { safeLogger, warnOnce } from "../../core/logger.js";
import type { Secret } from "../../core/secret.js";
import { reveal } from "../../core/secret.js";
import type { Bus } from "../bus.js";
import { NatsBus, type NatsBusOptions } from "./bus.js";
import type { NatsConnection } from "./connection.js";
import { natsError } from "./errors.js";
import {
  type NatsClientTls,
  type NatsServers,
  type NatsTlsOptions,
  natsServers,
  natsTls,
} from "./servers.js";
import { closingAbandoned, endingDials } from "./sockets.js";

/** Options of {@link connectNats}. */
export interface NatsOptions extends NatsBusOptions {
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
  /** Ends the wait for the first connection. To end the connection itself, call `close`. */
  readonly signal?: AbortSignal | undefined;
  /** Turns off the warning about a credential that is sent unencrypted to another machine. Default: false. */
  readonly allowInsecure?: boolean | undefined;
  /** `connect` of `@nats-io/transport-node` 3.x, to use that client. Default: that of `nats` 2.x. */
  readonly connect?: ((options: NatsClientOptions) => Promise<NatsConnection>) | undefined;
  /** Default: the process's. */
  readonly env?: Env | undefined;
}

/** What is handed to the `connect` of the NATS client. Both clients know these names. */
export type NatsClientOptions = ReturnType<typeof clientOptions>;

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
  const asked = natsTls(options.tls ?? (servers.tls || undefined), options.env, servers.hosts);
  const dials = asked && endingDials(asked);
  const tls = options.tls === false ? null : dials?.tls;
  let isOpen = false;
  const authenticator = (nonce?: string): object => {
    try {
      return answerOf(options.credentials!, nonce);
    } catch (error) {
      if (!isOpen) throw error;
      // Thrown, it would close the connection for good; the server refuses an empty login, and the next attempt follows.
      const reason = errorText(error);
      logger.error("the `credentials` function failed; logging in without credentials", { reason });
      return {};
    }
  };
  const client = clientOptions(
    options,
    servers,
    tls,
    options.credentials === undefined ? undefined : authenticator,
  );
  warnIfReadable(options, servers, client);
  const connect =
    options.connect ?? (connectVersion2 as (options: NatsClientOptions) => Promise<NatsConnection>);
  for (;;) {
    throwIfAborted(options.signal);
    try {
      const connection = await closingAbandoned(() => connect(client));
      if (options.signal?.aborted) await connection.close();
      throwIfAborted(options.signal);
      isOpen = true;
      return new NatsBus(connection, options, dials?.end);
    } catch (error) {
      dials?.end();
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

/** The response to the server's challenge. */
function answerOf(credentials: NonNullable<NatsOptions["credentials"]>, nonce: string | undefined): object {
  const text = reveal(typeof credentials === "function" ? credentials() : credentials);
  // The client's parser requires plain newlines, and one at the end.
  const normal = `${text.replace(/\r\n?/g, "\n")}\n`;
  return credsAuthenticator(new TextEncoder().encode(normal))(nonce) ?? {};
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

function clientOptions(
  options: NatsOptions,
  servers: NatsServers,
  tls: NatsClientTls | null | undefined,
  authenticator: ((nonce?: string) => object) | undefined,
) {
  const { name = "agentwire", reconnectWaitMs: wait = 1_000, maxReconnects = Infinity } = options;
  const user = options.user ?? servers.user;
  const pass = reveal(options.password ?? servers.password);
  if (pass !== undefined && user === undefined) {
    throw new ValidationError("`password` requires `user`", { code: "INVALID_CREDENTIALS" });
  }
  return {
    servers: [...servers.hosts],
    name,
    token: reveal(options.token ?? (options.user === undefined ? servers.token : undefined)),
    user,
    pass: user === undefined ? undefined : (pass ?? ""),
    authenticator,
    tls,
    reconnect: true,
    maxReconnectAttempts: maxReconnects === Infinity ? -1 : maxReconnects,
    reconnectTimeWait: wait,
    reconnectJitter: wait / 10,
    reconnectJitterTLS: wait / 10,
    pingInterval: options.pingIntervalMs ?? 10_000,
    maxPingOut: 2,
    timeout: options.timeoutMs ?? 10_000,
    /** A refused login does not end the connection. */
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
