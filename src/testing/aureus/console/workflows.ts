/** Workflows on the console: what is known of them, decisions about them, and checks of their specs. */
import type { Snapshot, WorkflowSpec } from "../../../../gen/aureus/console/models.js";
import { schemaDocument } from "../../../../gen/aureus/console/schemas.js";
import { found, refusal } from "../../http/refusal.js";
import { SpecSchemas } from "../../http/schemas.js";
import { issueTexts, zodParse } from "../../http/zod.js";
import type { ConsoleCall, ConsoleHandlers, ConsoleState } from "./handlers.js";
import { timeline, workflowStatus } from "./views.js";

const schemas = new SpecSchemas(schemaDocument);

export const workflowHandlers: ConsoleHandlers = {
  listWorkflows: (_, state) =>
    state.engine.workflows().map((run) => workflowStatus(run, state.eventsOf(run.workflowId))),
  getWorkflow: ({ id }, state) => workflowStatus(runOf(id, state), state.eventsOf(id)),
  getWorkflowEvents: ({ id }, state) => state.eventsOf(id),
  getWorkflowTimeline: ({ id }, state) => timeline(state.eventsOf(id)),
  getWorkflowSnapshots: ({ id }, state) => snapshotsOf(id, state),
  getWorkflowDag: ({ id }, state) => ({
    tasks: [...runOf(id, state).tasks.keys()].map((taskId) => ({ id: taskId, name: taskId, type: "action" })),
    dependencies: {},
  }),
  approve({ id, body, user }, state) {
    const taskId = String(body.taskId);
    if (!state.guard.spendToken(taskId, String(body.approvalToken), id)) {
      throw refusal(400, "Invalid approval token", { success: false });
    }
    decide(id, taskId, true, `Approved by ${user.username}`, state);
    return { message: "Action approved", success: true };
  },
  deny({ id, body, user }, state) {
    decide(id, String(body.taskId), false, `Denied by ${user.username}: ${String(body.reason)}`, state);
    return { message: "Action denied", success: true };
  },
  rollbackWorkflow({ id, body: { snapshotId } }, state) {
    const isKnown = snapshotsOf(id, state).some((snapshot) => snapshot.id === snapshotId);
    if (!isKnown) throw refusal(500, "Rollback failed", { success: false });
    for (const type of ["ROLLBACK_INITIATED", "ROLLBACK_COMPLETED"] as const) {
      state.log({ type, workflowId: id, metadata: { snapshotId } });
    }
    return { message: "Rollback initiated", success: true };
  },
  validateWorkflow({ body }) {
    const { value, errors } = readSpec(body);
    return errors.length > 0 ? { valid: false, errors } : { valid: true, spec: value };
  },
  validateWorkflowCrv({ body: { tasks } }) {
    if (!Array.isArray(tasks)) throw refusal(500, "Failed to validate CRV");
    const warnings = tasks
      .filter(({ riskTier }) => riskTier === "HIGH" || riskTier === "CRITICAL")
      .map(
        ({ id, riskTier }) =>
          `Task ${id}: Consider adding CRV validation gates for ${riskTier} risk operations`,
      );
    return { valid: true, errors: [], warnings };
  },
  saveWorkflowSpec({ body }) {
    const { errors } = readSpec(body);
    if (errors.length > 0) throw refusal(400, "Invalid workflow specification", { errors });
    throw refusal(500, "Failed to save workflow", { details: "spec.dependencies.get is not a function" });
  },
};

function runOf(id: string, { engine }: ConsoleState) {
  return found(engine.workflow(id), refusal(404, "Workflow not found"));
}

/** The spec as the real server's schema reads it: unknown members dropped, in the words of zod. */
function readSpec(body: ConsoleCall["body"]) {
  const spec = { $ref: "#/components/schemas/WorkflowSpec" };
  const { value, issues } = zodParse(schemas, spec, body ?? {});
  return { value: value as WorkflowSpec, errors: issueTexts(issues) };
}

/** Records what a human decided. Nothing is resumed by it. */
function decide(workflowId: string, taskId: string, allowed: boolean, reason: string, state: ConsoleState) {
  const policyDecision = { allowed, reason, requiresHumanApproval: false };
  state.log({ type: "ROLLBACK_POLICY_DECISION", workflowId, taskId, metadata: { policyDecision } });
}

function snapshotsOf(id: string, { snapshots }: ConsoleState): Snapshot[] {
  return snapshots.filter(({ taskId }) => taskId === id);
}
