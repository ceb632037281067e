import { MemoryBus, runWorker, submitJob } from "agentwire/cap";
import { PacketLink } from "agentwire/cap/packet";
import { assertAllowed, SafetyClient } from "agentwire/cap/safety";
import { DecisionType, SUBJECT_HEARTBEAT } from "agentwire/gen/cap";
import { LocalSafetyKernel, LocalScheduler } from "agentwire/testing";

const kernel = await LocalSafetyKernel.start({
  decide: ({ meta }) =>
    meta?.riskTags.includes("payments")
      ? { decision: DecisionType.DENY, reason: "no payments here" }
      : {
          decision: DecisionType.ALLOW_WITH_CONSTRAINTS,
          constraints: { budgets: { maxRuntimeMs: 60_000n } },
        },
});
const safety = new SafetyClient({ url: kernel.url }); // gRPC; denies if the kernel does not answer within 2 s

const verdict = await safety.checkPolicy({
  jobId: "j-1",
  topic: "job.pay",
  meta: { riskTags: ["payments"] },
});
try {
  assertAllowed(verdict);
} catch (error) {
  console.log(String(error));
}

// A scheduler with pools that asks the kernel about every job.
const bus = new MemoryBus();
const scheduler = await LocalScheduler.start({
  bus: bus.connect(),
  pools: { topics: { "job.echo": "echo", "job.pay": "echo" } },
  safety: (request, { signal }) => safety.checkPolicy(request, { signal }),
});
const ended = new Promise<void>((resolve) => {
  let left = 2;
  scheduler.on("finished", ({ jobId, state, reason = "" }) => {
    console.log(jobId, state, reason);
    if (--left === 0) resolve();
  });
});

const worker = await runWorker({
  bus: bus.connect(),
  subject: "worker.w-1.jobs", // a scheduler with pools sends a job to one worker
  senderId: "w-1",
  handler: ({ budget }) => ({ resultPtr: `redis://res:within-${budget?.deadlineMs}-ms` }),
});
const heartbeat = { workerId: "w-1", pool: "echo", maxParallelJobs: 4 };
await new PacketLink({ bus: bus.connect(), senderId: "w-1" }).send(SUBJECT_HEARTBEAT, {
  case: "heartbeat",
  value: heartbeat,
});

const client = { bus: bus.connect(), senderId: "client-1" };
await submitJob({ ...client, request: { jobId: "j-2", topic: "job.pay", meta: { riskTags: ["payments"] } } });
await submitJob({ ...client, request: { jobId: "j-3", topic: "job.echo" } });
await ended;
console.log(scheduler.job("j-3")?.result?.resultPtr);

await worker.close();
await scheduler.close();
await safety.close();
await kernel.close();
