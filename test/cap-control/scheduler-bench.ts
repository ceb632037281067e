/** A local scheduler on a bus whose time stands still, and everything it sends. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { BusPacket, HeartbeatSchema, JobResult, JobStatus } from "../../gen/cap/index.js";
import {
  SUBJECT_CANCEL,
  SUBJECT_DLQ,
  SUBJECT_HEARTBEAT,
  SUBJECT_RESULT,
  SUBJECT_SUBMIT,
} from "../../gen/cap/index.js";
import type { JobRequestInit, JobResultInit } from "../../src/cap/index.js";
import { MemoryBus } from "../../src/cap/index.js";
import { decodePacket } from "../../src/cap/packet.js";
import { Party } from "../../src/cap/party.js";
import type { LocalSchedulerOptions } from "../../src/testing/index.js";
import { FakeClock, LocalScheduler } from "../../src/testing/index.js";

export interface Heard {
  readonly subject: string;
  readonly packet: BusPacket;
}

export async function setUp(options: Partial<LocalSchedulerOptions> = {}) {
  const clock = new FakeClock();
  const memory = new MemoryBus();
  const heard: Heard[] = [];
  await memory.connect().subscribe(">", ({ subject, data }) => {
    heard.push({ subject, packet: decodePacket(data) });
  });
  const scheduler = await LocalScheduler.start({ bus: memory.connect(), clock, ...options });
  const errors: unknown[] = [];
  scheduler.on("error", (error) => errors.push(error));
  const party = (senderId: string) => new Party({ bus: memory.connect(), senderId, clock });

  return {
    clock,
    memory,
    scheduler,
    errors,
    heard,
    /** What was dispatched: subjects of job requests by the scheduler. */
    dispatched: () =>
      heard
        .filter(({ subject, packet }) => packet.payload.case === "jobRequest" && subject !== SUBJECT_SUBMIT)
        .map(({ subject, packet }) => ({ subject, packet, request: packet.payload.value as JobRequestInit })),
    letters: () =>
      heard
        .filter(({ subject }) => subject === SUBJECT_DLQ)
        .map(({ packet }) => packet.payload.value as JobResult),
    async submit(request: JobRequestInit) {
      const value = { jobId: "j", topic: "job.echo", ...request };
      await party("client").send(SUBJECT_SUBMIT, { case: "jobRequest", value }, "trace");
      await clock.settle();
    },
    async beat(workerId: string, heartbeat: MessageInitShape<typeof HeartbeatSchema> = {}) {
      const value = { workerId, pool: "echo", maxParallelJobs: 10, ...heartbeat };
      await party(workerId).send(SUBJECT_HEARTBEAT, { case: "heartbeat", value });
      await clock.settle();
    },
    async answer(jobId: string, status: JobStatus, extra: JobResultInit = {}) {
      const value = { jobId, status, workerId: "w-1", ...extra };
      await party("w-1").send(SUBJECT_RESULT, { case: "jobResult", value }, "trace");
      await clock.settle();
    },
    async cancel(jobId: string) {
      const value = { jobId, reason: "enough", requestedBy: "client" };
      await party("client").send(SUBJECT_CANCEL, { case: "jobCancel", value }, jobId);
      await clock.settle();
    },
  };
}

export const POOLS = { topics: { "job.echo": "echo" }, pools: { echo: {} } };
