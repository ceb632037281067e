/** What is wrong with a workflow, including what every server accepts silently. */
import type { TaskSpec, WorkflowSpec } from "../../../gen/aureus/v1/models.js";
import { isObject } from "../../core/json.js";
import { cycles, type Dependencies } from "./lint-cycles.js";
import { valueProblems } from "./lint-values.js";
import { ownValue } from "./workflow-order.js";

/** The rules of {@link lintWorkflow}. */
export type LintRule =
  | "missing"
  | "value"
  | "empty-id"
  | "duplicate-id"
  | "unknown-task"
  | "missing-dependencies"
  | "cycle"
  | "casing"
  | "null"
  | "tier-value"
  | "tier-without-permissions"
  | "tier-without-compensation"
  | "tool-not-allowed"
  | "safety-policy";

/** One finding. */
export interface LintFinding {
  readonly rule: LintRule;
  /** `error`: it will not do what it says. `warning`: it is likely not what was meant. */
  readonly severity: "error" | "warning";
  /** Where, such as `tasks.0.riskTier`; empty for the workflow itself. */
  readonly path: string;
  readonly message: string;
}

/** Members whose content, or whose keys, are the user's. */
const OPAQUE = new Set(["inputs", "args", "permissions", "conditions", "dependencies"]);

type Add = (rule: LintRule, severity: LintFinding["severity"], path: string, message: string) => void;
/** A task of which nothing is known but that it is an object. */
type LooseTask = { readonly [Name in keyof TaskSpec]?: unknown };

/**
 * Finds what neither the SDKs nor the servers check: empty, duplicate and unknown ids, cycles, members in
 * snake_case (a console drops them silently), nulls (a console refuses them), HIGH or CRITICAL tasks without
 * permissions or compensation, and safety policies, which nothing enforces. It also finds what the spec rules out:
 * missing members, wrong types, values outside their enum and numbers out of bounds. No findings means that the
 * workflow is sound. Takes any value, so that plain JSON can be linted, and never throws for what JSON can hold.
 */
export function lintWorkflow(spec: WorkflowSpec): LintFinding[] {
  const findings: LintFinding[] = [];
  const add: Add = (rule, severity, path, message) => findings.push({ rule, severity, path, message });
  for (const { kind, key, path, message } of valueProblems("WorkflowSpec", spec)) {
    add(key === "riskTier" && kind === "value" ? "tier-value" : kind, "error", path, message);
  }
  if (!isObject(spec)) return findings;
  lintMembers(spec, "", add);
  const { id, safetyPolicy } = spec as { readonly id?: unknown; readonly safetyPolicy?: unknown };
  if (id === "") add("empty-id", "error", "id", "the id of the workflow is empty");
  if (isObject(safetyPolicy)) {
    const text = "no server enforces safety rules: use permissions, risk tiers and gates";
    add("safety-policy", "warning", "safetyPolicy", text);
  }
  lintTasks(spec, add);
  return findings;
}

function lintTasks(spec: { readonly tasks?: unknown; readonly dependencies?: unknown }, add: Add): void {
  const tasks = [...listOf(spec.tasks).entries()].filter((entry): entry is [number, LooseTask] =>
    isObject(entry[1]),
  );
  const ids = new Set<unknown>();
  for (const [index, { id }] of tasks) {
    if (id === "") add("empty-id", "error", `tasks.${index}.id`, "the id is empty");
    if (id !== undefined && ids.has(id)) {
      add("duplicate-id", "error", `tasks.${index}.id`, `another task is called '${String(id)}'`);
    }
    ids.add(id);
  }
  for (const [index, task] of tasks) lintTask(task, `tasks.${index}`, ids, add);
  if (!isObject(spec.dependencies)) return;
  const dependencies: Dependencies = Object.fromEntries(
    Object.entries(spec.dependencies).map(([id, list]) => [
      id,
      listOf(list).filter((other) => typeof other === "string"),
    ]),
  );
  for (const [, { id }] of tasks) {
    if (typeof id !== "string" || ownValue(dependencies, id) !== undefined) continue;
    const text = `'${id}' has no entry; write [] if it depends on nothing`;
    add("missing-dependencies", "warning", "dependencies", text);
  }
  for (const [id, dependsOn] of Object.entries(dependencies)) {
    const path = `dependencies.${id}`;
    if (!ids.has(id)) add("unknown-task", "error", path, `no task is called '${id}'`);
    for (const other of dependsOn) {
      if (!ids.has(other)) add("unknown-task", "error", path, `depends on '${other}', which is not a task`);
    }
  }
  for (const cycle of cycles(dependencies)) {
    const text = [...cycle, cycle[0]].join(" -> ");
    add("cycle", "error", `dependencies.${cycle[0]}`, `the tasks depend on each other: ${text}`);
  }
}

function lintMembers(value: unknown, path: string, add: Add): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    const at = path === "" ? key : `${path}.${key}`;
    if (!Array.isArray(value) && key.includes("_")) {
      add("casing", "error", at, "members are camelCase; a server drops this one silently");
    }
    if (item === null) add("null", "warning", at, "leave it out: a console refuses null");
    else if (!OPAQUE.has(key)) lintMembers(item, at, add);
  }
}

function lintTask(task: LooseTask, path: string, ids: ReadonlySet<unknown>, add: Add): void {
  const tier = typeof task.riskTier === "string" ? task.riskTier.toUpperCase() : undefined;
  if (tier === "HIGH" || tier === "CRITICAL") {
    if (listOf(task.requiredPermissions).length === 0) {
      const text = `${tier}, but anybody may ask for it: no permission is required`;
      add("tier-without-permissions", "warning", `${path}.requiredPermissions`, text);
    }
    if (!task.compensation && !task.compensationAction) {
      const text = `${tier}, but nothing undoes it: no compensation`;
      add("tier-without-compensation", "warning", `${path}.compensationAction`, text);
    }
  }
  const hooks = isObject(task.compensation) ? task.compensation : {};
  for (const hook of ["onFailure", "onTimeout"] as const) {
    const id = hooks[hook];
    if (typeof id === "string" && !ids.has(id)) {
      add("unknown-task", "error", `${path}.compensation.${hook}`, `no task is called '${id}'`);
    }
  }
  const allowed = listOf(task.allowedTools);
  if (typeof task.toolName === "string" && allowed.length > 0 && !allowed.includes(task.toolName)) {
    add("tool-not-allowed", "error", `${path}.toolName`, `'${task.toolName}' is not among allowedTools`);
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
