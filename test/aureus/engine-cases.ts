/** The recordings that tell verdicts of the real engine, and the setting they were made in. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Principal, TaskSpec, WorkflowSpec } from "../../gen/aureus/v1/index.js";
import type { Validator } from "../../src/aureus/engine/index.js";
import { CrvGate, custom, notNull, statisticalBounds } from "../../src/aureus/engine/index.js";
import type { TaskContext } from "../../src/aureus/engine/task-context.js";
import { type Clock, sleep } from "../../src/core/clock.js";

/** One recorded call. */
export interface RecordedCase {
  readonly case: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly raw_query?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body: unknown;
    readonly raw_body?: string;
  };
  readonly response: { readonly status: number; readonly body: unknown };
}

/** All cases of a file of `test/vectors/aureus`. */
export function recordedCases(file: string): RecordedCase[] {
  const path = join(import.meta.dirname, "..", "vectors", "aureus", `${file}.jsonl`);
  const lines = readFileSync(path, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as RecordedCase);
}

/** One case by name. */
export function recordedCase(file: string, name: string): RecordedCase {
  return recordedCases(file).find((item) => item.case === name)!;
}

/** Calls of the V1 adapter over the real engine that succeeded on a path. */
export function v1Cases(path: string): RecordedCase[] {
  return recordedCases("sdk-vs-v1-adapter").filter(({ request }) => request.path === path);
}

/** Calls of the fully wired console that succeeded on a path. */
export function consoleCases(path: string): RecordedCase[] {
  return recordedCases("console-full").filter(
    ({ request, response }) => request.path === path && response.status === 200,
  );
}

/** What the recorded identifiers stood for: the second one is a predicate, the third bounds. */
export const recordedValidators: Readonly<Record<string, Validator>> = {
  not_null: notNull(),
  schema_check: custom("schema_check", ({ data }) => typeof data === "object"),
  balance_positive: statisticalBounds("balance", { min: 0 }),
};

const principal: Principal = { id: "agent", type: "agent", permissions: [] };

/** The tools of the recorded workflows. */
async function execute(task: TaskSpec, context: TaskContext, clock?: Clock): Promise<unknown> {
  const inputs = task.inputs ?? {};
  if (task.id === "slow") await sleep(1_000, { clock, signal: context.signal });
  if (task.id === "flaky" && context.attempt < 3) throw new Error(`transient ${context.attempt}`);
  if (task.id === "bad") return null;
  if (context.attempt <= Number(inputs.fail_times ?? 0)) throw new Error(String(inputs.error));
  return { tool: task.toolName ?? null, echo: inputs };
}

function workflow(id: string, name: string, ...tasks: Partial<TaskSpec>[]): WorkflowSpec {
  const whole = tasks.map((task): TaskSpec => ({ id: "", name: "", type: "action", ...task }));
  const dependencies = Object.fromEntries(
    whole.map((task, index) => [task.id, whole.slice(Math.max(0, index - 1), index).map((one) => one.id)]),
  );
  return { id, name, tasks: whole, dependencies };
}

interface RecordedWorkflow {
  readonly workflow: WorkflowSpec;
  readonly statuses: readonly string[];
  readonly gate?: CrvGate;
  /** The recording of its events, or of its timeline. */
  readonly events?: string;
  readonly timeline?: string;
}

const list: RecordedWorkflow[] = [
  {
    workflow: workflow("wf-ok", "ok", { id: "a", riskTier: "LOW" }, { id: "b", riskTier: "MEDIUM" }),
    statuses: ["completed", "completed"],
  },
  {
    workflow: workflow("wf-retry", "retry", {
      id: "flaky",
      riskTier: "LOW",
      retry: { maxAttempts: 3, backoffMs: 10, backoffMultiplier: 2, jitter: false },
    }),
    statuses: ["completed"],
    timeline: "timeline_wf_retry",
  },
  { workflow: workflow("wf-timeout", "timeout", { id: "slow", timeoutMs: 30 }), statuses: ["timeout"] },
  {
    workflow: workflow(
      "wf-critical",
      "critical",
      { id: "prep", riskTier: "LOW" },
      { id: "wipe", riskTier: "CRITICAL" },
    ),
    statuses: ["completed", "failed"],
    events: "events_wf_critical",
  },
  {
    workflow: workflow("wf-denied", "denied", {
      id: "nope",
      riskTier: "LOW",
      requiredPermissions: [{ action: "write", resource: "db" }],
    }),
    statuses: ["failed"],
  },
  {
    workflow: workflow("wf-crv", "crv", { id: "bad", riskTier: "LOW" }),
    statuses: ["failed"],
    gate: new CrvGate({ name: "holdout-gate", validators: [notNull()], blockOnFailure: true }),
  },
];

/** The workflows that the recorded console had run, as far as their answers tell how they were made. */
export const recordedWorkflows = { principal, execute, list };
