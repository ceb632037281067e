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
  readonly #counts = new Map<string, number>();
  readonly #startedMs: number;

  /** `startedMs`: wall clock time of the start. */
  constructor(startedMs: number) {
    this.#startedMs = startedMs;
  }

  /** Adds one. */
  count(counter: Counter, labels: Readonly<Record<string, string>>): void {
    const names = Object.keys(labels).sort();
    const series = `${counter}_total_total{${names.map((name) => `${name}="${labels[name]}"`).join(",")}}`;
    this.#counts.set(series, (this.#counts.get(series) ?? 0) + 1);
  }

  /** All counters, in the order in which they were first counted. */
  text(): string {
    const start = "gateway_process_start_time_seconds";
    const head = `# HELP ${start} Start time of the process since unix epoch in seconds.\n# TYPE ${start} gauge\n`;
    const series = [...this.#counts].map(([name, count]) => {
      const counter = name.slice(0, name.indexOf("_total{"));
      const help = `# HELP gateway_${counter}_total Total number of ${counter}\n`;
      return `${help}# TYPE gateway_${counter}_total counter\ngateway_${name} ${count}\n`;
    });
    return `${head}${start} ${this.#startedMs / 1000}\n\n${series.join("")}`;
  }
}
