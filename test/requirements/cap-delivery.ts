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
  "cap.jetstream.nothing-lost": {
    statement:
      "A job whose submit was confirmed by a PubAck ends in at least one terminal result, and all its results are the same.",
    source: OWN,
  },
  "cap.jetstream.start": {
    statement:
      "A consumer that is made begins with what is published from then on, so that a first durable worker does not do a week of jobs again; with all only when told to.",
    source: OWN,
  },
  "cap.jetstream.core": {
    statement: "Core subscribers still get what is kept in streams.",
    source: CORDUM,
  },
  "cap.client.input": {
    statement:
      "The input of a job is kept under ctx:<job_id> before its request goes out with a pointer to it.",
    source: "Cordum gateway, January 2026; CAP spec 06",
  },
  "cap.client.output": {
    statement:
      "The output of a job is read from its result_ptr, as JSON or bytes, and checked against a schema.",
    source: SPEC,
  },
  "cap.client.reason": {
    statement: "How a job ended without success is an error class and one word in details.reason.",
    source: "Cordum scheduler, January 2026: codes of sys.job.dlq",
  },
  "cap.client.progress": {
    statement: "Progress of a job is an async iterator that ends with the job.",
    source: SPEC,
  },
  "cap.client.deadline": {
    statement: "deadlineMs travels as budget.deadline_ms.",
    source: SPEC,
  },
  "cap.client.batch": {
    statement:
      "A batch has at most so many jobs under way, and an item for each, in the order of the requests.",
    source: OWN,
  },
  "cap.client.workflow": {
    statement: "Jobs of a workflow share workflow id and trace, are numbered, and name their parent.",
    source: "CAP spec 11",
  },
  "cap.client.compensation": {
    statement:
      "A compensation keeps the rules of a job request, inherits what it leaves empty, and has an idempotency key of its own; the last job is undone first.",
    source: "CAP spec 11",
  },
  "cap.client.everywhere": {
    statement: "Agent and client do the same over both NATS clients, with JetStream and without.",
    source: OWN,
  },
  "cap.client.confirmed": {
    statement:
      "A client with a durable bus resolves a submission when a stream has it under jobreq:<job_id>.",
    source: CORDUM,
  },
  "cap.tck.adapter": {
    statement:
      "The adapter answers hello with a handshake and every run with one result, in lines of at most 1 MiB; unknown fields are refused.",
    source: "CAP conformance kit, adapter-v1",
  },
  "cap.tck.worker": {
    statement: "Every case of the role worker passes.",
    source: "CAP conformance kit, adapter-v1",
  },
} as const satisfies Requirements;
