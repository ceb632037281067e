/** Where the quotas of an agent stand, worked out from the gateway's log of decisions: it has no question for it. */
import type { PolicyLog, PolicyQuota } from "../../gen/4runr/index.js";
import type { QuotaCount } from "./policy.js";
import { quotaResetAt } from "./policy.js";

/** One quota of an agent and what is left of it. */
export interface QuotaState extends PolicyQuota {
  readonly used: number;
  readonly remaining: number;
  /** True if the gateway's log does not reach back to the beginning of the window: more may have been used. */
  readonly isLowerBound: boolean;
  /** When it resets, if a call was made now. */
  readonly resetAt: Date;
}

/**
 * Counts a quota as the gateway does: a window begins with the first call that policies allow and ends on the
 * clock. `logs` are decisions about the agent in any order; `logLimit` of them are all that the gateway gives.
 */
export function countQuota(
  quota: PolicyQuota,
  logs: readonly PolicyLog[],
  now: Date,
  utcOffsetMinutes = 0,
  logLimit = Infinity,
): QuotaCount {
  const times = logs
    .filter(({ decision, tool, action }) => decision === "allow" && `${tool}:${action}` === quota.action)
    .map(({ createdAt }) => Date.parse(createdAt))
    .filter((time) => time <= now.getTime())
    .sort((a, b) => a - b);
  let current = 0;
  let resetAt: Date | undefined;
  for (const time of [...times, now.getTime()]) {
    if (resetAt === undefined || time >= resetAt.getTime()) {
      resetAt = quotaResetAt(quota.window, new Date(time), utcOffsetMinutes);
      current = 0;
    }
    current++;
  }
  const count = { current: current - 1, resetAt: resetAt! };
  if (logs.length < logLimit) return count;
  const oldest = new Date(Math.min(...logs.map(({ createdAt }) => Date.parse(createdAt))));
  return { ...count, isLowerBound: quotaResetAt(quota.window, oldest, utcOffsetMinutes) > now };
}

/** The quota with what is used and left of it. */
export function quotaState(quota: PolicyQuota, count: QuotaCount): QuotaState {
  const { current, resetAt, isLowerBound = false } = count;
  return { ...quota, used: current, remaining: Math.max(0, quota.limit - current), isLowerBound, resetAt };
}
