import type { Requirements } from "./types.ts";

const PYTHON = "cap-sdk-python 2.17.0 Agent";
const CORDUM = "Cordum scheduler, January 2026";
const README = "cap-sdk-python README";

/** What CAP, its scheduler and its official SDK ask of the agent runtime. */
export const capAgent = {
  "cap.agent.readme": {
    statement: "A typed handler is registered for a topic and runs with retries until the agent is closed.",
    source: README,
  },
  "cap.agent.env": {
    statement: "Without options NATS_URL and REDIS_URL say where bus and store are.",
    source: README,
  },
  "cap.agent.defaults": {
    statement:
      "Sender cap-runtime, one job at a time, no retries, heartbeats every 5 s, I/O within 5 s, contexts and results up to 2 MiB; options that make no sense are refused.",
    source: PYTHON,
  },
  "cap.agent.lifecycle": {
    statement:
      "States are idle, starting, running, closing, closed; starting without handlers or twice is an error; repeated closing shares one run.",
    source: PYTHON,
  },
  "cap.agent.subjects": {
    statement:
      "An agent takes jobs from each topic with the queue group of the same name, and from worker.<id>.jobs without one.",
    source: PYTHON,
  },
  "cap.agent.direct": {
    statement:
      "On the direct subject the request's topic chooses the handler; an unknown one is warned about and not answered.",
    source: PYTHON,
  },
  "cap.agent.topic-compared": {
    statement:
      "On a topic subject a request for another topic is refused, so that what was signed for one runs on no other.",
    source: "agentwire",
  },
  "cap.agent.pointer": {
    statement:
      "A pointer that is none ends the job with empty pointer, unsupported pointer scheme or missing pointer key.",
    source: PYTHON,
  },
  "cap.agent.context": {
    statement:
      "An input that cannot be had ends the job with context fetch timed out, context not found or context exceeds max size.",
    source: PYTHON,
  },
  "cap.agent.decode": {
    statement: "An input that is not JSON ends the job with context decode failed and the reason.",
    source: PYTHON,
  },
  "cap.agent.input": {
    statement:
      "An input that does not fit ends the job with input validation failed and the reason, and is not tried again.",
    source: PYTHON,
  },
  "cap.agent.handler-failed": {
    statement:
      "A handler that throws on every attempt, or whose output does not fit, ends the job with handler failed; the exception's text stays here unless exposeErrors.",
    source: PYTHON,
  },
  "cap.agent.retries": {
    statement:
      "There are retries + 1 attempts, at once unless a backoff is set; middleware runs again on each; each failure is logged with its ids and its number.",
    source: PYTHON,
  },
  "cap.agent.result": {
    statement:
      "The output is kept as JSON under res:<job_id>; the result is SUCCEEDED with its pointer, the worker's id, the handler's time and the trace of the request; no output is null.",
    source: PYTHON,
  },
  "cap.agent.result-write": {
    statement:
      "An output that cannot be kept ends the job with result write failed and the reason, such as result exceeds max size or output is not JSON serializable.",
    source: PYTHON,
  },
  "cap.agent.codes": {
    statement: "Every FAILED, TIMEOUT and CANCELLED result has an error_code_enum and a legacy code.",
    source: "CAP spec 13",
  },
  "cap.agent.fail": {
    statement:
      "ctx.fail ends a job for good with the author's reason and a code from the registry or the range of applications.",
    source: "CAP spec 13; our own promise",
  },
  "cap.agent.granular": {
    statement: "FAILED_RETRYABLE and FAILED_FATAL are sent only when they are asked for.",
    source: "CAP spec 04; Cordum scheduler, January 2026",
  },
  "cap.agent.never": {
    statement: "An agent never answers DENIED, and never a reply subject.",
    source: CORDUM,
  },
  "cap.agent.middleware": {
    statement: "Middleware wraps handlers, the first registered outermost; it may answer by itself.",
    source: PYTHON,
  },
  "cap.agent.metrics": {
    statement:
      "The metrics hook hears of jobs received, completed and failed and of heartbeats; what it throws hurts nothing.",
    source: PYTHON,
  },
  "cap.agent.parallel": {
    statement: "At most concurrency handlers run; further jobs wait in memory, first come first served.",
    source: PYTHON,
  },
  "cap.agent.handshake": {
    statement:
      "A handshake tells role WORKER, versions [1], the topics as capabilities and, sorted, as ready_topics; one that fails is warned about.",
    source: PYTHON,
  },
  "cap.agent.first-heartbeat": {
    statement: "The first heartbeat goes out at once, further ones after each interval.",
    source: "CAP spec 06; Cordum scheduler, January 2026",
  },
  "cap.agent.reconnect": {
    statement: "After a reconnect the handshake and a heartbeat go out again.",
    source: "our own promise; Cordum scheduler, January 2026",
  },
  "cap.agent.load": {
    statement:
      "Heartbeats tell cpu and memory in percent, active jobs, places, progress and what the worker does now.",
    source: "CAP spec 06",
  },
  "cap.agent.pool": {
    statement: "An agent without a pool is warned about: the scheduler never chooses it.",
    source: CORDUM,
  },
  "cap.agent.close": {
    statement:
      "Closing drains the subscriptions, stops heartbeats, waits for jobs, lets go of bus and store, each stage bounded; the results of running jobs are published.",
    source: PYTHON,
  },
  "cap.agent.signals": {
    statement:
      "SIGTERM and SIGINT end run(): the jobs in flight are finished and their results published. start() listens to no signal.",
    source: "our own promise",
  },
  "cap.agent.cancel": {
    statement:
      "sys.job.cancel aborts the running handler and drops a waiting one; both end CANCELLED; other jobs are not touched.",
    source: "CAP spec 04; Cordum worker runtime, January 2026",
  },
  "cap.agent.deadline": {
    statement:
      "budget.deadline_ms and the constraints in env are enforced by the worker; the job ends TIMEOUT.",
    source: CORDUM,
  },
  "cap.agent.constraints": {
    statement:
      "max_retries and max_artifact_bytes of the policy constraints hold; constraints that cannot be read let nothing run.",
    source: CORDUM,
  },
  "cap.agent.progress": {
    statement: "ctx.progress publishes sys.job.progress, before the result and never after it.",
    source: "CAP spec 07",
  },
  "cap.agent.artifacts": {
    statement: "ctx.putArtifact keeps a value under art:<id> and the result names it.",
    source: "CAP spec 06; Cordum Redis keys",
  },
  "cap.agent.duplicate": {
    statement: "A job that comes again while it is in hand runs once.",
    source: "CAP spec 04; our own promise",
  },
  "cap.agent.repeat": {
    statement:
      "With a store of finished jobs a job that comes again, by its id or its tenant's idempotency key, is answered with the result it had.",
    source: "CAP spec 04; our own promise",
  },
  "cap.agent.durable": {
    statement:
      "With streams a job is acknowledged after its result is stored, ticks while in hand, is given back when it cannot be settled, and a refused packet is dropped.",
    source: "Cordum with JetStream, January 2026; our own promise",
  },
  "cap.agent.faults": {
    statement:
      "Stores that are down, slow or return junk, and handlers that never return, throw anything or return what has no JSON form, end every job with one result and leave the agent working.",
    source: "our own promise",
  },
  "cap.agent.shared-handler": {
    statement: "What defineHandler made is served as a job unchanged.",
    source: "our own promise",
  },
  "cap.agent.run-handler": {
    statement: "A handler can be run without bus and store, with the result a worker would publish.",
    source: "cap-sdk-python 2.17.0 testing",
  },
  "cap.agent.peers": {
    statement:
      "Case by case the agent's result equals that of the official one or says more; each serves the other's clients and schedulers.",
    source: PYTHON,
  },
  "cap.agent.local-scheduler": {
    statement: "LocalScheduler drives the official Agent unchanged: echo, summarize, fail, retry, deny.",
    source: PYTHON,
  },
  "cap.agent.goodbye": {
    statement:
      "A closing worker first sends a heartbeat that offers nothing and takes the jobs that are on their way: none is lost behind a scheduler that chooses a worker until 30 s after its last heartbeat.",
    source: "Cordum's scheduler, January 2026",
  },
  "cap.agent.packet-age": {
    statement:
      "A deadline counts from the creation of the job's packet; a difference that clocks may cause, or a time that cannot be right, counts as none.",
    source: "Cordum's scheduler, January 2026; our own promise",
  },
  "cap.agent.kept-cancels": {
    statement:
      "A job that was cancelled while its worker was away does not run when its stream delivers it; one that was sent again after the cancel does.",
    source: "our own promise",
  },
  "cap.agent.store-down": {
    statement:
      "A job of a stream whose store does not answer is given back, later each time, and FAILED only after the last delivery.",
    source: "our own promise",
  },
  "cap.agent.max-deliver": {
    statement:
      "A job that a stream delivers more than maxDeliver times is FAILED without a run and goes to the dead letter queue; ctx.delivery is the number of the delivery.",
    source: "our own promise",
  },
  "cap.agent.handler-error": {
    statement: "What a handler throws is logged with its message and stack, and emitted with its cause.",
    source: "our own promise",
  },
  "cap.agent.deaf": {
    statement:
      "While a subscription is lost, heartbeats claim no capacity, and an error event says why; when it is back, a heartbeat says so at once.",
    source: "our own promise",
  },
  "cap.agent.queue": {
    statement: "A bounded number of jobs waits in memory; any further one is answered FAILED, not dropped.",
    source: "our own promise",
  },
  "cap.agent.one-middleware": {
    statement: "The same middleware serves runWorker, Agent and Neuron.",
    source: "our own promise",
  },
} as const satisfies Requirements;
