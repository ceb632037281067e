/** Runs one task: policy before every attempt, the tool, the gate, retries. */
import type { TaskSpec } from "../../../gen/aureus/v1/models.js";
import { withDeadline } from "../../core/abort.js";
import { sleep } from "../../core/clock.js";
import { errorText, TimeoutError } from "../../core/errors.js";
import { actionOfTask } from "../convert.js";
import { checkCommit } from "./commit-check.js";
import { attemptWaitMs, maxAttempts } from "./retry-waits.js";
import type { RunScope } from "./task-context.js";
import type { TaskRun } from "./workflow-state.js";

/** Runs a task until it is completed, failed or timed out; `run` is changed on the way. Never rejects. */
export async function runTask(task: TaskSpec, run: TaskRun, scope: RunScope): Promise<void> {
  if (task.idempotencyKey && run.status === "completed") return;
  const limit = maxAttempts(task.retry);
  for (let failed = 1; run.attempt < limit; failed++) {
    const outcome = await attempt(task, run, scope);
    if (outcome === "over") return;
    const last = run.attempt >= limit || scope.signal?.aborted === true;
    const metadata = { attempt: run.attempt, error: run.error };
    if (last) {
      run.status = outcome === "timeout" ? "timeout" : "failed";
      const type = outcome === "timeout" ? "TASK_TIMEOUT" : "TASK_FAILED";
      scope.log({ type, taskId: task.id, metadata });
      return;
    }
    run.status = "retrying";
    scope.log({ type: "TASK_RETRY", taskId: task.id, metadata });
    const waitMs = attemptWaitMs(task.retry, failed, scope.parts.random);
    // A cancelled wait is reported by the signal; the next attempt then does not start.
    await sleep(waitMs, { clock: scope.parts.clock, signal: scope.signal }).catch(() => {});
    if (scope.signal?.aborted) break;
  }
  run.status = "failed";
}

/** One attempt. `over`: the task is completed or has failed for good. */
async function attempt(
  task: TaskSpec,
  run: TaskRun,
  scope: RunScope,
): Promise<"over" | "failed" | "timeout"> {
  const { clock } = scope.parts;
  run.attempt++;
  run.status = "running";
  run.startedAt = clock.now();
  scope.log({ type: "TASK_STARTED", taskId: task.id, metadata: { attempt: run.attempt } });
  if (refusedByPolicy(task, run, scope)) return "over";
  try {
    const data = await execute(task, run, scope);
    const verdict = await checkCommit(task, run, data, scope);
    if (!verdict.ok) {
      run.status = "failed";
      run.error = verdict.error;
      run.handedOn = verdict.handedOn;
      const metadata = { attempt: run.attempt, error: run.error, crvBlocked: true, ...verdict.recovery };
      scope.log({ type: "TASK_FAILED", taskId: task.id, metadata });
      return "over";
    }
    run.status = "completed";
    run.result = verdict.data;
    run.completedAt = clock.now();
    const metadata = { attempt: run.attempt, duration: run.completedAt - run.startedAt };
    scope.log({ type: "TASK_COMPLETED", taskId: task.id, metadata });
    return "over";
  } catch (error) {
    run.error = errorText(error);
    return error instanceof AttemptTimeout ? "timeout" : "failed";
  }
}

class AttemptTimeout extends Error {}

function refusedByPolicy(task: TaskSpec, run: TaskRun, scope: RunScope): boolean {
  const { guard, principal } = scope.parts;
  if (guard === undefined || principal === undefined || !task.riskTier) return false;
  const { metadata: _, ...decision } = guard.evaluate(
    principal,
    actionOfTask(task),
    task.toolName,
    scope.workflowId,
  );
  scope.log({ type: "STATE_UPDATED", taskId: task.id, metadata: { policyDecision: decision } });
  if (decision.allowed) return false;
  run.status = "failed";
  run.error = `Policy gate blocked: ${decision.reason}${decision.requiresHumanApproval ? ". Approval required." : ""}`;
  const metadata = { attempt: run.attempt, error: run.error, policyBlocked: true };
  scope.log({ type: "TASK_FAILED", taskId: task.id, metadata });
  return true;
}

/** The tool under the task's time limit. */
async function execute(task: TaskSpec, run: TaskRun, scope: RunScope): Promise<unknown> {
  const timeoutMs = task.timeoutMs || undefined;
  const limits = { signal: scope.signal, clock: scope.parts.clock, ...(timeoutMs && { timeoutMs }) };
  // The tool's own errors travel as values, so that a TimeoutError of a tool is not taken for ours.
  const outcome = await withDeadline(limits, async (signal) => {
    try {
      const { workflowId, context, results, correlationId } = scope;
      const told = {
        workflowId,
        taskId: task.id,
        attempt: run.attempt,
        context,
        results,
        correlationId,
        signal,
      };
      return { data: await scope.parts.execute(task, told) };
    } catch (error) {
      return { error };
    }
  }).catch((error: unknown) => {
    if (!(error instanceof TimeoutError)) throw error;
    throw new AttemptTimeout(`Task ${task.id} timed out after ${timeoutMs}ms`);
  });
  if ("error" in outcome) throw outcome.error;
  return outcome.data;
}
