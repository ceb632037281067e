import type { PartyOptions } from "../../cap/party.js";
import type { PoolTable } from "./pools.js";
import type { SafetyHook } from "./safety.js";
import type { TrustIssuerOptions } from "./trust.js";

/** Options of `LocalScheduler`. The defaults are the numbers of Cordum's scheduler. */
export interface LocalSchedulerOptions extends Omit<PartyOptions, "senderId"> {
  /** Default: "cordum-scheduler", the name of the real one. */
  readonly senderId?: string | undefined;
  /**
   * Which pools serve which topics, as in `pools.yaml`. A job goes to `worker.<id>.jobs` of the least loaded
   * worker that is alive in such a pool; a topic without one fails with `no_pool_mapping`.
   *
   * Default: every job goes to the subject of its topic, whoever listens there.
   */
  readonly pools?: PoolTable | undefined;
  /** Decides about every job before it is dispatched, and before each further try. Default: all may run. */
  readonly safety?: SafetyHook | undefined;
  /**
   * Issues worker sessions. Heartbeats and results without a live one are then ignored, and dispatches are signed, with
   * a new key if there is no `privateKey`. `{}` and `LocalScheduler.enroll` suffice. Default: no sessions.
   */
  readonly trust?: TrustIssuerOptions | undefined;
  /** How long a safety decision may take; a later one counts as DENY. Default: 2000. */
  readonly safetyTimeoutMs?: number | undefined;
  /**
   * True: a job that cannot be dispatched is tried again, after 5 s when it was throttled and after 2 s when
   * there is no free worker or publishing failed, as with JetStream. False: it stays PENDING until it is older
   * than `dispatchTimeoutMs` and a scan tries it again, as without. Default: true.
   */
  readonly redelivery?: boolean | undefined;
  /** How long a worker counts as alive after a heartbeat. Default: 30000. */
  readonly workerTtlMs?: number | undefined;
  /** Longest time between scheduling and dispatch, and the age at which a PENDING job is tried again. Default: 300000. */
  readonly dispatchTimeoutMs?: number | undefined;
  /** Longest time a job may run. It then ends TIMEOUT; the worker is not told. Default: 9000000. */
  readonly runningTimeoutMs?: number | undefined;
  /** How often timeouts and `budget.deadline_ms` are looked at; a job ends TIMEOUT at such a scan. Default: 30000. */
  readonly scanMs?: number | undefined;
  /** Finished jobs that are remembered; a forgotten one that is submitted again runs again. Default: 10000. */
  readonly maxFinished?: number | undefined;
}
