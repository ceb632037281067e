/** Runs workflows in this process with the semantics of the Aureus engine. */
import type { TaskSpec, WorkflowExecutionResult, WorkflowSpec } from "../../../gen/aureus/v1/models.js";
import { systemClock } from "../../core/clock.js";
import { Emitter, type Listener } from "../../core/emitter.js";
import { ConflictError } from "../../core/errors.js";
import { type Logger, safeLogger } from "../../core/logger.js";
import { runHook, undo } from "./compensation.js";
import { executionResult } from "./execution-result.js";
import type { EngineParts, RunScope } from "./task-context.js";
import { runTask } from "./task-runner.js";
import { executionOrder } from "./workflow-order.js";
import { type EngineEvent, newTaskRun, type TaskRun, type WorkflowRun } from "./workflow-state.js";

/** Options of {@link WorkflowEngine}. */
export interface WorkflowEngineOptions extends Partial<Omit<EngineParts, "execute">> {
  /** Does the tasks. */
  readonly execute: EngineParts["execute"];
  /** Workflows remembered; of those that do not run, the oldest go first. Default: 1,000. */
  readonly maxWorkflows?: number | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
}

/** Options of one run. */
export interface RunOptions {
  /** Data for all tasks. */
  readonly context?: Readonly<Record<string, unknown>> | null | undefined;
  /** Handed to the tasks and told in the result. */
  readonly correlationId?: string | null | undefined;
  /** Cancels the run: the task in flight fails without a further attempt, and the workflow with it. */
  readonly signal?: AbortSignal | undefined;
}

/** Events of the engine. */
export interface EngineEvents {
  event: EngineEvent;
}

/**
 * A workflow engine that keeps its state in memory. Tasks run one after another; the first that fails ends the
 * workflow. A workflow that is run again under the same id goes on where it stood: what is done is skipped, and
 * attempts that were used up stay used up, so a new run needs a new id.
 */
export class WorkflowEngine {
  readonly #parts: EngineParts;
  readonly #maxWorkflows: number;
  readonly #runs = new Map<string, WorkflowRun>();
  readonly #events: Emitter<EngineEvents>;

  constructor(options: WorkflowEngineOptions) {
    const { clock = systemClock, random = Math.random } = options;
    this.#parts = { ...options, clock, random };
    this.#maxWorkflows = options.maxWorkflows ?? 1_000;
    this.#events = new Emitter({ logger: safeLogger(options.logger) });
  }

  /** Calls `listener` for every event until the returned function is called. */
  on<Name extends keyof EngineEvents>(event: Name, listener: Listener<EngineEvents[Name]>): () => void {
    return this.#events.on(event, listener);
  }

  /** What is known of a workflow; it changes while the workflow runs. */
  workflow(workflowId: string): WorkflowRun | undefined {
    return this.#runs.get(workflowId);
  }

  /** Everything that is remembered, oldest first. */
  workflows(): WorkflowRun[] {
    return [...this.#runs.values()];
  }

  /**
   * Runs a workflow and tells how it ended; a failed one is a result, not an error. Ids, cycles and tiers are not
   * looked at: use `lintWorkflow` before. Rejects with a `ConflictError` while a workflow of this id runs.
   */
  async run(workflow: WorkflowSpec, options: RunOptions = {}): Promise<WorkflowExecutionResult> {
    const { clock } = this.#parts;
    const run = this.#runs.get(workflow.id) ?? this.#remember(workflow);
    if (run.status === "running") {
      throw new ConflictError(`workflow ${workflow.id} is running`, { code: "WORKFLOW_RUNNING" });
    }
    const startedAt = clock.now();
    run.spec = workflow;
    run.correlationId = options.correlationId ?? undefined;
    run.status = "running";
    delete run.error;
    const scope = this.#scope(run, options);
    scope.log({ type: "WORKFLOW_STARTED", data: { name: workflow.name } });
    await this.#runTasks(workflow, run, scope);
    return executionResult(workflow, run, clock.now() - startedAt, options.correlationId);
  }

  async #runTasks(workflow: WorkflowSpec, run: WorkflowRun, scope: RunScope): Promise<void> {
    const tasks = new Map(workflow.tasks.map((task) => [task.id, task] as const).toReversed());
    const done: TaskSpec[] = [];
    for (const taskId of executionOrder(workflow)) {
      const task = tasks.get(taskId)!;
      if (!run.done.has(taskId)) {
        const taskRun = takeUp(run, taskId);
        await runTask(task, taskRun, scope);
        if (taskRun.status !== "completed") return this.#fail(workflow, run, task, done, scope);
        run.done.add(taskId);
        scope.results[taskId] = taskRun.result;
      }
      done.push(task);
    }
    run.status = "completed";
    run.completedAt = this.#parts.clock.now();
    scope.log({ type: "WORKFLOW_COMPLETED" });
  }

  async #fail(
    workflow: WorkflowSpec,
    run: WorkflowRun,
    task: TaskSpec,
    done: readonly TaskSpec[],
    scope: RunScope,
  ): Promise<void> {
    const { status, error, handedOn } = run.tasks.get(task.id)!;
    const timedOut = status === "timeout";
    await runHook(workflow, task, timedOut, scope, run);
    await undo(done, scope);
    run.status = "failed";
    if (!handedOn) {
      run.error = `Workflow ${workflow.id}, Task ${task.id}: Task execution ${timedOut ? "timeout" : "failed"}`;
    }
    scope.log({ type: "WORKFLOW_FAILED", taskId: task.id, metadata: { error } });
  }

  #scope(run: WorkflowRun, options: RunOptions): RunScope {
    const results: Record<string, unknown> = {};
    for (const taskId of run.done) results[taskId] = run.tasks.get(taskId)?.result;
    return {
      parts: this.#parts,
      workflowId: run.workflowId,
      context: options.context ?? {},
      results,
      correlationId: options.correlationId ?? undefined,
      signal: options.signal,
      log: (draft) => {
        const timestamp = new Date(this.#parts.clock.now()).toISOString();
        const event: EngineEvent = { timestamp, workflowId: run.workflowId, ...draft };
        run.events.push(event);
        this.#events.emit("event", event);
      },
    };
  }

  #remember(spec: WorkflowSpec): WorkflowRun {
    const { id: workflowId } = spec;
    const startedAt = this.#parts.clock.now();
    const run: WorkflowRun = {
      workflowId,
      spec,
      status: "pending",
      startedAt,
      tasks: new Map(),
      hooks: new Map(),
      done: new Set(),
      events: [],
    };
    this.#runs.set(workflowId, run);
    for (const [id, old] of this.#runs) {
      if (this.#runs.size <= this.#maxWorkflows) break;
      if (old !== run && old.status !== "running") this.#runs.delete(id);
    }
    return run;
  }
}

/** Where a task goes on in its turn: after its latest run, be it as a hook. */
function takeUp(run: WorkflowRun, taskId: string): TaskRun {
  const taskRun = run.hooks.get(taskId) ?? run.tasks.get(taskId) ?? newTaskRun(taskId);
  run.hooks.delete(taskId);
  run.tasks.set(taskId, taskRun);
  return taskRun;
}
