/** A small workflow runner: tasks that wait for each other and hand their outputs on. */
import { ValidationError } from "../../core/errors.js";
import { uuid } from "../../core/ids.js";
import type { TaskOutcome, TaskRetry, TaskSubmission } from "./types.js";

/** When a task runs, by how its dependencies ended. `completed` here means ended in any way. */
export type DependencyCondition =
  | "all_succeeded"
  | "all_completed"
  | "any_succeeded"
  | "any_completed"
  | "any_failed";

/** One task of a workflow. */
export interface WorkflowTask {
  /** Lower-case letters, digits and `_`, at most 64, a letter first. */
  readonly taskId: string;
  readonly requiredCapability: string;
  /** Members of the task's input. Default: none. */
  readonly input?: Readonly<Record<string, unknown>> | undefined;
  /** Members taken from the context by dot paths, such as `results.fetch.body`; they win over `input`. */
  readonly contextMapping?: { readonly inputMappings: Readonly<Record<string, string>> } | undefined;
  /** Tasks that must have ended before. Default: none. */
  readonly dependsOn?: readonly string[] | undefined;
  /** Default: `all_succeeded`. A task whose condition cannot come true any more is skipped. */
  readonly dependencyCondition?: DependencyCondition | undefined;
  /** Default: none, so that the first failure is the end. */
  readonly retry?: TaskRetry | undefined;
  readonly onBehalfOf?: string | undefined;
}

/** A workflow. */
export interface WorkflowDefinition {
  /** Default: a random one. */
  readonly workflowId?: string | undefined;
  readonly tasks: readonly WorkflowTask[];
  /** What tasks read as `input.…` and `shared.…`. Default: empty. */
  readonly context?:
    | {
        readonly input?: Readonly<Record<string, unknown>> | undefined;
        readonly shared?: Readonly<Record<string, unknown>> | undefined;
      }
    | undefined;
}

/** How a task of a workflow ended. */
export type WorkflowTaskResult =
  | TaskOutcome
  | { readonly status: "skipped" }
  | { readonly status: "failed"; readonly code: "CONTEXT_PATH_NOT_FOUND"; readonly reason: string };

/** How a workflow ended. */
export interface WorkflowResult {
  readonly workflowId: string;
  /** `completed` when no task failed or was cancelled. */
  readonly status: "completed" | "failed";
  readonly tasks: Readonly<Record<string, WorkflowTaskResult>>;
  /** Outputs of the tasks that completed. */
  readonly results: Readonly<Record<string, unknown>>;
}

/** Runs a workflow to its end; `submit` takes its tasks. */
export async function runWorkflow(
  submit: (task: TaskSubmission) => Promise<TaskOutcome>,
  definition: WorkflowDefinition,
): Promise<WorkflowResult> {
  const order = checked(definition);
  const workflowId = definition.workflowId ?? uuid();
  const results: Record<string, unknown> = {};
  const context = {
    input: definition.context?.input ?? {},
    shared: definition.context?.shared ?? {},
    results,
  };
  const running = new Map<string, Promise<WorkflowTaskResult>>();
  const run = async (task: WorkflowTask): Promise<WorkflowTaskResult> => {
    const { taskId, requiredCapability: capability, retry, onBehalfOf } = task;
    const before = (task.dependsOn ?? []).map((id) => running.get(id)!);
    if (!(await mayRun(task.dependencyCondition ?? "all_succeeded", before))) return { status: "skipped" };
    const input: Record<string, unknown> = { ...task.input };
    for (const [member, path] of Object.entries(task.contextMapping?.inputMappings ?? {})) {
      const value = lookUp(context, path);
      if (value === undefined) {
        return { status: "failed", code: "CONTEXT_PATH_NOT_FOUND", reason: `there is nothing at ${path}` };
      }
      input[member] = value;
    }
    const spec = { capability, input, workflowId, taskId: `${workflowId}:${taskId}`, retry, onBehalfOf };
    const outcome = await submit(spec);
    if (outcome.status === "completed") results[taskId] = outcome.output;
    return outcome;
  };
  for (const task of order) running.set(task.taskId, run(task));
  const ends = await Promise.all(
    definition.tasks.map(async ({ taskId }) => [taskId, await running.get(taskId)!] as const),
  );
  const tasks = Object.fromEntries(ends);
  const good = Object.values(tasks).every(({ status }) => status === "completed" || status === "skipped");
  return { workflowId, status: good ? "completed" : "failed", tasks, results };
}

/** The tasks, each behind those it waits for. */
function checked({ tasks }: WorkflowDefinition): WorkflowTask[] {
  const order: WorkflowTask[] = [];
  const placed = new Set<string>();
  const invalid = (code: string, message: string): ValidationError => new ValidationError(message, { code });
  for (const { taskId, contextMapping } of tasks) {
    if (!/^[a-z][a-z0-9_]{0,63}$/.test(taskId))
      throw invalid("INVALID_TASK_ID", `${taskId} is not a task id`);
    for (const path of Object.values(contextMapping?.inputMappings ?? {})) {
      if (!/^(input|results|shared)\./.test(path)) {
        throw invalid("INVALID_CONTEXT_PATH_ROOT", `${path} must begin with input, results or shared`);
      }
    }
  }
  if (new Set(tasks.map(({ taskId }) => taskId)).size < tasks.length) {
    throw invalid("INVALID_TASK_ID", "a task id stands there twice");
  }
  while (order.length < tasks.length) {
    const ready = tasks.filter(
      ({ taskId, dependsOn = [] }) => !placed.has(taskId) && dependsOn.every((id) => placed.has(id)),
    );
    if (ready.length === 0) {
      throw invalid("UNKNOWN_DEPENDENCY", "a task waits for one that is not there, or for itself");
    }
    for (const task of ready) {
      order.push(task);
      placed.add(task.taskId);
    }
  }
  return order;
}

/** Waits until the condition holds or can no longer hold. Without dependencies it holds. */
async function mayRun(
  condition: DependencyCondition,
  before: readonly Promise<WorkflowTaskResult>[],
): Promise<boolean> {
  if (before.length === 0) return true;
  const [quantity, quality] = condition.split("_") as ["all" | "any", string];
  const fits = before.map(async (task) => {
    const { status } = await task;
    if (quality === "completed") return true;
    return quality === "succeeded" ? status === "completed" : status !== "completed" && status !== "skipped";
  });
  if (quantity === "all") return (await Promise.all(fits)).every(Boolean);
  const one = fits.map(async (fit) => {
    if (!(await fit)) throw new Error("not this one");
  });
  return Promise.any(one).then(
    () => true,
    () => false,
  );
}

function lookUp(context: object, path: string): unknown {
  let at: unknown = context;
  for (const key of path.split(".")) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[key];
  }
  return at;
}
