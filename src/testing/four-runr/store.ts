/** What the gateway keeps, all of it in memory: gone with the process, as it is for the real one. */
import type { wire } from "../../../gen/4runr/index.js";

type RegisteredToken = wire.components["schemas"]["RegisteredToken"];

/** An entry of the token registry; the hash never leaves the gateway. */
export interface RegistryEntry extends RegisteredToken {
  readonly payloadHash: string;
}

/** A policy whose spec is read. */
export type StoredPolicy = wire.components["schemas"]["Policy"];

/** A tool's credential without its secret, which is not kept. */
export type StoredCredential = wire.components["schemas"]["Credential"] & { readonly deactivatedAt?: string };

/** One call of a tool, as the gateway's monitor sees it. */
export interface Span {
  readonly id: string;
  readonly correlationId: string;
  readonly [member: string]: unknown;
}

/** Everything by its id, in the order of arrival. */
export class GatewayStore {
  readonly agents = new Map<string, wire.components["schemas"]["Agent"]>();
  readonly tokenRecords = new Map<string, wire.components["schemas"]["TokenRecord"]>();
  /** By `token_id`. */
  readonly registry = new Map<string, RegistryEntry>();
  readonly policies = new Map<string, StoredPolicy>();
  readonly credentials = new Map<string, StoredCredential>();
  /** Calls counted against quotas, by policy, action and window. */
  readonly quotas = new Map<string, { current: number; readonly resetAt: Date }>();
  /** Faults asked for through the admin route; they have no effect on calls. */
  readonly chaos = new Map<string, { readonly mode: string; readonly pct: number }>();
  /** Oldest first. */
  readonly requestLogs: wire.components["schemas"]["RequestLog"][] = [];
  /** Oldest first. */
  readonly policyLogs: wire.components["schemas"]["PolicyLog"][] = [];
  readonly spans: Span[] = [];
}

/** The last `limit` of a list, newest first; all of them for a limit that is not a number. */
export function newest<T>(list: readonly T[], limit: number): T[] {
  const reversed = list.toReversed();
  return Number.isNaN(limit) ? reversed : reversed.slice(0, Math.max(limit, 0));
}
