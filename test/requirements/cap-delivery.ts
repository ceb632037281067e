import type { Requirements } from "./types.ts";

const CORDUM = "Cordum control plane with NATS_USE_JETSTREAM=1, January 2026";
const SPEC = "CAP spec 04, 05 and 12";
const OWN = "our own promise";

/** Delivery, the client and the conformance adapter of CAP. */
export const capDelivery = {
  "cap.finished.first": {
    statement: "The first result of a job, or of its idempotency key, is the one that counts, byte for byte.",
    source: "CAP spec 12: at least once, dedupe by job id and idempotency key",
  },
  "cap.finished.tenant": {
    statement: "An idempotency key belongs to its tenant.",
    source: "Cordum gateway, January 2026",
  },
  "cap.finished.bounded": {
    statement: "Kept results are bounded in number and in time.",
    source: OWN,
  },
  "cap.finished.junk": {
    statement: "What is kept and cannot be read is logged, counts as missing, and is replaced.",
    source: OWN,
  },
  "cap.finished.redis-keys": {
    statement: "Results of finished jobs lie under keys that Cordum does not use, for a day.",
    source: "Cordum Redis keys; our own promise",
  },
  "cap.jetstream.streams": {
    statement:
      "Missing streams are an error that names them; createStreams makes CORDUM_SYS and CORDUM_JOBS with limits retention, 7 days and a duplicate window of 2 minutes.",
    source: CORDUM,
  },
  "cap.jetstream.consumer": {
    statement:
      "Workers share one durable pull consumer dur_<queue>__<subject>: explicit acknowledgement, ack wait 10 minutes, at most 2048 pending.",
    source: CORDUM,
  },
  "cap.jetstream.publish": {
    statement:
      "A confirmed publication is stored once for its Nats-Msg-Id, whatever happens to the server meanwhile.",
    source: CORDUM,
  },
  "cap.jetstream.redelivery": {
    statement: "What is not acknowledged comes again, to anybody; what is being worked on does not.",
    source: OWN,
  },
  "cap.jetstream.backpressure": {
    statement: "A worker has no more messages in hand than it asked for.",
    source: OWN,
  },
  "cap.jetstream.restart": {
    statement: "Subscriptions, publications and acknowledgements survive a restart of the server.",
    source: OWN,
  },
  "cap.jetstream.core": {
    statement: "Core subscribers still get what is kept in streams.",
    source: CORDUM,
  },
} as const satisfies Requirements;
void SPEC;
