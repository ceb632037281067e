import type { Requirements } from "./types.ts";

export const neuron = {
  "neuron.wire.traces": {
    statement:
      "Requests are those of holokai-neuron-sdk 0.2.0: the same methods, paths, headers and bodies, but for ids, times and listed differences.",
    source: "holokai-neuron-sdk 0.2.0, 18 recorded traces",
  },
  "neuron.gateway.lease": {
    statement:
      "The embedded gateway hands out a task as a lease with an id, an expiry and the task, and takes its ack as the outcome.",
    source: "neuron protocol, lease frame",
  },
  "neuron.gateway.answer-once": {
    statement:
      "The embedded gateway takes a repeated answer that is the same, and refuses and counts another one for the same lease.",
    source: "neuron protocol, ack and nack",
  },
  "neuron.gateway.concurrency": {
    statement:
      "The embedded gateway leaves at most `concurrency` leases of a capability unanswered, first in first out, and follows update-capability.",
    source: "neuron architecture document, prefetch",
  },
  "neuron.gateway.ttl": {
    statement:
      "A lease of the embedded gateway expires unless heartbeats renew it; the task then comes again with attempt + 1.",
    source: "neuron architecture document, lease reaper",
  },
  "neuron.gateway.redeliver": {
    statement: "Leases of a stream that ended are given out again under another lease id.",
    source: "neuron architecture document, redelivery",
  },
  "neuron.gateway.retry": {
    statement:
      "Only a retryable nack is tried again, and only as often as the task's retry policy says, with its backoff.",
    source: "DAG authoring guide, retry",
  },
  "neuron.gateway.cancel": {
    statement:
      "Cancelling a task takes it from the queue, or sends a cancel frame for its lease, also after a reconnect.",
    source: "neuron protocol, cancel frame",
  },
  "neuron.gateway.strict": {
    statement:
      "The embedded gateway answers 400 INVALID_FRAME to every body that does not fit the closed schemas or the rules beside them.",
    source: "neuron protocol, strict frames",
  },
  "neuron.gateway.1.0.0": {
    statement: "A gateway from before 1.1.0 answers INVALID_FRAME to a frame with contract members.",
    source: "neuron protocol 1.1.0 (HOL-2926)",
  },
  "neuron.gateway.admission": {
    statement:
      "Register and update-capability are answered 403 with CAPABILITY_DENIED or CAPABILITY_PENDING_APPROVAL; what policy filters is missing in `registered`.",
    source: "neuron architecture document, admission",
  },
  "neuron.gateway.faults": {
    statement:
      "A fault script makes the embedded gateway fail at chosen requests: status, delay, reset, dropped stream, duplicate, split frame, cancel.",
    source: "testing, fault script",
  },
  "neuron.gateway.restart": {
    statement: "The embedded gateway can go down and come up on the same port; tasks and leases stay.",
    source: "testing, fault script",
  },
  "neuron.gateway.python": {
    statement:
      "holokai-neuron-sdk 0.2.0 registers, beats, reports, acks, nacks, is cancelled, drains and reconnects against the embedded gateway unchanged.",
    source: "holokai-neuron-sdk 0.2.0 (PyPI)",
  },
} as const satisfies Requirements;
