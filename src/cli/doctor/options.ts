/** What the command line of `agentwire doctor` says. */

/** Roles of the protocol whose subjects can be tried. */
export const ROLES = ["client", "worker", "scheduler"] as const;

/** Options of the command. */
export interface DoctorOptions {
  readonly nats?: string;
  readonly redis?: string;
  readonly neuron?: string;
  readonly aureus?: string;
  readonly "4runr"?: string;
  readonly role?: (typeof ROLES)[number];
  readonly topic?: readonly string[];
  readonly publish?: boolean;
  readonly key?: string;
  readonly trust?: readonly string[];
  readonly sender?: string;
  readonly timeoutMs: number;
}
