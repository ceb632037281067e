/** Health of the workers of a process, for the probes of Kubernetes and other supervisors. */

/** A worker of any protocol. */
export interface Serving {
  /** True while work can arrive: started, connected, subscribed or registered, and not closing. */
  readonly isServing: boolean;
}

/** The result of {@link health}. */
export interface Health {
  /** True if every worker is serving. */
  readonly ok: boolean;
  readonly workers: Readonly<Record<string, "serving" | "not serving">>;
}

/**
 * Checks workers: `ok` is false while one is starting, reconnecting, closing, or deaf, which means connected but without
 * its subscription or registration. Costs no request. Use it for a readiness probe; for a liveness probe, allow for the
 * time a reconnect may take.
 */
export function health(workers: Readonly<Record<string, Serving>>): Health {
  const states = Object.entries(workers).map(
    ([name, { isServing }]) => [name, isServing ? "serving" : "not serving"] as const,
  );
  return { ok: states.every(([, state]) => state === "serving"), workers: Object.fromEntries(states) };
}
