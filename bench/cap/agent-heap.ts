/** Runs jobs through an agent in memory and prints the bytes of heap that each leaves behind. Requires --expose-gc. */
import { Agent, MemoryBus } from "../../src/cap/index.js";
import { Party } from "../../src/cap/party.js";

const JOBS = 100_000;
const IN_FLIGHT = 64;
const memory = new MemoryBus();
const input = new TextEncoder().encode('{"prompt":"hello world"}');
const store = { get: async () => input, set: async () => {}, close: async () => {} };
const agent = new Agent({ bus: memory.connect(), store, workerId: "w", pool: "p", concurrency: IN_FLIGHT });
agent.job("job.echo", (value) => value);
await agent.start();
const client = new Party({ bus: memory.connect(), senderId: "c" });
let sent = 0;
let onDone = () => {};
await client.receive("sys.job.result", { onPacket: () => onDone() });
const send = () => {
  const value = { jobId: `job-${sent++}`, topic: "job.echo", contextPtr: "redis://ctx:x" };
  void client.send("job.echo", { case: "jobRequest", value }, "t");
};
const run = (jobs: number) =>
  new Promise<void>((resolve) => {
    const end = sent + jobs;
    let done = 0;
    onDone = () => {
      if (sent < end) send();
      if (++done === jobs) resolve();
    };
    for (let i = 0; i < Math.min(IN_FLIGHT, jobs); i++) send();
  });
const heap = () => {
  globalThis.gc!();
  return process.memoryUsage().heapUsed;
};
await run(JOBS / 5); // warms up
const before = heap();
const spent = process.cpuUsage();
await run(JOBS);
const { user, system } = process.cpuUsage(spent);
const bytes = (heap() - before) / JOBS;
console.log(JSON.stringify({ jobs: JOBS, bytesPerJob: bytes, cpuMicros: (user + system) / JOBS }));
await agent.close();
