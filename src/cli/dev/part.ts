/** What `agentwire dev` is made of. */

/** One local server, or one server behind it. */
export interface DevPart {
  readonly name: "cap" | "redis" | "neuron" | "aureus" | "4runr";
  readonly state: "running" | "off";
  /** Why it is off, or what could not be checked. */
  readonly reason?: string;
  /** What a program needs to use it. */
  readonly env: Readonly<Record<string, string>>;
  /** Its state now, as JSON. */
  status(): Readonly<Record<string, unknown>>;
  close(): Promise<void>;
}
