import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Neuron } from "../../src/neuron/index.js";
import type { WorkflowTask } from "../../src/testing/big-brain/workflow.js";
import { LocalBigBrain } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";

let brain: LocalBigBrain;
let neuron: Neuron;
const failing = new Map<string, number>();

beforeEach(async () => {
  brain = await LocalBigBrain.start();
  neuron = new Neuron({ gatewayUrl: brain.url, neuronId: "n-1", auth: () => "t" });
  neuron.handle({ type: "acme/join", scope: "any", concurrency: 4 }, (input, ctx) => {
    const { taskId } = ctx.task;
    const left = failing.get(taskId) ?? 0;
    failing.set(taskId, left - 1);
    if (left > 0) throw new Error("not yet");
    if ((input as { fail?: boolean }).fail) ctx.fail("told to");
    return { text: Object.values(input as object).join("+"), attempt: ctx.task.attempt };
  });
  await neuron.start();
});
afterEach(async () => {
  await neuron.stop();
  await brain.close();
  failing.clear();
});

const task = (taskId: string, more: Partial<WorkflowTask> = {}): WorkflowTask => ({
  taskId,
  requiredCapability: "acme/join",
  ...more,
});

describe("runWorkflow", () => {
  it(
    req("neuron.gateway.workflow", "hands outputs on, and tries again where a retry is asked for"),
    async () => {
      failing.set("w:second", 2);
      const result = await brain.runWorkflow({
        workflowId: "w",
        context: { input: { name: "x" }, shared: { unit: { name: "kg" } } },
        tasks: [
          task("second", {
            dependsOn: ["first"],
            input: { a: "replaced", b: "static" },
            contextMapping: { inputMappings: { a: "results.first.text", c: "shared.unit.name" } },
            retry: { maxRetries: 2, backoffMs: 1 },
          }),
          task("first", { contextMapping: { inputMappings: { n: "input.name" } } }),
        ],
      });
      expect(result).toMatchObject({
        status: "completed",
        results: { first: { text: "x", attempt: 0 }, second: { text: "x+static+kg", attempt: 2 } },
        tasks: { second: { attempts: 3 } },
      });
    },
  );

  it(req("neuron.gateway.workflow", "fails fast without a retry, and skips what depends on it"), async () => {
    failing.set("w:a", 1);
    const { status, tasks } = await brain.runWorkflow({
      workflowId: "w",
      tasks: [
        task("a"),
        task("b"),
        task("after_a", { dependsOn: ["a"] }),
        task("ended", { dependsOn: ["a", "b"], dependencyCondition: "all_completed" }),
        task("one_good", { dependsOn: ["a", "b"], dependencyCondition: "any_succeeded" }),
        task("one_ended", { dependsOn: ["a", "b"], dependencyCondition: "any_completed" }),
        task("rescue", { dependsOn: ["a", "b"], dependencyCondition: "any_failed" }),
        task("no_rescue", { dependsOn: ["b"], dependencyCondition: "any_failed" }),
        task("lost", { dependsOn: ["b"], contextMapping: { inputMappings: { x: "results.b.other" } } }),
      ],
    });
    expect(status).toBe("failed");
    expect(Object.fromEntries(Object.entries(tasks).map(([id, end]) => [id, end.status]))).toEqual({
      a: "failed",
      b: "completed",
      after_a: "skipped",
      ended: "completed",
      one_good: "completed",
      one_ended: "completed",
      rescue: "completed",
      no_rescue: "skipped",
      lost: "failed",
    });
    expect(tasks.a).toMatchObject({ kind: "retryable", attempts: 1 });
    expect(tasks.lost).toMatchObject({ code: "CONTEXT_PATH_NOT_FOUND" });
  });

  it.each([
    ["INVALID_TASK_ID", [task("A")]],
    ["INVALID_TASK_ID", [task("a"), task("a")]],
    ["UNKNOWN_DEPENDENCY", [task("a", { dependsOn: ["b"] })]],
    ["UNKNOWN_DEPENDENCY", [task("a", { dependsOn: ["b"] }), task("b", { dependsOn: ["a"] })]],
    ["INVALID_CONTEXT_PATH_ROOT", [task("a", { contextMapping: { inputMappings: { x: "secrets.y" } } })]],
  ])("refuses with %s before anything runs", async (code, tasks) => {
    await expect(brain.runWorkflow({ tasks })).rejects.toMatchObject({ code });
    expect(brain.stats().leases).toBe(0);
  });
});
