/** The 13 operations of V1 over the local engine. */
import type {
  ApprovalRequest,
  PolicyContext,
  RegisterValidatorRequest,
  ValidateCommitRequest,
  WorkflowExecutionRequest,
} from "../../../gen/aureus/v1/index.js";
import {
  keyMap,
  type OperationId,
  operationSchemas,
  operationTable,
  schemaDocument,
} from "../../../gen/aureus/v1/index.js";
import { CrvGate, type GoalGuard, type WorkflowEngine } from "../../aureus/engine/index.js";
import { dropNulls } from "../../aureus/nulls.js";
import type { Clock } from "../../core/clock.js";
import { ConflictError, errorText } from "../../core/errors.js";
import { fromWire, toWire } from "../../core/keys.js";
import { type HttpAnswer, json } from "../http/answer.js";
import type { LocalRequest } from "../http/local-server.js";
import { found, Refusal, refusal } from "../http/refusal.js";
import { SpecSchemas } from "../http/schemas.js";
import type { TelemetryStore } from "./telemetry-store.js";
import type { ValidatorRegistry } from "./validator-registry.js";

/** What the operations work on. */
export interface V1State {
  readonly engine: WorkflowEngine;
  readonly guard: GoalGuard;
  readonly validators: ValidatorRegistry;
  readonly telemetry: TelemetryStore;
  readonly clock: Clock;
  /** Cancels workflows that run. */
  readonly running: Map<string, AbortController>;
  /** Ids that were cancelled. They stay so. */
  readonly cancelled: Set<string>;
}

const schemas = new SpecSchemas(schemaDocument);

/** Carries out an operation. A body that is not as the spec says is 400, with every problem in `errors`. */
export async function answerV1(
  { operation, params }: { readonly operation: OperationId; readonly params: LocalRequest["params"] },
  request: LocalRequest,
  state: V1State,
): Promise<HttpAnswer> {
  let wire: unknown;
  const schema = operationSchemas[operation].request;
  if (schema !== undefined) {
    try {
      wire = JSON.parse(request.text!);
    } catch (error) {
      throw new Refusal(400, { error: "Invalid JSON", details: errorText(error) });
    }
    const issues = await schemas.issues(schema, wire);
    const errors = issues.map(({ path, message }) => `${path.slice(1).replaceAll("/", ".")}: ${message}`);
    if (errors.length > 0) {
      throw new Refusal(400, {
        error: "Invalid request",
        errors: errors.map((text) => text.replace(/^: /, "")),
      });
    }
  }
  const shape = operationTable[operation].shapes?.request;
  dropNulls(wire, shape);
  const body = fromWire(wire, shape, keyMap);
  const id = params.workflow_id ?? params.trace_id ?? "";
  switch (operation) {
    case "executeWorkflow":
      return execute(body as WorkflowExecutionRequest, state);
    case "getWorkflowStatus":
      return status(id, state);
    case "cancelWorkflow":
      return cancel(id, state);
    case "validateCommit":
      return validateCommit(body as ValidateCommitRequest, state);
    case "registerValidator": {
      const { validatorId, config } = body as RegisterValidatorRequest;
      state.validators.register(validatorId, config);
      return json(200, { registered: true, validator_id: validatorId });
    }
    case "evaluatePolicy": {
      const { principal, action } = body as PolicyContext;
      return json(200, toWire(state.guard.evaluate(principal, action), "GuardDecision", keyMap));
    }
    case "checkPermission": {
      const { principal, action } = body as PolicyContext;
      const { allowed, reason } = state.guard.evaluate(principal, action);
      return json(200, { allowed, reason });
    }
    case "requestApproval": {
      const { principal, action, reason } = body as ApprovalRequest;
      const { token } = state.guard.requestApproval(principal, action, reason);
      return json(200, { approval_token: token, status: "pending" });
    }
    case "reportEvent":
      return report("events", wire, state);
    case "reportMetric":
      return report("metrics", wire, state);
    case "reportSpan":
      return report("spans", wire, state);
    case "getMetrics":
      return metrics(request, state);
    case "getTrace": {
      const spans = state.telemetry.trace(id);
      if (spans.length === 0) throw refusal(404, "Trace not found");
      return json(200, spans);
    }
  }
}

async function execute(request: WorkflowExecutionRequest, state: V1State): Promise<HttpAnswer> {
  const { workflow, context, correlationId } = request;
  const cancel = new AbortController();
  try {
    const run = state.engine.run(workflow, { context, correlationId, signal: cancel.signal });
    if (!state.running.has(workflow.id)) state.running.set(workflow.id, cancel);
    return json(200, toWire(await run, "WorkflowExecutionResult", keyMap));
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    throw new Refusal(409, { error: "Workflow is running", details: error.message });
  } finally {
    if (state.running.get(workflow.id) === cancel) state.running.delete(workflow.id);
  }
}

function status(workflowId: string, state: V1State): HttpAnswer {
  const run = found(state.engine.workflow(workflowId), refusal(404, "Workflow not found"));
  return json(200, {
    workflow_id: workflowId,
    status: state.cancelled.has(workflowId) ? "cancelled" : run.status,
    started_at: new Date(run.startedAt).toISOString(),
    ...(run.completedAt !== undefined && { completed_at: new Date(run.completedAt).toISOString() }),
    tasks: [...run.tasks.values()].map(({ taskId, ...task }) => ({
      task_id: taskId,
      status: task.status,
      attempt: task.attempt,
      error: task.error,
    })),
  });
}

function cancel(workflowId: string, state: V1State): HttpAnswer {
  if (state.engine.workflow(workflowId) === undefined)
    throw new Refusal(404, { error: "Workflow not found" });
  state.cancelled.add(workflowId);
  state.running.get(workflowId)?.abort();
  return json(200, { workflow_id: workflowId, status: "cancelled", success: true });
}

async function validateCommit(request: ValidateCommitRequest, state: V1State): Promise<HttpAnswer> {
  const { commit, gateConfig } = request;
  const { validators, unknown } = state.validators.find(gateConfig.validators);
  if (unknown.length > 0) {
    throw new Refusal(400, { error: "Unknown validator", errors: unknown.map((id) => `validators: ${id}`) });
  }
  try {
    const result = await new CrvGate({ ...gateConfig, validators, clock: state.clock }).validate(commit);
    return json(200, toWire(result, "GateResult", keyMap));
  } catch (error) {
    throw new Refusal(500, { error: "Validation failed", details: errorText(error) });
  }
}

function report(kind: "events" | "metrics" | "spans", entry: unknown, state: V1State): HttpAnswer {
  state.telemetry.add(kind, entry as Record<string, unknown>);
  return json(202, { accepted: 1 });
}

function metrics({ query }: LocalRequest, state: V1State): HttpAnswer {
  try {
    return json(200, state.telemetry.metricsOf(query));
  } catch (error) {
    throw new Refusal(400, { error: "Invalid request", errors: [`tags: ${errorText(error)}`] });
  }
}
