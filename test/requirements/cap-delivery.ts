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
} as const satisfies Requirements;
void [CORDUM, SPEC];
