/** What goes into a {@link LocalBigBrain} and what comes out of it. */
import type {
  AckFrame,
  Capability,
  HeartbeatFrame,
  NackFrame,
  NackKind,
  ProgressFrame,
} from "../../../gen/neuron/index.js";
import type { LocalServerOptions } from "../http/local-server.js";
import type { BigBrainFault } from "./faults.js";

/** How often the gateway tries a task again after a `retryable` nack. Without it one is the end. */
export interface TaskRetry {
  /** Tries after the first one. */
  readonly maxRetries: number;
  /** Wait before the first of them, in milliseconds. Default: 0. */
  readonly backoffMs?: number | undefined;
  /** Factor from one wait to the next. Default: 1. */
  readonly backoffMultiplier?: number | undefined;
  /** The longest wait, in milliseconds. Default: no limit. */
  readonly maxBackoffMs?: number | undefined;
}

/** A task for a neuron. */
export interface TaskSubmission {
  /** Which capability does it. */
  readonly capability: string;
  /** Any JSON value. Default: null. */
  readonly input?: unknown;
  /** Default: `task-1`, `task-2`, …. */
  readonly taskId?: string | undefined;
  /** Default: `workflow-1`. */
  readonly workflowId?: string | undefined;
  /** For a user: a neuron with that scope takes it, or one with scope `any`. */
  readonly onBehalfOf?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /** JSON Schemas that travel in the lease. Default: none. */
  readonly inputSchema?: unknown;
  readonly outputSchema?: unknown;
  /** Default: none, so that the first `retryable` nack is the end. */
  readonly retry?: TaskRetry | undefined;
  /** Life of its leases between two heartbeats, in ms. Default: the capability's, else the gateway's. */
  readonly leaseTtlMs?: number | undefined;
}

/** How a task ended. */
export type TaskOutcome = {
  readonly taskId: string;
  /** Leases it took. */
  readonly attempts: number;
  /** All reports of progress, over all leases. */
  readonly progress: readonly ProgressFrame[];
} & (
  | { readonly status: "completed"; readonly output: unknown }
  | {
      readonly status: "failed";
      readonly kind: NackKind;
      readonly reason: string;
      readonly code?: string;
      readonly details?: unknown;
    }
  | { readonly status: "cancelled"; readonly reason: string }
  /** The gateway was closed first. */
  | { readonly status: "abandoned" }
);

/** An answer to a lease. */
export type LeaseAnswer = AckFrame | NackFrame;

/** What is known of one lease. */
export interface LeaseRecord {
  readonly leaseId: string;
  readonly taskId: string;
  readonly capability: string;
  readonly neuronId: string;
  /** Number of the stream over which it went out. */
  readonly stream: number;
  /** Counted from 0 over all leases of the task. */
  readonly attempt: number;
  readonly sentAtMs: number;
  /** Moves on with every heartbeat that lists the lease. */
  expiresAtMs: number;
  /** From the first heartbeat that lists it. */
  startedAt?: string;
  /** When the cancel frame was written, if it was. */
  cancelledAtMs?: number;
  /**
   * `open`: an answer is awaited. `lost`: its stream ended or its time ran out, and the task was given out
   * again; an answer still counts if it is the first of the task.
   */
  state: "open" | "answered" | "lost";
  /** Every answer with another content than those before: more than one means answered twice. */
  readonly answers: LeaseAnswer[];
  /** Answers that were sent again, byte by byte the same. */
  repeats: number;
  readonly progress: ProgressFrame[];
}

/** A neuron that has registered. */
export interface Registration {
  readonly neuronId: string;
  readonly protocolVersion: string;
  readonly sessionId: string;
  /** What was accepted. */
  readonly capabilities: readonly Capability[];
}

/** A request that was turned down because it breaks a rule. */
export interface RefusedRequest {
  readonly path: string;
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly body: unknown;
}

/** Events of a {@link LocalBigBrain}. */
export interface BigBrainEvents {
  /** A stream was opened; `stream` numbers them. */
  connected: { readonly neuronId: string; readonly stream: number };
  disconnected: { readonly neuronId: string; readonly stream: number };
  registered: Registration;
  /** A capability of a registered neuron was replaced. */
  updated: { readonly neuronId: string; readonly capability: Capability };
  heartbeat: HeartbeatFrame;
  /** A lease was written to its stream. */
  lease: LeaseRecord;
  progress: { readonly lease: LeaseRecord; readonly frame: ProgressFrame };
  /** A new answer to a lease; repeated ones are only counted. */
  answer: { readonly lease: LeaseRecord; readonly answer: LeaseAnswer };
  /** A lease went back to the queue because its stream ended or its time ran out. */
  lost: LeaseRecord;
  outcome: TaskOutcome;
  refused: RefusedRequest;
}

/** Options of {@link LocalBigBrain}. */
export interface LocalBigBrainOptions extends LocalServerOptions<BigBrainFault> {
  /** Bearer tokens that are accepted, or who decides. Default: every token that is not empty. */
  readonly tokens?: readonly string[] | ((token: string) => boolean) | undefined;
  /** `1.0.0` behaves like a gateway from before contracts: it refuses frames that carry them. Default: `1.1.0`. */
  readonly protocol?: "1.0.0" | "1.1.0" | undefined;
  /** Life of a lease between two heartbeats, in ms, where neither task nor capability says. Default: 30,000. */
  readonly leaseTtlMs?: number | undefined;
  /** How often leases are checked for expiry, in ms. Default: 1,000. */
  readonly reapIntervalMs?: number | undefined;
  /** Time between two comment lines on an idle stream, in ms. Default: 15,000. */
  readonly keepAliveMs?: number | undefined;
  /**
   * When unanswered leases of a stream that ended are given out again: at once (`on-drop`), as a broker does
   * with what was not acknowledged, or when they expire. Default: `on-drop`.
   */
  readonly redeliver?: "on-drop" | "on-expiry" | undefined;
  /** False leaves a capability out of what is registered, silently. Default: all are let in. */
  readonly admit?: ((capability: Capability, neuronId: string) => boolean) | undefined;
  /** Largest body that is read, in bytes. Default: 4,194,304. */
  readonly maxBodyBytes?: number | undefined;
  /** Finished tasks, leases and refusals that are remembered. Default: 100,000. */
  readonly remember?: number | undefined;
}
