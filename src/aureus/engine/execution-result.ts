/** How a run ended, in the words of V1. */
import type {
  TaskExecutionResult,
  WorkflowExecutionResult,
  WorkflowSpec,
} from "../../../gen/aureus/v1/models.js";
import type { TaskRun, WorkflowRun } from "./workflow-state.js";

/**
 * `success` when the workflow is completed, `partial` when it failed after a task had succeeded, else `failed`.
 * A task that was never started is `skipped`; only one that succeeded tells its duration.
 */
export function executionResult(
  workflow: WorkflowSpec,
  run: WorkflowRun,
  durationMs: number,
  correlationId?: string | null,
): WorkflowExecutionResult {
  const results = workflow.tasks.map(({ id }) => taskResult(id, run.tasks.get(id)));
  const succeeded = results.some(({ status }) => status === "success");
  return {
    workflowId: workflow.id,
    status: run.status === "completed" ? "success" : succeeded ? "partial" : "failed",
    taskResults: Object.fromEntries(results.map((result) => [result.taskId, result])),
    ...(run.error !== undefined && { error: run.error }),
    durationMs,
    ...(correlationId != null && { correlationId }),
  };
}

function taskResult(taskId: string, run: TaskRun | undefined): TaskExecutionResult {
  if (run === undefined || run.attempt === 0) return { taskId, status: "skipped" };
  if (run.status !== "completed") {
    return { taskId, status: "failed", ...(run.error !== undefined && { error: run.error }) };
  }
  const durationMs = (run.completedAt ?? 0) - (run.startedAt ?? 0);
  return { taskId, status: "success", result: run.result, durationMs };
}
