/** Gets an answer out: posted again, unchanged, while the gateway still waits for it. */
import { sleep } from "../core/clock.js";
import { AgentwireError, errorText } from "../core/errors.js";
import { backoffMs, retryPolicy } from "../core/retry-policy.js";
import type { NeuronCore } from "./core.js";
import { postFrame } from "./frames.js";
import { type Answer, answerFrame, type LeaseEntry, type Outcome } from "./lease.js";

/** What became of an answer. */
export interface Delivery {
  /** The answer that was posted last. */
  readonly answer: Answer;
  /** True when the gateway accepted it. */
  readonly delivered: boolean;
  /** Why it did not, where it did not. */
  readonly error?: unknown;
}

const policy = retryPolicy({ attempts: Infinity, minDelayMs: 250, maxDelayMs: 5_000 });

/** True when the same answer may be accepted later: trouble on the way, a busy gateway, a credential to renew. */
function mayBeAccepted(error: unknown): boolean {
  if (!(error instanceof AgentwireError) || error.retryable) return true;
  const { status = 0 } = error;
  return status === 401 || status === 408 || (status >= 300 && status < 400);
}

/** The outcome to send in place of one that will never be accepted: once, and then a short one. */
function substitute(outcome: Outcome, error: unknown): Outcome | undefined {
  const status = error instanceof AgentwireError ? error.status : undefined;
  if (status !== 400 && status !== 413 && status !== 422) return undefined;
  if (outcome.kind !== "ack") {
    if (outcome.reason === REFUSED) return undefined;
    const code =
      typeof outcome.code === "string" && /^\w{1,64}$/.test(outcome.code) ? outcome.code : undefined;
    return { kind: outcome.kind, reason: REFUSED, code };
  }
  const reason = `the gateway refused the output: ${errorText(error)}`;
  return { kind: "terminal", reason, code: "OUTPUT_REFUSED" };
}

/** In place of a reason that the gateway did not take. */
const REFUSED = "handler failed; the gateway refused the full reason";

/** Of a lease's rest this share is waited at most, so that the last attempt still counts. */
const lastShare = 0.9;

/** Posts the answer until it is accepted, refused for good, or the lease is over. Never rejects. */
export async function deliver(entry: LeaseEntry, given: Outcome, core: NeuronCore): Promise<Delivery> {
  const { transport, clock, answersEnd: signal, logger } = core;
  const { answerRetryMs = 30_000 } = core.options;
  const { leaseId } = entry;
  const started = clock.monotonic();
  let outcome = given;
  let answer = answerFrame(leaseId, outcome, clock.now());
  let isLast = false;
  for (let attempt = 1; ; attempt++) {
    try {
      await postFrame(transport, answer, signal);
      return { answer, delivered: true };
    } catch (error) {
      const reason = errorText(error);
      const other = substitute(outcome, error);
      if (other !== undefined) {
        logger.warn("the gateway did not accept an answer; sending a shorter one", { leaseId, reason });
        outcome = other;
        answer = answerFrame(leaseId, outcome, clock.now());
        continue;
      }
      if (!mayBeAccepted(error) || isLast || signal.aborted) return { answer, delivered: false, error };
      const now = clock.monotonic();
      const leftMs = Math.max(entry.lifeLeftMs(now), started + answerRetryMs - now);
      const wantedMs = Math.max(askedMs(error), backoffMs(attempt, policy, core.random));
      isLast = wantedMs >= leftMs;
      const delayMs = isLast ? leftMs * lastShare : wantedMs;
      logger.warn("the gateway did not accept an answer; retrying", { leaseId, delayMs, reason });
      await sleep(delayMs, { clock, signal }).catch(() => {});
    }
  }
}

function askedMs(error: unknown): number {
  return (error instanceof AgentwireError && error.retryAfterMs) || 0;
}
