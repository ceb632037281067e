/** Telemetry that was reported to the local server, in the words of the V1 protocol. */

type Entry = Readonly<Record<string, unknown>>;

/** Keeps the latest entries of each kind. */
export class TelemetryStore {
  readonly #max: number;
  readonly events: Entry[] = [];
  readonly metrics: Entry[] = [];
  readonly spans: Entry[] = [];

  /** `max`: entries kept of each kind; the oldest go first. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Adds an entry without its nulls. */
  add(kind: "events" | "metrics" | "spans", entry: Entry): void {
    const list = this[kind];
    list.push(Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== null)));
    if (list.length > this.#max) list.shift();
  }

  /** Metrics that match every filter of a query; empty filters do not count. */
  metricsOf(query: URLSearchParams): Entry[] {
    const name = query.get("name");
    const from = query.get("start_time");
    const to = query.get("end_time");
    const tags = Object.entries(JSON.parse(query.get("tags") || "{}") as Entry);
    return this.metrics.filter((metric) => {
      if (name && metric.name !== name) return false;
      if (from && instant(metric.timestamp) < instant(from)) return false;
      if (to && instant(metric.timestamp) > instant(to)) return false;
      return tags.every(([key, value]) => (metric.tags as Entry | undefined)?.[key] === value);
    });
  }

  /** The spans of a trace, in the order in which they came. */
  trace(traceId: string): Entry[] {
    return this.spans.filter((span) => span.trace_id === traceId);
  }
}

/** Times are opaque on this protocol; one without a zone is taken as UTC, one that cannot be read never matches. */
function instant(time: unknown): number {
  const text = String(time);
  return Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`);
}
