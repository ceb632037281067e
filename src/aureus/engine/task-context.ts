/** What a task is run with. */
import type { CompensationAction, Principal, TaskSpec } from "../../../gen/aureus/v1/models.js";
import type { Clock } from "../../core/clock.js";
import type { CrvGate } from "./gate.js";
import type { GoalGuard } from "./goal-guard.js";
import type { RecoveryExecutor } from "./recovery.js";
import type { EngineEvent } from "./workflow-state.js";

/** What a task's executor receives besides the task. */
export interface TaskContext {
  readonly workflowId: string;
  readonly taskId: string;
  /** 1 is the first. */
  readonly attempt: number;
  /** The data that came with the workflow. */
  readonly context: Readonly<Record<string, unknown>>;
  /** Results of the tasks that are done, by task id. Grows as the run proceeds; copy it to keep it. */
  readonly results: Readonly<Record<string, unknown>>;
  readonly correlationId?: string | undefined;
  /** Fires when the attempt times out or the run is cancelled. */
  readonly signal: AbortSignal;
}

/** Does a task and returns its result. Throwing fails the attempt. */
export type TaskExecutor = (task: TaskSpec, context: TaskContext) => unknown;

/** Undoes what a task did. Throwing is noted, and the next compensation runs all the same. */
export type CompensationExecutor = (
  action: CompensationAction,
  where: { readonly workflowId: string; readonly taskId: string },
) => unknown;

/** What the engine works with. */
export interface EngineParts {
  readonly execute: TaskExecutor;
  readonly compensate?: CompensationExecutor | undefined;
  /** Checks tasks that have a risk tier; needs `principal` too. */
  readonly guard?: GoalGuard | undefined;
  /** On whose behalf tasks run. */
  readonly principal?: Principal | undefined;
  /** Judges every result before it counts: one gate for all tasks, or one chosen by task. */
  readonly gate?: CrvGate | ((task: TaskSpec) => CrvGate | undefined) | undefined;
  /** Carries out the strategy of the gate. Without it nothing is recovered, `ignore` included. */
  readonly recovery?: RecoveryExecutor | undefined;
  readonly clock: Clock;
  /** From 0 up to 1, for jitter. */
  readonly random: () => number;
}

/** What happened, without time and workflow, which the engine adds. */
export type EventDraft = Pick<EngineEvent, "type"> &
  Partial<Pick<EngineEvent, "taskId" | "data" | "metadata">>;

/** One run, as its tasks see it. */
export interface RunScope {
  readonly parts: EngineParts;
  readonly workflowId: string;
  readonly context: Readonly<Record<string, unknown>>;
  readonly results: Record<string, unknown>;
  readonly correlationId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly log: (event: EventDraft) => void;
}
