import { generateKeyPair, MemoryBus, runWorker, submitJob } from "agentwire/cap";
import { PacketLink } from "agentwire/cap/packet";
import { JobStatus, SUBJECT_RESULT } from "agentwire/gen/cap";
import { LocalScheduler } from "agentwire/testing";

const bus = new MemoryBus(); // every peer gets a connection of its own, as on a real bus
const client = generateKeyPair();
const scheduler = generateKeyPair();
const worker = generateKeyPair();
const publicKeys = {
  "client-1": client.publicKeyPem,
  "cordum-scheduler": scheduler.publicKeyPem,
  "worker-1": worker.publicKeyPem,
};

const echo = await runWorker({
  bus: bus.connect(),
  subject: "job.echo",
  senderId: "worker-1",
  privateKey: worker.privateKeyPem,
  publicKeys, // packets from anyone else are refused, counted and logged
  handler: async (request) => ({ resultPtr: `redis://res:${request.jobId}` }),
});
const local = await LocalScheduler.start({
  bus: bus.connect(),
  privateKey: scheduler.privateKeyPem,
  publicKeys,
});

const listener = new PacketLink({ bus: bus.connect(), senderId: "client-1", publicKeys });
const answered = new Promise<void>((resolve) => {
  void listener.receive(SUBJECT_RESULT, {
    onPacket: ({ payload }) => {
      if (payload.case !== "jobResult") return;
      console.log(payload.value.jobId, JobStatus[payload.value.status], payload.value.resultPtr);
      resolve();
    },
  });
});

await submitJob({
  bus: bus.connect(),
  senderId: "client-1",
  privateKey: client.privateKeyPem,
  request: { jobId: "job-echo-1", topic: "job.echo", contextPtr: "redis://ctx/job-echo-1" },
});
await answered;
await echo.close();
await local.close();
