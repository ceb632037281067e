import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { BusPacket, JobRequest } from "../../gen/cap/index.js";
import { JobPriority, JobRequestSchema } from "../../gen/cap/index.js";
import { compensation, InvalidInputError, rollbackRequests, Workflow } from "../../src/cap/index.js";
import { type CompensationInit, compensationRequest } from "../../src/cap/jobs/compensation.js";
import { createPacket } from "../../src/cap/packet.js";
import { req } from "../requirements/index.ts";
import { failure, setUp } from "./stack.ts";

describe("a workflow", () => {
  it(
    req("cap.client.workflow", "numbers its jobs and joins them by workflow id, parent and trace"),
    async () => {
      const packets: BusPacket[] = [];
      const { client } = await setUp((_, { packet }) => {
        packets.push(packet);
        return {};
      });
      const flow = Workflow.create({ workflowId: "wf", traceId: "trace", tenantId: "t", principalId: "p" });
      await client.submitAndWait(flow.job({ jobId: "a", topic: "job.x", input: 1 }));
      await client.submitAndWait(flow.job({ jobId: "b", topic: "job.x", tenantId: "other" }));
      const children = flow.under("b");
      await client.submitAndWait(children.job({ jobId: "c", topic: "job.x", stepIndex: 5 }));
      await client.submitAndWait(children.job({ jobId: "d", topic: "job.x" }), { traceId: "own" });
      const seen = packets.map(({ traceId, payload }) => {
        const { jobId, workflowId, parentJobId, stepIndex, tenantId, principalId } =
          payload.value as JobRequest;
        return [jobId, traceId, workflowId, parentJobId, stepIndex, tenantId, principalId];
      });
      expect(seen).toEqual([
        ["a", "trace", "wf", "", 0, "t", "p"],
        ["b", "trace", "wf", "", 1, "other", "p"],
        ["c", "trace", "wf", "b", 5, "t", "p"],
        ["d", "own", "wf", "b", 0, "t", "p"],
      ]);
    },
  );

  it("goes on from a job that a worker runs, and makes its own ids where there are none", () => {
    const value = { jobId: "parent", topic: "job.x", tenantId: "t", principalId: "p" };
    const packet = createPacket({ case: "jobRequest", value }, { senderId: "s", traceId: "trace" });
    const child = Workflow.continue(packet).job({ topic: "job.y" });
    expect(child).toMatchObject({
      parentJobId: "parent",
      workflowId: "parent",
      traceId: "trace",
      tenantId: "t",
      principalId: "p",
    });
    const cancel = createPacket(
      { case: "jobCancel", value: { jobId: "x", requestedBy: "s" } },
      { senderId: "s" },
    );
    expect(() => Workflow.continue(cancel)).toThrow(InvalidInputError);
    const [one, two] = [Workflow.create(), Workflow.create()];
    expect(one.workflowId).toMatch(/^workflow-/);
    expect(one.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(one.workflowId).not.toBe(two.workflowId);
  });
});

describe("compensation", () => {
  const job = (init: { readonly jobId?: string; readonly compensation?: CompensationInit }) =>
    create(JobRequestSchema, {
      jobId: "j",
      topic: "job.book",
      contextPtr: "redis://ctx:j",
      priority: JobPriority.CRITICAL,
      adapterId: "a",
      env: { region: "eu" },
      memoryId: "m",
      tenantId: "t",
      principalId: "p",
      labels: { l: "1" },
      meta: { tenantId: "t", idempotencyKey: "the job's own", capability: "book" },
      budget: { deadlineMs: 5n },
      workflowId: "wf",
      stepIndex: 3,
      ...init,
    } as never);

  it(req("cap.client.compensation", "inherits what it leaves empty, and has a key of its own"), () => {
    const undo = compensationRequest(job({ compensation: compensation({ topic: "job.unbook" }) }))!;
    expect(create(JobRequestSchema, undo)).toMatchObject({
      jobId: "compensate-j",
      topic: "job.unbook",
      contextPtr: "redis://ctx:j",
      priority: JobPriority.CRITICAL,
      adapterId: "a",
      env: { region: "eu" },
      memoryId: "m",
      tenantId: "t",
      principalId: "p",
      labels: { l: "1" },
      meta: { tenantId: "t", idempotencyKey: "compensate:j", capability: "book" },
      budget: { deadlineMs: 5n },
      parentJobId: "j",
      workflowId: "wf",
      stepIndex: 3,
    });
    const own = {
      topic: "job.u",
      contextPtr: "redis://ctx:u",
      priority: JobPriority.BATCH,
      env: { region: "us" },
      labels: { x: "2" },
      tenantId: "t2",
      meta: { capability: "unbook" },
      budget: { deadlineMs: 9n },
    };
    expect(create(JobRequestSchema, compensationRequest(job({ compensation: own }))!)).toMatchObject({
      ...own,
      meta: { capability: "unbook", idempotencyKey: "compensate:j" },
    });
    expect(compensationRequest(job({}))).toBeUndefined();
  });

  it(
    req("cap.client.compensation", "a rollback undoes the last job first, and leaves out what has none"),
    () => {
      const jobs = ["1", "2", "3"].map((jobId) =>
        job({ jobId, ...(jobId === "2" ? {} : { compensation: { topic: `job.undo${jobId}` } }) }),
      );
      expect(rollbackRequests(jobs).map(({ topic, jobId }) => [topic, jobId])).toEqual([
        ["job.undo3", "compensate-3"],
        ["job.undo1", "compensate-1"],
      ]);
    },
  );

  it(
    req("cap.client.compensation", "one that breaks a rule is refused, when made and when sent"),
    async () => {
      const labels = Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`l${i}`, ""]));
      const bad = { labels, priority: 9 as JobPriority, budget: { deadlineMs: -1n } };
      let thrown: unknown;
      try {
        compensation(bad);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(InvalidInputError);
      expect((thrown as InvalidInputError).details).toMatchObject({
        issues: [
          { field: "compensation.priority" },
          { field: "compensation.labels" },
          { field: "compensation.budget.deadline_ms" },
        ],
      });
      const { client } = await setUp(() => ({}));
      expect(await failure(client.submit({ topic: "job.x", compensation: bad }))).toBeInstanceOf(
        InvalidInputError,
      );
      const seen: JobRequest[] = [];
      const { client: other } = await setUp((request) => {
        seen.push(request);
        return {};
      });
      await other.submitAndWait({ topic: "job.x", compensation: compensation({}) });
      expect(seen[0]!.compensation).toMatchObject({ topic: "" });
    },
  );
});
