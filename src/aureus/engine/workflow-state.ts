/** What the engine knows of a workflow while it runs and afterwards. */
import type { WorkflowEvent } from "../../../gen/aureus/console/models.js";
import type { WorkflowSpec } from "../../../gen/aureus/v1/models.js";

/** An event of a run, in the form of the console. */
export type EngineEvent = WorkflowEvent;

/** The status of a task. */
export type TaskRunStatus = "pending" | "running" | "retrying" | "completed" | "failed" | "timeout";

/** One task of a run. Times are milliseconds since the epoch. */
export interface TaskRun {
  readonly taskId: string;
  status: TaskRunStatus;
  /** Attempts so far. They stay when the workflow is run again, so a task that used them all up fails at once. */
  attempt: number;
  startedAt?: number;
  completedAt?: number;
  result?: unknown;
  /** That of the latest failed attempt, also when a later one succeeded. */
  error?: string;
  /** A human or another peer took the failure over: the workflow fails without an error of its own. */
  handedOn?: boolean;
}

/** One workflow. Times are milliseconds since the epoch. */
export interface WorkflowRun {
  readonly workflowId: string;
  /** As it was run last. */
  spec: WorkflowSpec;
  /** That of the last run. */
  correlationId?: string | undefined;
  status: "pending" | "running" | "completed" | "failed";
  readonly startedAt: number;
  /** Only of a completed one. */
  completedAt?: number;
  /** Why it failed: `Workflow <id>, Task <id>: …`. */
  error?: string;
  /** Every task that was started in its turn, in the order of their first start. Running as a hook changes nothing. */
  readonly tasks: Map<string, TaskRun>;
  /** Latest runs of tasks as compensation hooks. Their attempts count when the workflow is run again. */
  readonly hooks: Map<string, TaskRun>;
  /** Tasks that are done and are skipped when the workflow is run again. */
  readonly done: Set<string>;
  /** What happened, oldest first, as the console tells it. */
  readonly events: EngineEvent[];
}

/** A task that was never started. */
export function newTaskRun(taskId: string): TaskRun {
  return { taskId, status: "pending", attempt: 0 };
}
