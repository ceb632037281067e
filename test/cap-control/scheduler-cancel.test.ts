import { describe, expect, it } from "vitest";
import { DecisionType, JobStatus } from "../../gen/cap/index.js";
import { Party } from "../../src/cap/party.js";
import { NotFoundError } from "../../src/core/errors.js";
import { req } from "../requirements/index.ts";
import { brokenBus } from "./broken-bus.ts";
import { POOLS, setUp } from "./scheduler-bench.ts";

const allow = { decision: DecisionType.ALLOW };

describe("cancel and time", () => {
  it(req("cap.scheduler.cancel", "a cancel on the bus ends a job in any state but an end"), async () => {
    const { beat, submit, cancel, answer, scheduler, dispatched, clock } = await setUp({
      pools: POOLS,
      safety: ({ jobId }) => (jobId === "ask" ? { decision: DecisionType.REQUIRE_HUMAN } : allow),
    });
    await submit({ jobId: "waits" });
    await submit({ jobId: "ask" });
    await beat("w-1");
    await submit({ jobId: "runs" });
    await submit({ jobId: "done" });
    await answer("done", JobStatus.SUCCEEDED);
    for (const id of ["waits", "ask", "runs", "done", "unknown"]) await cancel(id);
    expect(["waits", "ask", "runs", "done"].map((id) => scheduler.job(id)?.state)).toEqual([
      "CANCELLED",
      "CANCELLED",
      "CANCELLED",
      "SUCCEEDED",
    ]);
    expect(scheduler.job("runs")?.reason).toBe("enough");
    await clock.advance(10_000);
    expect(dispatched().map(({ request }) => request.jobId)).toEqual(["runs", "done"]);
  });

  it("cancelling through the scheduler tells the workers", async () => {
    const { submit, scheduler, heard, clock } = await setUp();
    await submit({});
    expect(await scheduler.cancel("j")).toBe(true);
    expect(await scheduler.cancel("j")).toBe(false);
    await clock.settle();
    const cancels = heard.filter(({ subject }) => subject === "sys.job.cancel");
    expect(cancels).toMatchObject([
      {
        packet: {
          traceId: "j",
          payload: {
            value: { jobId: "j", reason: "cancelled by request", requestedBy: "cordum-scheduler" },
          },
        },
      },
    ]);
    await expect(scheduler.cancel("ghost")).rejects.toBeInstanceOf(NotFoundError);
  });

  it(
    req("cap.scheduler.timeouts", "a job ends TIMEOUT at the scan after its time, and nobody is told"),
    async () => {
      const { submit, scheduler, heard, clock } = await setUp();
      await submit({ jobId: "deadline", budget: { deadlineMs: 1_000n } });
      await submit({ jobId: "long" });
      const before = heard.length;
      await clock.advance(29_999);
      expect(scheduler.job("deadline")?.state).toBe("RUNNING");
      await clock.advance(1);
      expect(scheduler.job("deadline")).toMatchObject({
        state: "TIMEOUT",
        reason: "timeout: deadline expired",
      });
      await clock.advance(9_000_000 - 30_001);
      expect(scheduler.job("long")?.state).toBe("RUNNING");
      await clock.advance(1);
      expect(scheduler.job("long")).toMatchObject({ state: "TIMEOUT", reason: "timeout: RUNNING exceeded" });
      expect(heard).toHaveLength(before);
    },
  );

  it("a job that could not be published within the dispatch timeout ends TIMEOUT", async () => {
    const { bus } = brokenBus("job.echo", Infinity);
    const { scheduler, clock } = await setUp({ bus, dispatchTimeoutMs: 60_000 });
    await new Party({ bus, senderId: "c" }).send("sys.job.submit", {
      case: "jobRequest",
      value: { jobId: "j", topic: "job.echo" },
    });
    await clock.advance(59_999);
    expect(scheduler.job("j")?.state).toBe("SCHEDULED");
    await clock.advance(1);
    expect(scheduler.job("j")).toMatchObject({ state: "TIMEOUT", reason: "timeout: SCHEDULED exceeded" });
  });
});
