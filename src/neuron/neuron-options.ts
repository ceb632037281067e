/** What a neuron can be given, and what it reports. */
import type { DisconnectFrame, ServerToNeuronFrame, TaskPayload } from "../../gen/neuron/index.js";
import type { Clock } from "../core/clock.js";
import type { SchemaValidator } from "../core/json-schema.js";
import type { Logger } from "../core/logger.js";
import type { Middleware } from "../core/middleware.js";
import type { AuthCallback } from "./callback-auth.js";
import type { FALLBACK_PROTOCOL_VERSION, PROTOCOL_VERSION } from "./frames.js";
import type { HttpTransportOptions } from "./http-transport.js";
import type { Answer } from "./lease.js";
import type { LeaseCall } from "./run-lease.js";
import type { SchemaSource } from "./schemas.js";
import type { ReconnectInfo, Transport } from "./transport.js";

/** Options that every neuron accepts. */
export interface NeuronCommonOptions {
  /** Stable over restarts, different for each replica. Default: BIGBRAIN_NEURON_ID. */
  readonly neuronId?: string | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
  /** From the end of one heartbeat to the next, in milliseconds. Default: 10,000. */
  readonly heartbeatIntervalMs?: number | undefined;
  /** Which schema is used if both the registration and the lease have one. Default: `registered-first`. */
  readonly schemaSource?: SchemaSource | undefined;
  /** Validates by JSON Schemas. Default: ajv, which requires code generation. */
  readonly validator?: SchemaValidator | undefined;
  /** The only version to register with. Default: 1.1.0, or 1.0.0 if the gateway refuses that. */
  readonly protocolVersion?: typeof PROTOCOL_VERSION | typeof FALLBACK_PROTOCOL_VERSION | undefined;
  /** Sends the text of a handler's exception to the gateway. Default: true, as the vendor's SDKs do. */
  readonly exposeErrors?: boolean | undefined;
  /**
   * What happens to a lease that expired before its handler got a slot: it runs anyway (`run`, the default, as with the
   * vendor's SDKs), or is returned (`refuse`). Its lifetime counts from its receipt.
   */
  readonly expired?: "run" | "refuse" | undefined;
  /** How long a cancelled handler may take before its lease is answered without it. Default: 30,000. */
  readonly cancelGraceMs?: number | undefined;
  /** Results kept to answer a task that is delivered again, by `taskId`. Default: 0, every delivery runs. */
  readonly dedupeTasks?: number | undefined;
  /** How long an answer is posted again, in milliseconds; at least for the lifetime of its lease. Default: 30,000. */
  readonly answerRetryMs?: number | undefined;
  /** Wraps every handler; the first one is the outermost. */
  readonly middleware?: readonly Middleware<LeaseCall, unknown>[] | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
  /** For the jitter of retries. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** Options of `Neuron`: a gateway by its URL, or a transport. */
export type NeuronOptions = NeuronCommonOptions &
  (
    | (Omit<HttpTransportOptions, "neuronId" | "gatewayUrl" | "auth"> & {
        /** Base URL of the gateway; a path prefix is kept. Default: BIGBRAIN_GATEWAY_URL. */
        readonly gatewayUrl?: string | undefined;
        /**
         * Returns the bearer token for every request. Default: the credential of BIGBRAIN_CREDENTIAL_FILE, else
         * BIGBRAIN_TOKEN, else the content of BIGBRAIN_TOKEN_FILE (read for every request), else the default
         * credential file.
         */
        readonly auth?: AuthCallback | undefined;
        readonly transport?: undefined;
      })
    | { readonly transport: Transport }
  );

/** Events of a neuron. */
export interface NeuronEvents {
  /** The stream stands. */
  "connection:open": undefined;
  /** The gateway took the registration; `capabilities` is how many it took. */
  "connection:registered": { readonly sessionId: string; readonly capabilities: number };
  /** The stream is gone, and why. */
  "connection:close": string;
  /** A reconnect follows. */
  "connection:reconnecting": ReconnectInfo;
  /**
   * Something failed in the background: a refused registration, credentials that are revoked or cannot be read, an
   * answer given up, a lost lease (code `LEASE_LOST`), an event that is too large (`EVENT_TOO_LARGE`).
   */
  error: Error;
  /** Every frame of the gateway that could be read, before it is dealt with. */
  frame: ServerToNeuronFrame;
  /** The gateway is about to end the stream. */
  disconnect: DisconnectFrame;
  /** A capability may no longer be served; what was in flight of it is failed. */
  "capability:revoked": { readonly type: string; readonly reason: string };
  /** A lease was answered; `delivered` is false when the gateway did not accept the answer in time. */
  "lease:answered": { readonly task: TaskPayload; readonly answer: Answer; readonly delivered: boolean };
}

/** Options of `Neuron.stop`. */
export interface StopOptions {
  /** Let running handlers end first. Default: true. */
  readonly drain?: boolean | undefined;
  /** How long handlers may take, in milliseconds; the stop takes two seconds more at most. Default: 30,000. */
  readonly timeoutMs?: number | undefined;
}
