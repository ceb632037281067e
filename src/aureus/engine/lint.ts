/** What is wrong with a workflow that every server takes without a word. */
import type { TaskSpec, WorkflowSpec } from "../../../gen/aureus/v1/models.js";
import { ownValue } from "./workflow-order.js";

/** The rules of {@link lintWorkflow}. */
export type LintRule =
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
  | "tool-not-allowed";

/** One finding. */
export interface LintFinding {
  readonly rule: LintRule;
  /** `error`: it will not do what it says. `warning`: it is likely not what was meant. */
  readonly severity: "error" | "warning";
  /** Where, such as `tasks.0.riskTier`. */
  readonly path: string;
  readonly message: string;
}

const TIERS = ["LOW", "MEDIUM", "HIGH", "CRITICAL"];
/** Members whose content, or whose keys, are the user's. */
const OPAQUE = new Set(["inputs", "args", "permissions", "conditions", "dependencies"]);

/**
 * Looks for what neither the SDKs nor the servers look for: empty, duplicate and unknown ids, cycles, members in
 * snake_case (a console drops them without a word), nulls (a console refuses them), tiers in the wrong case, and
 * HIGH or CRITICAL tasks without permissions or compensation. Findings come in the order of the workflow; none
 * means that it is sound. Takes anything that has `tasks` and `dependencies`, so that plain JSON can be linted.
 */
export function lintWorkflow(spec: WorkflowSpec): LintFinding[] {
  const findings: LintFinding[] = [];
  const add = (rule: LintRule, severity: LintFinding["severity"], path: string, message: string): void => {
    findings.push({ rule, severity, path, message });
  };
  lintMembers(spec, "", add);
  const ids = new Set<string>();
  spec.tasks.forEach((task, index) => {
    const path = `tasks.${index}`;
    if (task.id === "") add("empty-id", "error", `${path}.id`, "the id is empty");
    if (ids.has(task.id)) add("duplicate-id", "error", `${path}.id`, `another task is called '${task.id}'`);
    ids.add(task.id);
  });
  if (spec.id === "") add("empty-id", "error", "id", "the id of the workflow is empty");
  for (const [index, task] of spec.tasks.entries()) lintTask(task, `tasks.${index}`, ids, spec, add);
  for (const [id, dependsOn] of Object.entries(spec.dependencies)) {
    const path = `dependencies.${id}`;
    if (!ids.has(id)) add("unknown-task", "error", path, `no task is called '${id}'`);
    for (const other of dependsOn) {
      if (!ids.has(other)) add("unknown-task", "error", path, `depends on '${other}', which is no task`);
    }
  }
  for (const cycle of cycles(spec)) {
    const text = [...cycle, cycle[0]].join(" -> ");
    add("cycle", "error", `dependencies.${cycle[0]}`, `the tasks depend on each other: ${text}`);
  }
  return findings;
}

type Add = (rule: LintRule, severity: LintFinding["severity"], path: string, message: string) => void;

function lintMembers(value: unknown, path: string, add: Add): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    const at = path === "" ? key : `${path}.${key}`;
    if (!Array.isArray(value) && key.includes("_")) {
      add("casing", "error", at, "members are camelCase; a server drops this one without a word");
    }
    if (item === null) add("null", "warning", at, "leave it out: a console refuses null");
    else if (!OPAQUE.has(key)) lintMembers(item, at, add);
  }
}

function lintTask(
  task: TaskSpec,
  path: string,
  ids: ReadonlySet<string>,
  spec: WorkflowSpec,
  add: Add,
): void {
  const tier = task.riskTier as string | null | undefined;
  if (tier != null && !TIERS.includes(tier)) {
    const hint = TIERS.includes(tier.toUpperCase()) ? `; write ${tier.toUpperCase()}` : "";
    add("tier-value", "error", `${path}.riskTier`, `'${tier}' is no tier of a task${hint}`);
  }
  const upper = tier?.toUpperCase();
  if (upper === "HIGH" || upper === "CRITICAL") {
    if (!task.requiredPermissions?.length) {
      const text = `${upper}, but anybody may ask for it: no permission is required`;
      add("tier-without-permissions", "warning", `${path}.requiredPermissions`, text);
    }
    if (!task.compensation && !task.compensationAction) {
      const text = `${upper}, but nothing undoes it: no compensation`;
      add("tier-without-compensation", "warning", `${path}.compensationAction`, text);
    }
  }
  for (const hook of ["onFailure", "onTimeout"] as const) {
    const id = task.compensation?.[hook];
    if (id != null && !ids.has(id)) {
      add("unknown-task", "error", `${path}.compensation.${hook}`, `no task is called '${id}'`);
    }
  }
  const allowed = task.allowedTools ?? [];
  if (task.toolName && allowed.length > 0 && !allowed.includes(task.toolName)) {
    add("tool-not-allowed", "error", `${path}.toolName`, `'${task.toolName}' is not among allowedTools`);
  }
  if (ownValue(spec.dependencies, task.id) === undefined) {
    const text = `'${task.id}' has no entry; write [] where it depends on nothing`;
    add("missing-dependencies", "warning", "dependencies", text);
  }
}

/** Every cycle that a walk over the dependencies meets, each as the ids along it. */
function cycles(spec: WorkflowSpec): string[][] {
  const found: string[][] = [];
  const state = new Map<string, "open" | "closed">();
  for (const start of Object.keys(spec.dependencies)) {
    if (state.has(start)) continue;
    const path = [{ id: start, next: 0 }];
    state.set(start, "open");
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const dependency = ownValue(spec.dependencies, top.id)?.[top.next++];
      if (dependency === undefined) {
        state.set(top.id, "closed");
        path.pop();
      } else if (state.get(dependency) === "open") {
        const ids = path.map(({ id }) => id);
        found.push(ids.slice(ids.indexOf(dependency)));
      } else if (!state.has(dependency)) {
        state.set(dependency, "open");
        path.push({ id: dependency, next: 0 });
      }
    }
  }
  return found;
}
