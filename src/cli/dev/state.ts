/** What the page of `agentwire dev` shows besides records: health, approvals, and what can be sent. */
import { schemaDocument, toolActions } from "../../../gen/4runr/index.js";
import type { Recorder } from "../inspector/recorder.js";
import type { Tracker } from "../inspector/tracker.js";
import type { Approvals } from "./approvals.js";
import type { DevFunctions } from "./functions.js";
import type { NeuronPart } from "./http-sides.js";
import { type InputSamples, samplesOf } from "./input.js";
import type { Health } from "./routes.js";

/** Something that can be sent, with samples of its input. */
export interface Target extends InputSamples {
  readonly protocol: "cap" | "neuron" | "aureus" | "4runr";
  readonly name: string;
}

/** What {@link stateOf} reads. */
export interface StateSources {
  readonly recorder: Recorder;
  readonly tracker: Tracker;
  readonly approvals: Approvals;
  readonly neuron: NeuronPart;
  readonly functions: DevFunctions;
  readonly health: () => Health;
}

/** A function that returns the present state. */
export function stateOf({
  recorder,
  tracker,
  approvals,
  neuron,
  functions,
  health,
}: StateSources): () => object {
  const runr = fourRunrTargets();
  return () => {
    const { env, parts } = health();
    const tracked = tracker.state();
    const topics = new Set([
      "job.echo",
      ...tracked.jobs.map(({ name }) => name).filter((name) => name !== ""),
    ]);
    const targets: Target[] = [
      ...[...topics].map((name) => ({ protocol: "cap" as const, name, sample: { text: "hello" } })),
      ...[...neuron.samples()].map(([name, input]) => ({ protocol: "neuron" as const, name, ...input })),
      ...["read_file", ...Object.keys(functions.tools)].map((name) => ({
        ...{ protocol: "aureus" as const, name, sample: { path: "input.csv" } },
      })),
      ...runr,
    ];
    const { dropped, last } = recorder;
    return {
      ...{
        mode: "dev",
        startedAt: recorder.startedAt,
        now: recorder.mono(),
        env,
        parts,
        dropped,
        last,
        targets,
      },
      ...{ approvals: approvals.list(), ...tracked },
    };
  };
}

function fourRunrTargets(): Target[] {
  return Object.entries(toolActions).flatMap(([tool, actions]) =>
    Object.entries(actions).map(([action, { params }]: [string, { readonly params: string }]) => {
      let at: unknown = schemaDocument;
      for (const step of params.slice(params.indexOf("#/") + 2).split("/")) {
        at = (at as Readonly<Record<string, unknown>>)[step];
      }
      return { protocol: "4runr" as const, name: `${tool}:${action}`, ...samplesOf(at as object) };
    }),
  );
}
