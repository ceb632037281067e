import type { Requirements } from "./types.ts";

const README = "agentwire README";
const W3C = "W3C Trace Context, level 1";

/** What is promised of handlers across the wires, and of traces. */
export const bridge = {
  "bridge.handler.output": {
    statement:
      "A handler that is defined once is served as a CAP job and as a neuron lease, with its schemas.",
    source: README,
  },
  "bridge.handler.fail": {
    statement: "ctx.fail ends the work for good with its reason and its code on both worker wires.",
    source: README,
  },
  "bridge.handler.progress": {
    statement: "Progress that a handler reports arrives before its result on both worker wires.",
    source: README,
  },
  "bridge.handler.cancel": {
    statement: "A cancel aborts the handler's signal with an AbortError, and the work ends as cancelled.",
    source: README,
  },
  "bridge.handler.context": {
    statement: "A handler is told its deadline, its correlation id and the raw request on both worker wires.",
    source: README,
  },
  "bridge.tools": {
    statement: "Calls of ctx.tools end with the work, within its deadline, and go by its correlation id.",
    source: README,
  },
  "bridge.gate": {
    statement: "What ctx.gate refuses ends the work for good with a CAP safety code, remote and local alike.",
    source: README,
  },
  "bridge.neuron-on-cap": {
    statement: "A neuron capability with its handler is served by a CAP agent, with a task made of the job.",
    source: README,
  },
  "bridge.cap-on-neuron": {
    statement: "A CAP topic with its handler is served by a neuron, with a job made of the task.",
    source: README,
  },
  "bridge.forward": {
    statement: "A lease that is forwarded becomes a CAP job: output, progress, failure and cancel come back.",
    source: README,
  },
  "otel.traceparent": {
    statement:
      "traceparent is written and read in the form of version 00; what breaks a rule of it is ignored.",
    source: W3C,
  },
  "otel.one-trace": {
    statement: "A piece of work that crosses all four wires is one trace.",
    source: README,
  },
  "otel.secrets": {
    statement: "Spans hold no header, no body, no query, and no text of an error.",
    source: README,
  },
} as const satisfies Requirements;
