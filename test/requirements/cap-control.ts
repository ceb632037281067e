import type { Requirements } from "./types.ts";

const CORDUM = "Cordum scheduler, January 2026";

/** What CAP asks of the parts around a worker: the scheduler, the stores, the safety kernel. */
export const capControl = {
  "cap.scheduler.place": {
    statement:
      "A job goes to the direct subject of the least loaded live worker of a pool that its topic names; score = active jobs + cpu/100 + gpu/100.",
    source: CORDUM,
  },
  "cap.scheduler.preferred": {
    statement:
      "preferred_worker_id wins where that worker could take the job; preferred_pool narrows the pools.",
    source: CORDUM,
  },
  "cap.scheduler.overloaded": {
    statement:
      "A worker with nine tenths of its places taken, or cpu or gpu at 90 percent, gets no job; the job waits 2 s for another try.",
    source: CORDUM,
  },
  "cap.scheduler.labels": {
    statement:
      "All labels of a job but the reserved ones and cordum.* must equal the worker's; else the job waits.",
    source: CORDUM,
  },
  "cap.scheduler.requires": {
    statement: "meta.requires must be a subset of what the pool has.",
    source: CORDUM,
  },
  "cap.scheduler.no-pool": {
    statement:
      "A topic that no pool serves ends FAILED with no_pool_mapping on sys.job.dlq and nothing on sys.job.result.",
    source: CORDUM,
  },
  "cap.scheduler.expiry": {
    statement: "A worker counts as alive for 30 s after its last heartbeat.",
    source: CORDUM,
  },
  "cap.scheduler.safety": {
    statement:
      "Every job is put before the safety check; DENY ends it DENIED with safety_denied, an unknown decision with safety_unknown, an error of the check counts as DENY.",
    source: CORDUM,
  },
  "cap.scheduler.throttle": {
    statement: "A throttled job gives no packet and is tried again every 5 s.",
    source: CORDUM,
  },
  "cap.scheduler.approval": {
    statement:
      "A job that needs approval waits without any packet; approved it runs with the label approval_granted, rejected it ends DENIED.",
    source: CORDUM,
  },
  "cap.scheduler.constraints": {
    statement:
      "Constraints go into the job's env as ProtoJSON, max_runtime_ms lowers the deadline, a redacted context takes the place of the job's.",
    source: CORDUM,
  },
  "cap.scheduler.retries": {
    statement: "A job that was scheduled max_retries + 1 times ends FAILED with max_retries_exceeded.",
    source: CORDUM,
  },
  "cap.scheduler.concurrency": {
    statement: "max_concurrent_jobs holds back further jobs of a tenant until one of its jobs has ended.",
    source: CORDUM,
  },
  "cap.scheduler.publish": {
    statement:
      "A job that cannot be published is tried again after 2 s; one that never can be ends FAILED with dispatch_failed.",
    source: CORDUM,
  },
  "cap.scheduler.states": {
    statement: "A job moves only forward, and only along the allowed moves; an end is never left.",
    source: "CAP spec 04; Cordum scheduler, January 2026",
  },
  "cap.scheduler.result": {
    statement:
      "SUCCEEDED, FAILED, CANCELLED and TIMEOUT end a job as they say, every other status as FAILED; a second end is ignored.",
    source: CORDUM,
  },
  "cap.scheduler.denied": {
    statement: "DENIED from a worker leaves the job RUNNING until its time is over.",
    source: CORDUM,
  },
  "cap.scheduler.dlq": {
    statement:
      "Every result without success also goes to sys.job.dlq, in a packet of the scheduler whose worker_id is empty and whose trace is the job.",
    source: CORDUM,
  },
  "cap.scheduler.cancel": {
    statement:
      "A job_cancel sets CANCELLED from any state but an end; cancelling through the scheduler also tells the workers.",
    source: CORDUM,
  },
  "cap.scheduler.timeouts": {
    statement:
      "A job that runs too long, or whose deadline_ms since scheduling has passed, ends TIMEOUT at the next scan, with no packet.",
    source: CORDUM,
  },
  "cap.scheduler.replay": {
    statement:
      "Without redelivery a PENDING job is tried again only when it is older than the dispatch timeout.",
    source: CORDUM,
  },
  "cap.scheduler.duplicate": {
    statement: "A job that is submitted again is dispatched once.",
    source: CORDUM,
  },
  "cap.store.values": {
    statement: "A store holds JSON and any bytes; a pointer is redis:// and the key, unchanged.",
    source: "cap-sdk-python 2.17.0; CAP spec 06",
  },
  "cap.store.artifacts": {
    statement: "Artifacts lie under art:<id> and are named by their pointers.",
    source: "Cordum Redis keys",
  },
  "cap.store.limits": {
    statement: "Contexts and results are at most 2 MiB unless said otherwise; a limit of 0 or less is none.",
    source: "cap-sdk-python 2.17.0 Agent",
  },
  "cap.store.timeout": {
    statement: "A read or write of the store is given up after 5 s unless said otherwise.",
    source: "cap-sdk-python 2.17.0 Agent",
  },
  "cap.store.file": {
    statement: "The file store keeps every key apart, and no key leads out of its folder.",
    source: "our own promise",
  },
  "cap.store.peer-missing": {
    statement: "A missing optional package is an Unsupported error with the command that installs it.",
    source: "our own promise",
  },
  "cap.store.redis": {
    statement:
      "The Redis store uses the key as it is, keeps binary values, and takes clients of ioredis and node-redis.",
    source: "cap-sdk-python 2.17.0 RedisBlobStore",
  },
  "cap.store.interop": {
    statement: "Values written by one SDK are found by the other under the same pointer.",
    source: "cap-sdk-python 2.17.0 RedisBlobStore",
  },
  "cap.store.ttl": {
    statement: "Values stay for ever, or for the time that is asked for.",
    source: "cap-sdk-python 2.17.0 RedisBlobStore; our own promise",
  },
  "cap.store.ping": {
    statement: "pingRedis tells whether a Redis answers.",
    source: "cap-sdk-python 2.17.0 ping_redis",
  },
  "cap.store.tls-env": {
    statement:
      "TLS settings come from REDIS_TLS_CA (else SSL_CERT_FILE), REDIS_TLS_CERT with REDIS_TLS_KEY, REDIS_TLS_SERVER_NAME and REDIS_TLS_INSECURE; at least TLS 1.2.",
    source: "cap-sdk-python 2.17.0 redis_ssl_context_from_env",
  },
  "cap.store.tls": {
    statement: "rediss:// means TLS with a certificate that is checked against the CA and the server name.",
    source: "cap-sdk-python 2.17.0 RedisBlobStore",
  },
  "cap.safety.wire": {
    statement:
      "Check, Evaluate, Explain, Simulate and ListSnapshots are spoken over gRPC and Connect, plaintext and TLS.",
    source: "CAP safety.proto; CAP spec 09",
  },
  "cap.safety.bytes": {
    statement: "What the official SDK writes as a policy check is read and written without loss.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.safety.evaluator": {
    statement: "EvaluateUnified is spoken as the proto file has it.",
    source: "CAP policy.proto",
  },
  "cap.safety.credentials": {
    statement: "Credentials for a kernel follow no redirect and are never shown.",
    source: "our own promise",
  },
  "cap.safety.verdict": {
    statement:
      "An unknown decision is DENY; approval_required turns an allow into waiting; QUARANTINE and REDACT are no answers about an input.",
    source: CORDUM,
  },
  "cap.safety.kernel": {
    statement: "A missing topic and one outside job.* are denied.",
    source: "Cordum safety kernel, January 2026",
  },
  "cap.safety.fail-closed": {
    statement:
      "Without an answer of the kernel a job is denied; it is allowed only where that was asked for.",
    source: "CAP spec 09; Cordum scheduler, January 2026",
  },
  "cap.safety.timeout": {
    statement: "A policy check takes at most 2 s.",
    source: CORDUM,
  },
  "cap.safety.circuit": {
    statement: "3 failures open the circuit for 30 s; then at most 3 tries, of which 2 successes close it.",
    source: CORDUM,
  },
  "cap.safety.scheduler": {
    statement: "A scheduler puts its jobs before a kernel and does what the verdict says.",
    source: CORDUM,
  },
} as const satisfies Requirements;
