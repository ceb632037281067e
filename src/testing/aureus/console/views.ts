/** What the console shows of a workflow, computed from its run and its events as the real one does it. */
import type {
  CrvStatus,
  PolicyStatus,
  TaskStatus,
  TimelineEntry,
  WorkflowStatus,
} from "../../../../gen/aureus/console/models.js";
import type { EngineEvent, TaskRun, WorkflowRun } from "../../../aureus/engine/workflow-state.js";

/** What an event reports about a policy check. */
export interface PolicyDecision {
  readonly allowed: boolean;
  readonly reason?: string;
  readonly requiresHumanApproval: boolean;
  readonly approvalToken?: string;
}

/** What an event reports about a gate. */
export interface CrvGateResult {
  readonly passed: boolean;
  readonly gateName: string;
  readonly blockedCommit: boolean;
}

/** A time of the engine as the console writes it. */
const iso = (ms: number): string => new Date(ms).toISOString();

/** The status of a workflow; `events` are those of the run and the decisions of humans, in order. */
export function workflowStatus(run: WorkflowRun, events: readonly EngineEvent[]): WorkflowStatus {
  const tasks = [...run.tasks.values()];
  const decisions = new Map<string | undefined, PolicyDecision>();
  for (const { type, taskId, metadata } of events) {
    const decision = metadata?.policyDecision as PolicyDecision | undefined;
    if (type === "STATE_UPDATED" && decision !== undefined) decisions.set(taskId, decision);
  }
  const current = tasks.find(({ status }) => status === "running" || status === "pending");
  return {
    workflowId: run.workflowId,
    status: run.status,
    startedAt: iso(run.startedAt),
    ...(run.completedAt !== undefined && { completedAt: iso(run.completedAt) }),
    tasks: tasks.map((task) => taskStatus(task, decisions.get(task.taskId))),
    ...(current !== undefined && { currentStep: current.taskId }),
    crvStatus: crvStatus(events),
    policyStatus: policyStatus(events),
  };
}

function taskStatus(task: TaskRun, decision: PolicyDecision | undefined): TaskStatus {
  return {
    taskId: task.taskId,
    name: task.taskId,
    status: task.status,
    attempt: task.attempt,
    ...(task.startedAt !== undefined && { startedAt: iso(task.startedAt) }),
    ...(task.completedAt !== undefined && { completedAt: iso(task.completedAt) }),
    ...(task.error !== undefined && { error: task.error }),
    requiresApproval: decision?.requiresHumanApproval ?? false,
    ...(decision?.approvalToken != null && { approvalToken: decision.approvalToken }),
  };
}

function crvStatus(events: readonly EngineEvent[]): CrvStatus {
  const found = latest<CrvGateResult>(events, "crvGateResult");
  if (found === undefined) return { status: "none" };
  const { passed, gateName, blockedCommit } = found.value;
  const details = blockedCommit ? "Commit blocked" : "Commit allowed";
  return { status: passed ? "passed" : "failed", lastCheck: found.timestamp, gateName, details };
}

function policyStatus(events: readonly EngineEvent[]): PolicyStatus {
  const decision = latest<PolicyDecision>(events, "policyDecision")?.value;
  if (decision === undefined) return { status: "none", requiresHumanApproval: false };
  const { allowed, reason, requiresHumanApproval, approvalToken } = decision;
  return {
    status: allowed ? "approved" : requiresHumanApproval ? "pending" : "rejected",
    requiresHumanApproval,
    ...(approvalToken != null && { approvalToken }),
    ...(reason !== undefined && { reason }),
  };
}

/** The latest metadata member of this name. */
function latest<T>(
  events: readonly EngineEvent[],
  member: string,
): { readonly value: T; readonly timestamp: string } | undefined {
  const event = events.findLast(({ metadata }) => metadata?.[member] !== undefined);
  return event && { value: event.metadata?.[member] as T, timestamp: event.timestamp };
}

/** Events with a text for people. Types without words of their own stand as they are. */
export function timeline(events: readonly EngineEvent[]): TimelineEntry[] {
  return events.map(({ data: _, ...event }) => {
    const task = event.taskId === undefined ? "" : ` (Task: ${event.taskId})`;
    const words = WORDS[event.type] ?? event.type;
    const description = `${words}${task}${ending(event)}`;
    return { ...event, description } as TimelineEntry;
  });
}

const WORDS: Readonly<Record<string, string>> = {
  WORKFLOW_STARTED: "Workflow started",
  WORKFLOW_COMPLETED: "Workflow completed",
  WORKFLOW_FAILED: "Workflow failed",
  TASK_STARTED: "Task started",
  TASK_COMPLETED: "Task completed",
  TASK_FAILED: "Task failed",
  TASK_RETRY: "Task retry",
};

function ending({ type, metadata }: EngineEvent): string {
  if (type === "TASK_STARTED") return ` (Attempt ${String(metadata?.attempt)})`;
  return type.endsWith("_FAILED") && WORDS[type] !== undefined ? `: ${String(metadata?.error)}` : "";
}
