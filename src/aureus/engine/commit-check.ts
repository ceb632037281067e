/** The gate between a task's result and the state: judge, recover, or refuse. */
import type { Commit, TaskSpec } from "../../../gen/aureus/v1/models.js";
import { failureReasons, recover } from "./recovery.js";
import type { RunScope } from "./task-context.js";
import type { TaskRun } from "./workflow-state.js";

/** What comes of a result. */
export type CommitVerdict =
  | { readonly ok: true; readonly data: unknown }
  | {
      readonly ok: false;
      readonly error: string;
      readonly handedOn: boolean;
      /** What the failure event says about the recovery. */
      readonly recovery: Readonly<Record<string, boolean>>;
    };

/** Puts a result before the gate of its task, and a blocked one before the recovery. Rejects with what a validator throws. */
export async function checkCommit(
  task: TaskSpec,
  run: TaskRun,
  data: unknown,
  scope: RunScope,
): Promise<CommitVerdict> {
  const { gate: choice, recovery } = scope.parts;
  const gate = typeof choice === "function" ? choice(task) : choice;
  if (gate === undefined) return { ok: true, data };
  const { workflowId } = scope;
  const commit: Commit = {
    id: `${workflowId}-${task.id}-${run.attempt}`,
    data,
    previousState: run.result,
    metadata: { workflowId, taskId: task.id, attempt: run.attempt },
  };
  const log = (metadata: Readonly<Record<string, unknown>>): void =>
    scope.log({ type: "STATE_UPDATED", taskId: task.id, metadata });
  const result = await gate.validate(commit);
  const { passed, gateName, blockedCommit } = result;
  log({ crvGateResult: { passed, gateName, blockedCommit } });
  if (!blockedCommit) return { ok: true, data };
  const strategy = result.recoveryStrategy;
  if (!strategy || recovery === undefined) {
    const error = `CRV gate blocked commit: ${failureReasons(result)}`;
    return { ok: false, error, handedOn: false, recovery: { recoveryAttempted: false } };
  }
  const outcome = await recover(gate, commit, result, strategy, recovery);
  const letThrough = outcome.error === undefined;
  // Data that failed again is reported by the failure of the task alone, as the engine does it.
  if (outcome.status !== "refused") {
    const success = letThrough || outcome.status === "handed_on";
    const message = outcome.result?.message ?? "Recovery strategy execution failed";
    const why = outcome.threw === true ? { error: outcome.error } : {};
    log({ crvRecovery: { strategyType: strategy.type, success, message, ...why } });
  }
  if (letThrough) return { ok: true, data: outcome.data };
  const recoverySuccess = outcome.status === "handed_on" || outcome.status === "refused";
  return {
    ok: false,
    error: outcome.error,
    handedOn: outcome.status === "handed_on",
    recovery: { recoveryAttempted: true, recoverySuccess },
  };
}
