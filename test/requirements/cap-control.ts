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
} as const satisfies Requirements;
