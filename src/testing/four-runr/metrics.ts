/** Counters in the gateway's own text form, which is nearly that of Prometheus: every name ends in `_total_total`. */

/** The series that are counted. */
export type Counter =
  | "agent_creations"
  | "token_generations"
  | "token_validations"
  | "token_expirations"
  | "policy_denials"
  | "requests";

/** Counts events by name and labels. */
export class Metrics {
  readonly #counts = new Map<string, { readonly name: string; readonly labels: string; count: number }>();
  readonly #startedMs: number;

  /** `startedMs`: wall clock time of the start. */
  constructor(startedMs: number) {
    this.#startedMs = startedMs;
  }

  /** Adds one. */
  count(counter: Counter, labels: Readonly<Record<string, string>>): void {
    const name = `${counter}_total`;
    const names = Object.keys(labels).sort();
    const text = names.map((label) => `${label}="${labels[label]}"`).join(",");
    const known = this.#counts.get(`${name}{${text}`);
    if (known) known.count++;
    else this.#counts.set(`${name}{${text}`, { name, labels: text, count: 1 });
  }

  /** All counters, in the order in which they were first counted. */
  text(): string {
    const start = "gateway_process_start_time_seconds";
    const lines = [
      `# HELP ${start} Start time of the process since unix epoch in seconds.`,
      `# TYPE ${start} gauge`,
      `${start} ${this.#startedMs / 1000}`,
      "",
    ];
    for (const { name, labels, count } of this.#counts.values()) {
      lines.push(
        `# HELP gateway_${name}_total Total number of ${name}`,
        `# TYPE gateway_${name}_total counter`,
        `gateway_${name}_total{${labels}} ${count}`,
      );
    }
    return `${lines.join("\n")}\n`;
  }
}
