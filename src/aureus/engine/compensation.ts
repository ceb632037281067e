/** What runs when a workflow fails: the hook of the failed task, then the undoing of what is done. */
import type { TaskSpec, WorkflowSpec } from "../../../gen/aureus/v1/models.js";
import { errorText } from "../../core/errors.js";
import type { RunScope } from "./task-context.js";
import { runTask } from "./task-runner.js";
import { newTaskRun, type WorkflowRun } from "./workflow-state.js";

/**
 * Runs the task that the failed one names for its kind of failure, if there is such a task. It starts from where the
 * task stands, so attempts that are used up are not repeated, and what comes of it is kept apart from the outcome
 * that the task had in its turn.
 */
export async function runHook(
  workflow: WorkflowSpec,
  failed: TaskSpec,
  timedOut: boolean,
  scope: RunScope,
  { tasks, hooks }: Pick<WorkflowRun, "tasks" | "hooks">,
): Promise<void> {
  const id = timedOut ? failed.compensation?.onTimeout : failed.compensation?.onFailure;
  const task = workflow.tasks.find((candidate) => candidate.id === id);
  if (task === undefined) return;
  scope.log({ type: "COMPENSATION_TRIGGERED", taskId: task.id });
  const run = { ...(hooks.get(task.id) ?? tasks.get(task.id) ?? newTaskRun(task.id)) };
  hooks.set(task.id, run);
  await runTask(task, run, scope);
}

/** Runs the compensation actions of tasks that are done, the last one first. One that fails does not stop the others. */
export async function undo(done: readonly TaskSpec[], scope: RunScope): Promise<void> {
  const { workflowId, parts } = scope;
  for (const { id: taskId, compensationAction: action } of done.toReversed()) {
    if (!action) continue;
    const metadata = { compensationFor: taskId };
    scope.log({ type: "COMPENSATION_TRIGGERED", taskId, metadata });
    if (parts.compensate === undefined) continue;
    try {
      await parts.compensate(action, { workflowId, taskId });
      const data = { tool: action.tool, args: action.args ?? {} };
      scope.log({ type: "COMPENSATION_COMPLETED", taskId, data });
    } catch (error) {
      const failure = { ...metadata, error: errorText(error) };
      scope.log({ type: "COMPENSATION_FAILED", taskId, metadata: failure });
    }
  }
}
