/** What goes on while one stream stands: the registration, and after it the heartbeats. */
import type { Capability } from "../../gen/neuron/index.js";
import type { Clock } from "../core/clock.js";
import { type AgentwireError, type AgentwireErrorOptions, ClosedError, errorText } from "../core/errors.js";
import type { Logger } from "../core/logger.js";
import { type Loop, startLoop } from "../core/loop.js";
import { formatTime } from "../core/time.js";
import { RegistrationRejectedError } from "./errors.js";
import { POST_PATH } from "./frames.js";
import type { LeaseTable } from "./lease-table.js";
import type { Registration } from "./registration.js";
import type { Transport } from "./transport.js";

/** What a session needs of its neuron. */
export interface SessionOptions {
  readonly neuronId: string;
  readonly registration: Registration;
  readonly transport: Transport;
  readonly leases: LeaseTable;
  readonly capabilities: () => readonly Capability[];
  readonly heartbeatIntervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told when the gateway does not take the registration. */
  readonly onRejected: (error: RegistrationRejectedError) => void;
}

/** One stream's life, from its opening to its end. */
export class Session {
  readonly #options: SessionOptions;
  readonly #ended = new AbortController();
  #heartbeats: Loop | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Fires when the stream is gone. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Registers, and beats once the gateway took it. Never throws. */
  start(): void {
    void this.#register();
  }

  /** Ends what is under way. Answers to leases are not touched: they need no stream. */
  end(reason: string): void {
    this.#ended.abort(new ClosedError(reason));
    void this.#heartbeats?.stop();
  }

  async #register(): Promise<void> {
    const { registration, capabilities, heartbeatIntervalMs, clock, logger, onRejected } = this.#options;
    const { signal } = this;
    try {
      await registration.register(capabilities(), signal);
    } catch (error) {
      if (signal.aborted) return;
      const message = `registration rejected by gateway: ${errorText(error)}`;
      logger.error(message);
      onRejected(new RegistrationRejectedError(message, infoOf(error)));
      return;
    }
    if (signal.aborted) return;
    const { neuronId } = this.#options;
    logger.info("the neuron serves", { neuronId, capabilities: capabilities().map(({ type }) => type) });
    this.#heartbeats = startLoop({
      name: "heartbeat",
      intervalMs: heartbeatIntervalMs,
      run: (stopped) => this.#heartbeat(stopped),
      signal,
      stopMs: 0,
      clock,
      logger,
    });
  }

  async #heartbeat(signal: AbortSignal): Promise<void> {
    const { neuronId, leases, transport, clock } = this.#options;
    const listed = leases.entries().filter(({ inFlight }) => inFlight !== undefined);
    const inFlight = listed.flatMap((entry) => entry.inFlight ?? []);
    const sentMs = clock.monotonic();
    const frame = { type: "heartbeat" as const, neuronId, inFlight, sentAt: formatTime(clock.now()) };
    await transport.post(POST_PATH.heartbeat, frame, { signal });
    for (const entry of listed) entry.renew(sentMs);
  }
}

function infoOf(cause: unknown): AgentwireErrorOptions {
  const { reason, status, headers, body } = cause as Partial<AgentwireError>;
  return {
    cause,
    reason,
    headers,
    ...(status === undefined ? {} : { status }),
    ...(body === undefined ? {} : { body }),
  };
}
