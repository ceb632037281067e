/** One lease: its lifetime, and the answers it can get. */
import type { AckFrame, InFlightLease, Lease, NackFrame, NackKind } from "../../gen/neuron/index.js";
import type { Clock } from "../core/clock.js";
import { errorText } from "../core/errors.js";
import { formatTime, parseTime } from "../core/time.js";
import { Work } from "../worker/work.js";
import type { ProgressReports } from "./handler-context.js";

/** How a lease ended. */
export type Outcome =
  | { readonly kind: "ack"; readonly output: unknown }
  | {
      readonly kind: NackKind;
      readonly reason: string;
      readonly code?: string | undefined;
      readonly details?: unknown;
    };

/** An answer as it is posted. */
export type Answer = AckFrame | NackFrame;

/** How long a lease counts as alive when the gateway's times say nothing, in milliseconds. */
const defaultTtlMs = 60_000;

/** The shortest life that the protocol knows, in milliseconds. */
const shortestTtlMs = 1_000;

/** A lease in flight. Times passed to its methods are a clock's monotonic ones. */
export class LeaseEntry extends Work {
  readonly lease: Lease;
  /** Milliseconds it lives from its receipt or renewal: `expiresAt - sentAt`, so that no two clocks are compared. */
  readonly ttlMs: number;
  /** What its handler reports, once it runs. */
  reports: ProgressReports | undefined;
  readonly #saysLife: boolean;
  #startedMs = 0;
  #startedAt: string | undefined;
  #renewedMs: number;

  constructor(lease: Lease, sentAt: string, receivedMs: number) {
    super(lease.leaseId);
    this.lease = lease;
    const ttlMs = (parseTime(lease.expiresAt) ?? Number.NaN) - (parseTime(sentAt) ?? Number.NaN);
    this.#saysLife = !Number.isNaN(ttlMs);
    this.ttlMs = this.#saysLife ? Math.max(ttlMs, 0) : defaultTtlMs;
    this.#renewedMs = receivedMs;
  }

  get leaseId(): string {
    return this.lease.leaseId;
  }

  /** Its entry in heartbeats: from the start of its handler until its answer is out. */
  get inFlight(): InFlightLease | undefined {
    if (this.#startedAt === undefined) return undefined;
    return { leaseId: this.leaseId, taskId: this.lease.task.taskId, startedAt: this.#startedAt };
  }

  /** Its handler starts. */
  start(clock: Clock): void {
    this.#startedAt = formatTime(clock.now());
    this.#startedMs = clock.monotonic();
  }

  /** How long it may run without an accepted heartbeat. One whose life was over on its arrival runs all the same. */
  get lostAfterMs(): number {
    return this.ttlMs === 0 ? defaultTtlMs : Math.max(this.ttlMs, shortestTtlMs);
  }

  /** When it counts as lost unless a heartbeat is accepted before. */
  get lostAtMs(): number {
    return Math.max(this.#startedMs, this.#renewedMs) + this.lostAfterMs;
  }

  /** A heartbeat that listed the lease was accepted. */
  renew(monotonicMs: number): void {
    this.#renewedMs = monotonicMs;
  }

  /** How long the gateway still waits for the answer, as far as one can know here; negative when it is over. */
  lifeLeftMs(monotonicMs: number): number {
    return this.#renewedMs + this.ttlMs - monotonicMs;
  }

  /**
   * When the gateway takes the lease back unless it is renewed, in milliseconds since the epoch by `clock`. Undefined
   * when the gateway's times do not say how long a lease lives.
   */
  deadline(clock: Clock): number | undefined {
    return this.#saysLife ? clock.now() + this.lifeLeftMs(clock.monotonic()) : undefined;
  }
}

/** Characters of a text in an answer. */
const longestText = 2_048;

/** Whatever a handler threw or passed to `ctx.fail`, as text that a gateway takes. */
function shortText(given: unknown): string {
  const text = errorText(given);
  return text.length <= longestText
    ? text
    : `${text.slice(0, longestText - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** The frame for an outcome. `now`: wall clock. */
export function answerFrame(leaseId: string, outcome: Outcome, now: number): Answer {
  if (outcome.kind === "ack") {
    const { output } = outcome;
    const completedAt = formatTime(now);
    return { type: "ack", leaseId, ...(output === undefined ? {} : { output }), completedAt };
  }
  const { kind, reason, code, details } = outcome;
  return {
    type: "nack",
    leaseId,
    kind,
    // An empty reason is not a legal frame.
    reason: shortText(reason) || "handler failed",
    ...(code === undefined ? {} : { code: shortText(code) }),
    ...(details === undefined ? {} : { details }),
    failedAt: formatTime(now),
  };
}

/** The outcomes that need no handler. */
export const outcomes = {
  noHandler: { kind: "retryable", reason: "no handler registered for capability" },
  stopping: { kind: "retryable", reason: "neuron shutting down" },
  handedBack: { kind: "retryable", reason: "lease cancelled before start" },
  cancelledInQueue: { kind: "cancelled", reason: "lease cancelled before start", code: "CANCELLED" },
  cancelled: { kind: "cancelled", reason: "handler aborted", code: "CANCELLED" },
  revoked: { kind: "retryable", reason: "capability revoked", code: "CAPABILITY_REVOKED" },
  expired: { kind: "retryable", reason: "lease expired before start", code: "LEASE_EXPIRED" },
  failed: { kind: "retryable", reason: "handler failed", code: "HANDLER_THREW" },
} as const satisfies Record<string, Outcome>;
