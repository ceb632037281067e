import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HeartbeatSchema, JobRequestSchema, JobStatus } from "../../gen/cap/index.js";
import { isOverloaded, loadScore, placeJob } from "../../src/testing/scheduler/pools.js";
import { req } from "../requirements/index.ts";
import { POOLS, setUp } from "./scheduler-bench.ts";

describe("placement", () => {
  it(
    req("cap.scheduler.place", "the least loaded worker of the pool gets the job on its own subject"),
    async () => {
      const { beat, submit, dispatched, scheduler } = await setUp({ pools: POOLS });
      await beat("busy", { activeJobs: 2, cpuLoad: 10 });
      await beat("calm", { activeJobs: 1, cpuLoad: 50, gpuUtilization: 10 });
      await beat("warm", { activeJobs: 1, cpuLoad: 50, gpuUtilization: 20 });
      await beat("stranger", { pool: "other" });
      await beat("homeless", { pool: "" });
      await submit({});
      expect(dispatched().map(({ subject }) => subject)).toEqual(["worker.calm.jobs"]);
      expect(dispatched()[0]!.packet).toMatchObject({ senderId: "cordum-scheduler", traceId: "trace" });
      expect(scheduler.job("j")).toMatchObject({
        state: "RUNNING",
        workerId: "calm",
        subject: "worker.calm.jobs",
        attempts: 1,
      });
    },
  );

  it(
    req("cap.scheduler.preferred", "a preferred worker wins, a preferred pool decides, as far as they fit"),
    async () => {
      const pools = { topics: { "job.echo": ["echo", "big"] } };
      const { beat, submit, dispatched, letters } = await setUp({ pools });
      await beat("calm");
      await beat("busy", { activeJobs: 5 });
      await beat("giant", { pool: "big", activeJobs: 8 });
      await submit({ jobId: "1", labels: { preferred_worker_id: "busy" } });
      await submit({ jobId: "2", labels: { preferred_pool: "big" } });
      await submit({ jobId: "3", labels: { preferred_worker_id: "nobody" } });
      await submit({ jobId: "4", labels: { preferred_pool: "small" } });
      expect(dispatched().map(({ subject }) => subject)).toEqual([
        "worker.busy.jobs",
        "worker.giant.jobs",
        "worker.calm.jobs",
      ]);
      expect(letters()).toMatchObject([{ jobId: "4", errorCode: "no_pool_mapping" }]);
    },
  );

  it.each([
    [{ activeJobs: 9, maxParallelJobs: 10 }, true],
    [{ activeJobs: 8, maxParallelJobs: 10 }, false],
    [{ activeJobs: 1, maxParallelJobs: 1 }, true],
    [{ activeJobs: 100, maxParallelJobs: 0 }, false],
    [{ cpuLoad: 90 }, true],
    [{ cpuLoad: 89 }, false],
    [{ gpuUtilization: 90 }, true],
  ])(req("cap.scheduler.overloaded", "%j is overloaded: %s"), (heartbeat, expected) => {
    expect(isOverloaded(create(HeartbeatSchema, heartbeat))).toBe(expected);
  });

  it("a job for an overloaded pool waits, and goes out 2 s later when the next heartbeat has room", async () => {
    const { beat, submit, dispatched, scheduler, clock } = await setUp({ pools: POOLS });
    await beat("w-1", { activeJobs: 1, maxParallelJobs: 1 });
    await submit({});
    expect(scheduler.job("j")).toMatchObject({ state: "PENDING", reason: 'pool_overloaded: pool "echo"' });
    await beat("w-1", { activeJobs: 0, maxParallelJobs: 1 });
    await clock.advance(1_999);
    expect(dispatched()).toEqual([]);
    await clock.advance(1);
    expect(dispatched()).toHaveLength(1);
  });

  it(
    req("cap.scheduler.labels", "labels that are not reserved must equal the worker's, or the job waits"),
    async () => {
      const { beat, submit, dispatched, scheduler } = await setUp({ pools: POOLS });
      await beat("plain");
      await beat("gpu", { activeJobs: 3, labels: { hardware: "gpu", zone: "a" } });
      const reserved = {
        preferred_worker_id: "x",
        approval_granted: "x",
        secrets_present: "x",
        workflow_id: "x",
        run_id: "x",
        step_id: "x",
        node_id: "x",
        worker_id: "x",
        "cordum.trace": "x",
      };
      await submit({ jobId: "1", labels: { ...reserved } });
      await submit({ jobId: "2", labels: { ...reserved, hardware: "gpu" } });
      await submit({ jobId: "3", labels: { hardware: "tpu" } });
      await submit({ jobId: "4", labels: { toString: "x" } });
      expect(dispatched().map(({ subject }) => subject)).toEqual(["worker.plain.jobs", "worker.gpu.jobs"]);
      for (const id of ["3", "4"]) {
        expect(scheduler.job(id)).toMatchObject({
          status: JobStatus.PENDING,
          reason: 'no_workers: pool "echo"',
        });
      }
    },
  );

  it(req("cap.scheduler.requires", "only a pool that has all a job requires may take it"), async () => {
    const pools = {
      topics: { "job.echo": ["echo", "big"] },
      pools: { big: { requires: ["GPU ", "network:egress"] } },
    };
    const { beat, submit, dispatched, letters } = await setUp({ pools });
    await beat("w-1");
    await beat("w-2", { pool: "big", activeJobs: 7 });
    await submit({ jobId: "1", meta: { requires: ["gpu"] } });
    await submit({ jobId: "2", meta: { requires: ["gpu", "disk"] } });
    await submit({ jobId: "3", meta: { requires: [" "] } });
    expect(dispatched().map(({ subject }) => subject)).toEqual(["worker.w-2.jobs", "worker.w-1.jobs"]);
    expect(letters()).toMatchObject([
      { jobId: "2", errorMessage: "no_pool_mapping: no pool satisfies requires" },
    ]);
  });

  it(
    req("cap.scheduler.no-pool", "a topic without a pool fails, and only the dead letter says so"),
    async () => {
      const { submit, heard, letters, scheduler } = await setUp({ pools: POOLS });
      await submit({ topic: "job.unknown" });
      await submit({ jobId: "k", topic: "toString" });
      expect(scheduler.job("j")?.status).toBe(JobStatus.FAILED);
      expect(letters()).toMatchObject([
        {
          jobId: "j",
          status: JobStatus.FAILED,
          errorCode: "no_pool_mapping",
          errorMessage: 'no_pool_mapping: topic "job.unknown"',
          workerId: "",
          resultPtr: "",
        },
        { jobId: "k", errorCode: "no_pool_mapping" },
      ]);
      expect(heard.map(({ subject }) => subject)).not.toContain("sys.job.result");
    },
  );

  it(req("cap.scheduler.expiry", "a worker is gone 30 s after its last heartbeat"), async () => {
    const { beat, submit, dispatched, scheduler, clock } = await setUp({ pools: POOLS });
    await beat("w-1");
    await clock.advance(29_999);
    expect([...scheduler.workers().keys()]).toEqual(["w-1"]);
    await submit({ jobId: "1" });
    await clock.advance(1);
    expect(scheduler.workers().size).toBe(0);
    await submit({ jobId: "2" });
    expect(dispatched().map(({ request }) => request.jobId)).toEqual(["1"]);
    expect(scheduler.job("2")?.reason).toBe('no_workers: pool "echo"');
  });

  it("never picks a worker that is overloaded or of another pool, nor one that is more loaded than another", () => {
    const heartbeat = fc.record({
      pool: fc.constantFrom("echo", "other", ""),
      activeJobs: fc.nat(12),
      maxParallelJobs: fc.nat(12),
      cpuLoad: fc.nat(100),
      gpuUtilization: fc.nat(100),
    });
    const request = create(JobRequestSchema, { jobId: "j", topic: "job.echo" });
    fc.assert(
      fc.property(fc.array(heartbeat, { maxLength: 8 }), (list) => {
        const workers = new Map(
          list.map((beat, i) => [`w-${i}`, create(HeartbeatSchema, { ...beat, workerId: `w-${i}` })]),
        );
        const free = [...workers.values()].filter((beat) => beat.pool === "echo" && !isOverloaded(beat));
        const place = placeJob(request, POOLS, workers);
        if ("problem" in place) {
          expect(free).toEqual([]);
          return;
        }
        const chosen = workers.get(place.workerId!)!;
        expect(free).toContain(chosen);
        expect(loadScore(chosen)).toBe(Math.min(...free.map(loadScore)));
      }),
    );
  });

  it("a heartbeat without an id leads to the subject of the topic", () => {
    const request = create(JobRequestSchema, { jobId: "j", topic: "job.echo" });
    const workers = new Map([["", create(HeartbeatSchema, { pool: "echo" })]]);
    expect(placeJob(request, POOLS, workers)).toEqual({ subject: "job.echo" });
  });
});
