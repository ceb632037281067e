import { openJobClient, runWorker, SafetyDeniedError } from "agentwire/cap";
import { connectNats } from "agentwire/cap/nats";
import { LocalScheduler } from "agentwire/testing";

// Connects to NATS_URL. In production, the scheduler is Cordum's.
const schedulerBus = await connectNats({ name: "scheduler" });
const scheduler = await LocalScheduler.start({ bus: schedulerBus });

const worker = await runWorker({
  bus: () => connectNats({ name: "worker-1", waitOnFirstConnect: true }),
  subject: "job.echo",
  senderId: "worker-1",
  handler: async (request) => ({ resultPtr: `redis://res:${request.jobId}` }),
});

const bus = await connectNats({ name: "client-1" });
bus.onStatus((status, error) => console.error("bus:", status, error?.message ?? ""));
const client = await openJobClient({ bus, senderId: "client-1" });
try {
  const result = await client.submitAndWait(
    { jobId: "job-echo-1", topic: "job.echo", contextPtr: "redis://ctx/job-echo-1" },
    { timeoutMs: 10_000 },
  );
  console.log(result.jobId, result.resultPtr);
} catch (error) {
  if (error instanceof SafetyDeniedError) console.error("denied:", error.message);
  else throw error;
}

await client.close();
await worker.close();
await scheduler.close();
await bus.drain();
await schedulerBus.drain();
