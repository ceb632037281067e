/** Gets an answer out: posted again, unchanged, while the gateway still waits for it. */
import { type Clock, sleep } from "../core/clock.js";
import { AgentwireError, errorText, ValidationError } from "../core/errors.js";
import type { Logger } from "../core/logger.js";
import { backoffMs, retryPolicy } from "../core/retry-policy.js";
import { POST_PATH } from "./frames.js";
import { type Answer, answerFrame, type LeaseEntry, type Outcome } from "./lease.js";
import { notSerializable } from "./run-lease.js";
import type { Transport } from "./transport.js";

/** What became of an answer. */
export interface Delivery {
  /** The answer that was posted last. */
  readonly answer: Answer;
  /** True when the gateway accepted it. */
  readonly delivered: boolean;
  /** Why it did not, where it did not. */
  readonly error?: unknown;
}

/** What an answer needs of its neuron. */
export interface AnswerSources {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  /** Ends all waits: the neuron was stopped and its time is over. */
  readonly signal: AbortSignal;
  /** An answer is tried for at least so long, however short its lease. */
  readonly minRetryMs: number;
}

const policy = retryPolicy({ attempts: Infinity, minDelayMs: 250, maxDelayMs: 5_000 });

/** True when the same answer may be accepted later: trouble on the way, a busy gateway, a credential to renew. */
function mayBeAccepted(error: unknown): boolean {
  if (!(error instanceof AgentwireError) || error.retryable) return true;
  const { status = 0 } = error;
  return status === 401 || status === 408 || (status >= 300 && status < 400);
}

/** The outcome to send in place of an output that will never be accepted. */
function substitute(outcome: Outcome, error: unknown): Outcome | undefined {
  if (outcome.kind !== "ack" && outcome.details === undefined) return undefined;
  if (error instanceof ValidationError && error.code === "NOT_SERIALIZABLE")
    return notSerializable("the output cannot be written as JSON");
  const { status } = error as { status?: unknown };
  if (outcome.kind === "ack" && (status === 400 || status === 413 || status === 422)) {
    const reason = `the gateway refused the output: ${errorText(error)}`;
    return { kind: "terminal", reason, code: "OUTPUT_REFUSED" };
  }
  return undefined;
}

/** Posts the answer until it is accepted, refused for good, or the lease is over. Never rejects. */
export async function deliver(entry: LeaseEntry, given: Outcome, sources: AnswerSources): Promise<Delivery> {
  const { transport, clock, signal, logger } = sources;
  const started = clock.monotonic();
  let outcome = given;
  let answer = answerFrame(entry.leaseId, outcome, clock.now());
  for (let attempt = 1; ; attempt++) {
    try {
      await transport.post(POST_PATH[answer.type], answer, { signal });
      return { answer, delivered: true };
    } catch (error) {
      const other = substitute(outcome, error);
      if (other !== undefined) {
        logger.warn("an output was not accepted; the lease is answered as failed", {
          leaseId: entry.leaseId,
          reason: errorText(error),
        });
        outcome = other;
        answer = answerFrame(entry.leaseId, outcome, clock.now());
        continue;
      }
      const now = clock.monotonic();
      const leftMs = Math.max(entry.lifeLeftMs(now), started + sources.minRetryMs - now);
      const delayMs = Math.max(askedMs(error), backoffMs(attempt, policy, sources.random));
      if (!mayBeAccepted(error) || delayMs > leftMs || signal.aborted) {
        return { answer, delivered: false, error };
      }
      logger.warn("an answer was not accepted and is posted again", {
        leaseId: entry.leaseId,
        delayMs,
        reason: errorText(error),
      });
      await sleep(delayMs, { clock, signal }).catch(() => {});
    }
  }
}

function askedMs(error: unknown): number {
  const { retryAfterMs } = error as { retryAfterMs?: unknown };
  return typeof retryAfterMs === "number" ? retryAfterMs : 0;
}
