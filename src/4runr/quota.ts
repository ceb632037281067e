/** Where the quotas of an agent stand, worked out from the gateway's log of decisions: it has no question for it. */
import type { PolicyLog } from "../../gen/4runr/index.js";
import type { PolicyQuota, QuotaCount } from "./policy.js";
import { quotaResetAt } from "./policy.js";

/** One quota of an agent and what is left of it. */
export interface QuotaState extends PolicyQuota {
  readonly used: number;
  readonly remaining: number;
  /** When it begins anew, if a call was made now. */
  readonly resetAt: Date;
}

/**
 * Counts a quota as the gateway does: a window begins with the first call that policies allow and ends on the
 * clock. `logs` are decisions about the agent in any order.
 */
export function countQuota(
  quota: PolicyQuota,
  logs: readonly PolicyLog[],
  now: Date,
  utcOffsetMinutes = 0,
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
  return { current: current - 1, resetAt: resetAt! };
}

/** The quota with what is used and left of it. */
export function quotaState(quota: PolicyQuota, { current, resetAt }: QuotaCount): QuotaState {
  return { ...quota, used: current, remaining: Math.max(0, quota.limit - current), resetAt };
}
