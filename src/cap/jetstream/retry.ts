/** Trying again while a NATS server restarts. */
import { type DownOptions, retryWhileDown as retryOver } from "../bus-status.js";
import type { NatsBus } from "../nats/bus.js";

export function retryWhileDown<T>(bus: NatsBus, options: DownOptions, call: () => Promise<T>): Promise<T> {
  return retryOver(bus, { ...options, clock: bus.clock }, call);
}
