/** The instruments of one meter. */
import type {
  Attributes,
  Counter,
  Histogram,
  Meter,
  ObservableResult,
  UpDownCounter,
} from "@opentelemetry/api";
import type { GatewayClient } from "../4runr/index.js";
import type { Agent, Bus } from "../cap/index.js";
import type { Neuron } from "../neuron/index.js";
import type { DurationName } from "./spans.js";

/** What reports outcomes, retries, reconnects and work in flight. */
export type Observed =
  | Pick<Agent, "stats" | "inFlight" | "workerId" | "isServing">
  | Pick<Neuron, "on" | "inFlight" | "neuronId" | "isServing">
  | Pick<GatewayClient, "on">
  | Pick<Bus, "onStatus">;

/** Buckets in seconds, as the semantic conventions advise. */
const BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** Measures what spans show, and counts what happens between them. */
export class Instruments {
  readonly #meter: Meter;
  readonly #durations = new Map<string, Histogram>();
  readonly #active: UpDownCounter;
  readonly #leases: Counter;
  readonly #retries: Counter;
  readonly #reconnects: Counter;

  constructor(meter: Meter) {
    this.#meter = meter;
    const count = (name: string, unit: string, description: string) =>
      meter.createCounter(name, { unit, description });
    this.#active = meter.createUpDownCounter("agentwire.operations.active", {
      unit: "{operation}",
      description: "Job attempts, leases, tool calls and requests in flight",
    });
    this.#leases = count("agentwire.worker.leases", "{lease}", "Leases by how they were answered");
    this.#retries = count("agentwire.retries", "{attempt}", "Attempts after the first one");
    this.#reconnects = count("agentwire.reconnects", "{reconnect}", "Connections that were lost");
  }

  /** Starts a measurement; the returned function ends it. */
  start(name: DurationName, attributes: Attributes): (outcome: Attributes) => void {
    const started = performance.now();
    const operation = { "agentwire.operation": name.replace(/\.duration$/, "") };
    this.#active.add(1, operation);
    return (outcome) => {
      this.#active.add(-1, operation);
      this.#duration(name).record((performance.now() - started) / 1_000, { ...attributes, ...outcome });
    };
  }

  /** Counts an attempt after the first one. */
  retried(attributes: Attributes): void {
    this.#retries.add(1, attributes);
  }

  /** Measures a worker, a bus or a client until the returned function is called. */
  observe(observed: Observed): () => void {
    if ("onStatus" in observed) {
      return observed.onStatus((status) => {
        if (status === "reconnecting") this.#reconnects.add(1, { "agentwire.protocol": "cap" });
      });
    }
    if ("workerId" in observed) {
      const attributes = { "agentwire.protocol": "cap", "agentwire.worker.id": observed.workerId };
      const { stats } = observed;
      const outcomes = ["succeeded", "failed", "repeated", "refused", "unpublished"] as const;
      const counted = this.#meter.createObservableCounter("agentwire.worker.jobs", {
        unit: "{job}",
        description: "Jobs by what became of them",
      });
      const count = (result: ObservableResult): void => {
        for (const name of outcomes)
          result.observe(stats[name], { ...attributes, "agentwire.outcome": name });
      };
      counted.addCallback(count);
      const off = this.#gauges(attributes, () => [observed.inFlight, observed.isServing]);
      return () => {
        counted.removeCallback(count);
        off();
      };
    }
    if ("neuronId" in observed) {
      const attributes = { "agentwire.protocol": "neuron", "agentwire.worker.id": observed.neuronId };
      const offs = [
        observed.on("lease:answered", ({ answer, delivered }) =>
          this.#leases.add(1, {
            ...attributes,
            "agentwire.outcome": delivered ? answer.type : "undelivered",
          }),
        ),
        observed.on("connection:reconnecting", () => this.#reconnects.add(1, attributes)),
        this.#gauges(attributes, () => [observed.inFlight, observed.isServing]),
      ];
      return () => {
        for (const off of offs) off();
      };
    }
    return observed.on("retry", ({ operation }) =>
      this.retried({ "agentwire.protocol": "4runr", "agentwire.operation": operation }),
    );
  }

  /** Gauges of a worker: what it has in flight, and whether work can arrive. */
  #gauges(attributes: Attributes, read: () => readonly [inFlight: number, isServing: boolean]): () => void {
    const inFlight = this.#meter.createObservableGauge("agentwire.worker.in_flight", {
      unit: "{job}",
      description: "Jobs or leases taken and not answered yet",
    });
    const serving = this.#meter.createObservableGauge("agentwire.worker.serving", {
      description: "1 while work can arrive, else 0",
    });
    const observe = (result: {
      observe(gauge: typeof serving, value: number, attributes: Attributes): void;
    }) => {
      const [count, isServing] = read();
      result.observe(inFlight, count, attributes);
      result.observe(serving, isServing ? 1 : 0, attributes);
    };
    this.#meter.addBatchObservableCallback(observe, [inFlight, serving]);
    return () => this.#meter.removeBatchObservableCallback(observe, [inFlight, serving]);
  }

  #duration(name: string): Histogram {
    const known = this.#durations.get(name);
    if (known !== undefined) return known;
    const advice = { explicitBucketBoundaries: BOUNDARIES };
    const made = this.#meter.createHistogram(name, { unit: "s", advice });
    this.#durations.set(name, made);
    return made;
  }
}
