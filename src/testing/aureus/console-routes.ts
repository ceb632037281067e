/** The login, workflow and approval part of the console, and its policy simulation, over the local engine. */

import type { Action, Principal, WorkflowSpec } from "../../../gen/aureus/console/models.js";
import { operationTable } from "../../../gen/aureus/console/operations.js";
import type { Action as GuardAction } from "../../../gen/aureus/v1/index.js";
import type { EngineEvent, GoalGuard, WorkflowEngine } from "../../aureus/engine/index.js";
import type { Clock } from "../../core/clock.js";
import { errorText } from "../../core/errors.js";
import { type HttpAnswer, json } from "../http/answer.js";
import type { LocalRequest } from "../http/local-server.js";
import type { ConsoleUsers, LocalUser } from "./console-users.js";
import { timeline, workflowStatus } from "./console-views.js";

/** What the operations work on. */
export interface ConsoleState {
  readonly engine: WorkflowEngine;
  readonly guard: GoalGuard;
  readonly users: ConsoleUsers;
  readonly clock: Clock;
  /** Decisions of humans, by workflow id; also of ids that no workflow has. */
  readonly decisions: Map<string, EngineEvent[]>;
}

/** The operations that are built here, with the permission each asks for. */
const PERMISSIONS = {
  health: undefined,
  login: undefined,
  logout: undefined,
  listWorkflows: "read",
  getWorkflow: "read",
  getWorkflowEvents: "read",
  getWorkflowTimeline: "read",
  getWorkflowSnapshots: "read",
  getWorkflowDag: "read",
  approve: "approve",
  deny: "deny",
  rollbackWorkflow: "rollback",
  validateWorkflowCrv: "read",
  simulatePolicy: "read",
} as const;

/** The id of an operation that the local console has. */
export type ConsoleOperation = keyof typeof PERMISSIONS;

/** The operations that the local console has. */
export const consoleOperations = (Object.keys(PERMISSIONS) as ConsoleOperation[]).map(
  (id) => operationTable[id],
);

/** Carries out an operation. */
export function answerConsole(
  { operation, params }: { readonly operation: ConsoleOperation; readonly params: LocalRequest["params"] },
  request: LocalRequest,
  state: ConsoleState,
): HttpAnswer {
  let body: Record<string, unknown> = {};
  // A body without the content type is ignored, and one that is no JSON is a 500, as on the real server.
  if (request.headers["content-type"]?.startsWith("application/json") && request.text) {
    try {
      body = JSON.parse(request.text) as Record<string, unknown>;
    } catch (error) {
      return json(500, { error: "Internal server error", details: errorText(error) });
    }
  }
  if (operation === "health") {
    return json(200, { status: "ok", timestamp: new Date(state.clock.now()).toISOString() });
  }
  if (operation === "login") return state.users.login(body);
  const user = state.users.authorize(request, PERMISSIONS[operation]);
  if ("status" in user) return user;
  if (operation === "logout") return state.users.logout(request);
  return answerUser(operation, params.id ?? "", body, user, state);
}

function answerUser(
  operation: Exclude<ConsoleOperation, "health" | "login" | "logout">,
  id: string,
  body: Readonly<Record<string, unknown>>,
  user: LocalUser,
  state: ConsoleState,
): HttpAnswer {
  const run = state.engine.workflow(id);
  switch (operation) {
    case "listWorkflows":
      return json(
        200,
        state.engine.workflows().map((item) => workflowStatus(item, eventsOf(item.workflowId, state))),
      );
    case "getWorkflow":
      return run === undefined ? notFound() : json(200, workflowStatus(run, eventsOf(id, state)));
    case "getWorkflowEvents":
      return json(200, eventsOf(id, state));
    case "getWorkflowTimeline":
      return json(200, timeline(eventsOf(id, state)));
    case "getWorkflowSnapshots":
      return json(200, []);
    case "getWorkflowDag": {
      if (run === undefined) return notFound();
      const tasks = [...run.tasks.keys()].map((taskId) => ({ id: taskId, name: taskId, type: "action" }));
      return json(200, { tasks, dependencies: {} });
    }
    case "approve": {
      const taskId = String(body.taskId);
      if (!state.guard.spendToken(taskId, String(body.approvalToken))) {
        return json(400, { error: "Invalid approval token", success: false });
      }
      decide(id, taskId, true, `Approved by ${user.username}`, state);
      return json(200, { message: "Action approved", success: true });
    }
    case "deny":
      decide(id, String(body.taskId), false, `Denied by ${user.username}: ${String(body.reason)}`, state);
      return json(200, { message: "Action denied", success: true });
    case "rollbackWorkflow":
      return json(500, { error: "Rollback failed", success: false });
    case "validateWorkflowCrv":
      return advise(body as unknown as WorkflowSpec);
    case "simulatePolicy":
      return simulate(body as { action?: Action; principal?: Principal }, state);
  }
}

const notFound = (): HttpAnswer => json(404, { error: "Workflow not found" });

function eventsOf(id: string, state: ConsoleState): EngineEvent[] {
  const events = [...(state.engine.workflow(id)?.events ?? []), ...(state.decisions.get(id) ?? [])];
  return events.sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp));
}

/** Writes down what a human decided. Nothing is resumed by it. */
function decide(
  workflowId: string,
  taskId: string,
  allowed: boolean,
  reason: string,
  state: ConsoleState,
): void {
  const list = state.decisions.get(workflowId) ?? [];
  state.decisions.set(workflowId, list);
  list.push({
    timestamp: new Date(state.clock.now()).toISOString(),
    type: "ROLLBACK_POLICY_DECISION",
    workflowId,
    taskId,
    metadata: { policyDecision: { allowed, reason, requiresHumanApproval: false } },
  });
}

function advise(spec: WorkflowSpec): HttpAnswer {
  if (!Array.isArray(spec.tasks)) return json(500, { error: "Failed to validate CRV" });
  const warnings = spec.tasks
    .filter(({ riskTier }) => riskTier === "HIGH" || riskTier === "CRITICAL")
    .map(
      ({ id, riskTier }) =>
        `Task ${id}: Consider adding CRV validation gates for ${riskTier} risk operations`,
    );
  return json(200, { valid: true, errors: [], warnings });
}

function simulate(body: { action?: Action; principal?: Principal }, state: ConsoleState): HttpAnswer {
  const { action, principal } = body;
  if (action === undefined || principal === undefined) {
    return json(400, { error: "Missing required fields: action, principal" });
  }
  if (!Array.isArray(action.requiredPermissions)) {
    const details = "action.requiredPermissions is not iterable";
    return json(500, { error: "Failed to simulate policy", details });
  }
  const decision = state.guard.evaluate(principal, action as GuardAction);
  const asks = decision.requiresHumanApproval;
  const [approvalPath, estimatedApprovalTime] = asks
    ? (PATHS[action.riskTier] ?? [["Any Engineer"], "< 1 hour"])
    : [["Automatic approval"], "Immediate"];
  return json(200, { decision, approvalPath, estimatedApprovalTime, alternativeActions: [] });
}

const PATHS: Readonly<Record<string, readonly [readonly string[], string]>> = {
  high: [["Senior Engineer", "Tech Lead"], "4-8 hours"],
  critical: [["Senior Engineer", "Tech Lead", "Director"], "24-48 hours"],
};
