/**
 * What the gateway decides about a call, by the agent's merged policies.
 *
 * Source: the policy engine of KyanBergeron4Runr/4Runr-AI-Agent-OS. Only what the gateway really enforces is
 * judged: `permissions` and `tools` of a token, response filters, PII filters, `maxResponseSize`, time zones
 * and a quota's `resetStrategy` decide nothing there.
 */
import type { PolicyQuota, PolicySpec } from "../../gen/4runr/index.js";

/** A part of a spec as it may have been stored: members may be absent, and none is changed. */
type Stored<T> = T extends readonly (infer Item)[]
  ? readonly Item[]
  : T extends object
    ? { readonly [Name in keyof T]?: Stored<T[Name]> | undefined }
    : T;

/** A policy's spec. Members that it does not decide by change nothing. */
export type PolicyRules = Stored<Omit<PolicySpec, "scopes">> & {
  readonly scopes: readonly string[];
};

type Guards = PolicyRules["guards"];

/** The call to be evaluated. */
export interface PolicyCall {
  readonly tool: string;
  readonly action: string;
  readonly params: unknown;
}

/** Which rule refused a call. */
export type PolicyDenialKind = "scope" | "intent" | "size" | "domain" | "time" | "schedule" | "quota";

/** A verdict, with the gateway's own text for a refusal. */
export type PolicyVerdict =
  | {
      readonly allowed: true;
      /** Set where a quota was counted from a log that may be cut off: more may have been used. */
      readonly isLowerBound?: true;
    }
  | {
      readonly allowed: false;
      readonly kind: PolicyDenialKind;
      readonly reason: string;
      /** When a used-up quota resets. */
      readonly resetAt?: Date;
    };

/** The state of a quota. */
export interface QuotaCount {
  /** Calls already counted. */
  readonly current: number;
  readonly resetAt: Date;
  /** True if the log was cut off within the window, so that more may have been used. */
  readonly isLowerBound?: boolean | undefined;
}

/** Options of {@link judgePolicy}. */
export interface PolicyOptions {
  /** The moment of the call. */
  readonly now: Date;
  /** Minutes the gateway's local time is ahead of UTC. Default: 0, as in the vendor's container. */
  readonly utcOffsetMinutes?: number | undefined;
  /** Asked once for each quota of the action, in order; the gateway counts the call at that moment. */
  readonly quota?: ((quota: PolicyQuota) => QuotaCount) | undefined;
}

/**
 * Judges a call as the gateway does: scope, intent, size, domain, time of day, schedule, quotas; the first
 * refusal counts. Throws a TypeError for a URL that cannot be read under a policy with guards, where the
 * gateway answers 500.
 */
export function judgePolicy(rules: PolicyRules, call: PolicyCall, options: PolicyOptions): PolicyVerdict {
  const scope = `${call.tool}:${call.action}`;
  if (!rules.scopes.includes(scope)) {
    return deny("scope", `Scope '${scope}' not allowed. Allowed scopes: ${rules.scopes.join(", ")}`);
  }
  const { intent: provided, url } = (call.params ?? {}) as { intent?: unknown; url?: unknown };
  if (rules.intent && provided && provided !== rules.intent) {
    return deny("intent", `Intent mismatch. Required: ${rules.intent}, provided: ${provided}`);
  }
  const local = new Date(options.now.getTime() + (options.utcOffsetMinutes ?? 0) * 60_000);
  return (
    sizeDenial(rules.guards, call.params) ??
    (scope === "http_fetch:get" && url ? domainDenial(rules.guards, String(url)) : undefined) ??
    timeDenial(rules.guards, local) ??
    scheduleDenial(rules.schedule, local) ??
    quotaVerdict(rules.quotas, scope, options)
  );
}

/** What the gateway makes of an agent without any active policy: nothing is allowed. */
export const denyAll: PolicyRules = { scopes: [], intent: "default_deny" };

/**
 * The specs of an agent's policies and then of its role's as one: lists are united, quotas put one after the
 * other; of intents, schedules and single limits the last one holds.
 */
export function mergePolicies(specs: readonly PolicyRules[]): PolicyRules {
  const [first, ...others] = specs;
  return others.reduce(mergeTwo, first ?? denyAll);
}

function mergeTwo(into: PolicyRules, spec: PolicyRules): PolicyRules {
  const merged = { ...into, scopes: union(into.scopes, spec.scopes)! };
  if (spec.intent) merged.intent = spec.intent;
  if (spec.schedule) merged.schedule = spec.schedule;
  if (spec.quotas) merged.quotas = [...(into.quotas ?? []), ...spec.quotas];
  if (spec.guards) {
    merged.guards = {
      ...into.guards,
      ...spec.guards,
      allowedDomains: union(into.guards?.allowedDomains, spec.guards.allowedDomains),
      blockedDomains: union(into.guards?.blockedDomains, spec.guards.blockedDomains),
      piiFilters: union(into.guards?.piiFilters, spec.guards.piiFilters),
    };
  }
  if (spec.responseFilters) {
    const [ours, theirs] = [into.responseFilters, spec.responseFilters];
    merged.responseFilters = {
      redactFields: union(ours?.redactFields, theirs.redactFields),
      truncateFields: theirs.truncateFields
        ? [...(ours?.truncateFields ?? []), ...theirs.truncateFields]
        : ours?.truncateFields,
      blockPatterns: union(ours?.blockPatterns, theirs.blockPatterns),
    };
  }
  return merged;
}

function union(
  into: readonly string[] | undefined,
  more: readonly string[] | undefined,
): readonly string[] | undefined {
  return more ? [...new Set([...(into ?? []), ...more])] : into;
}

/** When a window that begins now ends, in the gateway's local time. */
export function quotaResetAt(window: string, now: Date, utcOffsetMinutes = 0): Date {
  const shift = utcOffsetMinutes * 60_000;
  const end = new Date(now.getTime() + shift);
  if (window === "1h") end.setUTCHours(end.getUTCHours() + 1, 0, 0, 0);
  else if (window === "24h" || window === "7d") {
    end.setUTCDate(end.getUTCDate() + (window === "7d" ? 7 : 1));
    end.setUTCHours(0, 0, 0, 0);
  }
  return new Date(end.getTime() - shift);
}

function deny(kind: PolicyDenialKind, reason: string, resetAt?: Date): PolicyVerdict {
  return { allowed: false, kind, reason, ...(resetAt && { resetAt }) };
}

function sizeDenial(guards: Guards, params: unknown): PolicyVerdict | undefined {
  if (!guards?.maxRequestSize) return undefined;
  const size = (JSON.stringify(params) ?? "").length;
  if (size <= guards.maxRequestSize) return undefined;
  return deny("size", `Request size ${size} exceeds limit ${guards.maxRequestSize}`);
}

function domainDenial(guards: Guards, url: string): PolicyVerdict | undefined {
  if (guards === undefined) return undefined;
  const domain = new URL(url).hostname;
  if (guards.blockedDomains?.includes(domain)) return deny("domain", `Domain ${domain} is blocked`);
  if (!guards.allowedDomains || guards.allowedDomains.includes(domain)) return undefined;
  return deny("domain", `Domain ${domain} not in allowed list: ${guards.allowedDomains.join(", ")}`);
}

function timeDenial(guards: Guards, local: Date): PolicyVerdict | undefined {
  const { start, end } = guards?.timeWindow ?? {};
  const time = local.toISOString().slice(11, 16);
  if (start && time < start) return deny("time", `Request time ${time} before allowed start time ${start}`);
  if (end && time > end) return deny("time", `Request time ${time} after allowed end time ${end}`);
  return undefined;
}

function scheduleDenial(schedule: PolicyRules["schedule"], local: Date): PolicyVerdict | undefined {
  if (schedule === undefined || schedule.enabled === false) return undefined;
  const [day, hour] = [local.getUTCDay(), local.getUTCHours()];
  if (schedule.allowedDays && !schedule.allowedDays.includes(day)) {
    return deny("schedule", `Day ${day} not in allowed days: ${schedule.allowedDays.join(", ")}`);
  }
  const { start, end } = schedule.allowedHours ?? {};
  if (start && hour < start) {
    return deny("schedule", `Current hour ${hour} before allowed start hour ${start}`);
  }
  if (end && hour > end) return deny("schedule", `Current hour ${hour} after allowed end hour ${end}`);
  return undefined;
}

function quotaVerdict(
  quotas: readonly PolicyQuota[] | undefined,
  scope: string,
  options: PolicyOptions,
): PolicyVerdict {
  let isLowerBound = false;
  for (const quota of quotas ?? []) {
    if (quota.action !== scope || options.quota === undefined) continue;
    const { current, resetAt, ...count } = options.quota(quota);
    isLowerBound ||= count.isLowerBound === true;
    if (current < quota.limit) continue;
    const reason = `Quota exceeded for ${scope}: ${current}/${quota.limit} (resets at ${resetAt.toISOString()})`;
    return deny("quota", reason, resetAt);
  }
  return { allowed: true, ...(isLowerBound && { isLowerBound }) };
}
