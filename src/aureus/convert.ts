/** A V1 workflow as the console takes it. */
import type {
  Action as ConsoleAction,
  Principal as ConsolePrincipal,
  WorkflowSpec as ConsoleWorkflow,
} from "../../gen/aureus/console/models.js";
import type { Principal, TaskSpec, Action as V1Action, WorkflowSpec } from "../../gen/aureus/v1/models.js";

/** A member that the console does not support, and its path. */
export interface Unplaced {
  /** Such as `tasks.0.requiredPermissions.0.conditions`. */
  readonly path: string;
  readonly value: unknown;
}

/** Members whose content is the user's: null in there is a value. */
const OPAQUE = new Set(["inputs", "args", "permissions"]);

function clean(value: unknown, path: string, unplaced: Unplaced[], inside = ""): unknown {
  if (Array.isArray(value))
    return value.map((item, index) => clean(item, `${path}.${index}`, unplaced, inside));
  if (typeof value !== "object" || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const at = path === "" ? key : `${path}.${key}`;
    if (item === null || item === undefined) continue;
    if (inside === "requiredPermissions" && key === "conditions") unplaced.push({ path: at, value: item });
    else result[key] = OPAQUE.has(key) || key === "dependencies" ? item : clean(item, at, unplaced, key);
  }
  // The console asks for the arguments, V1 does not.
  if (inside === "compensationAction" && result.args === undefined) result.args = {};
  return result;
}

/** A converted workflow. */
export interface ConvertedWorkflow {
  readonly spec: ConsoleWorkflow;
  /** What the console would silently drop: `conditions` of permissions. The engine ignores them as well. */
  readonly unplaced: readonly Unplaced[];
}

/**
 * A workflow of `AureusClient` in the form that `AureusConsoleClient` sends: camelCase members as they are,
 * nulls left out, tiers of tasks unchanged (upper case in both). Nothing is dropped without being named.
 */
export function toConsoleWorkflow(workflow: WorkflowSpec): ConvertedWorkflow {
  const unplaced: Unplaced[] = [];
  const spec = clean(workflow, "", unplaced) as ConsoleWorkflow;
  return { spec, unplaced };
}

/** An object without the members that are null, which the console would refuse. */
type Present<T> = { [Key in keyof T]: Exclude<T[Key], null> };

function present<T extends object>(value: T): Present<T> {
  const members = Object.entries(value).filter(([, item]) => item !== null && item !== undefined);
  return Object.fromEntries(members) as Present<T>;
}

/** What the console's policy guard is asked, from an action and a principal of V1 or of the console. */
export function simulationRequest(
  action: V1Action | ConsoleAction,
  principal: Principal | ConsolePrincipal,
): { action: ConsoleAction; principal: ConsolePrincipal } {
  return {
    action: {
      ...present(action),
      requiredPermissions: action.requiredPermissions.map((one) => present(one)),
    },
    principal: { ...principal, permissions: principal.permissions.map((one) => present(one)) },
  };
}

/**
 * The policy action behind a task, as the engine derives it: same id, tier in lower case (`low` where the task
 * has none), the task's permissions.
 */
export function actionOfTask(task: TaskSpec): V1Action {
  const { id, name, riskTier, requiredPermissions, intent, dataZone, allowedTools } = task;
  return {
    id,
    name,
    riskTier: (riskTier ?? "LOW").toLowerCase() as V1Action["riskTier"],
    requiredPermissions: requiredPermissions ?? [],
    ...(intent != null && { intent }),
    ...(dataZone != null && { dataZone }),
    ...(allowedTools != null && { allowedTools }),
  };
}
