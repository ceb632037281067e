/**
 * Every code block of the Python SDK's usage guide, in its order, against a server that takes only requests
 * that fit the spec. Printing becomes a list of lines.
 */
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { GateConfig, PolicyContext } from "../../gen/aureus/v1/models.js";
import { type OperationId, operationTable } from "../../gen/aureus/v1/operations.js";
import { operationSchemas, schemaDocument } from "../../gen/aureus/v1/schemas.js";
import {
  type Action,
  AureusClient,
  type AureusClientOptions,
  type Commit,
  type Metric,
  type Principal,
  type Span,
  type TelemetryEvent,
  type WorkflowSpec,
} from "../../src/aureus/index.js";
import { AgentwireError, TimeoutError } from "../../src/core/errors.js";
import { req } from "../requirements/index.ts";
import { type Answer, type SeenRequest, serve, type TestServer } from "./server.ts";

const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(schemaDocument);

function operationOf({ method, path }: SeenRequest): OperationId | undefined {
  const fits = (template: string) => new RegExp(`^${template.replace(/\{\w+\}/g, "[^/]+")}$`).test(path);
  const found = Object.entries(operationTable).find(
    ([, entry]) => entry.method === method.toUpperCase() && fits(entry.path),
  );
  return found?.[0] as OperationId | undefined;
}

const answers: Readonly<Record<OperationId, Answer>> = {
  executeWorkflow: {
    body: {
      workflow_id: "data-processing-001",
      status: "partial",
      duration_ms: 12.5,
      correlation_id: "trace-001",
      error: null,
      task_results: {
        "read-data": { task_id: "read-data", status: "success", result: { rows: 3 }, error: null },
        "save-results": { task_id: "save-results", status: "failed", error: "disk full" },
      },
    },
  },
  getWorkflowStatus: { body: { workflow_id: "data-processing-001", status: "running", progress: 0.5 } },
  cancelWorkflow: { body: { workflow_id: "data-processing-001", status: "cancelled" } },
  validateCommit: {
    body: {
      passed: false,
      gate_name: "Balance Validation Gate",
      blocked_commit: true,
      timestamp: "2026-01-01T00:00:00.000Z",
      crv_status: "blocked",
      failure_code: "OUT_OF_SCOPE",
      validation_results: [
        { valid: true, confidence: 1 },
        {
          valid: false,
          reason: "balance out of bounds",
          remediation: "check the bounds",
          failure_code: "OUT_OF_SCOPE",
        },
      ],
    },
  },
  registerValidator: { body: { registered: true, validator_id: "business_rules_validator" } },
  evaluatePolicy: {
    body: {
      allowed: false,
      reason: "Critical action requires explicit human approval",
      requires_human_approval: true,
      approval_token: "approval-delete-records-1-abc",
    },
  },
  checkPermission: { body: { allowed: true } },
  requestApproval: { body: { approval_token: "approval-delete-all-data-1-abc" } },
  reportEvent: { status: 202, body: { accepted: 1 } },
  reportMetric: { status: 202, body: { accepted: 1 } },
  reportSpan: { status: 204 },
  getMetrics: {
    body: [{ name: "task.duration", value: 1234.5, timestamp: "2024-01-01T00:00:00Z", tags: null }],
  },
  getTrace: {
    body: [
      { id: "span-001", trace_id: "trace-001", name: "process_data", start_time: "t", duration: 1234.5 },
    ],
  },
};

let server: TestServer;
let printed: string[];
const print = (line: string) => printed.push(line);
const openClient = (options: AureusClientOptions = {}) =>
  new AureusClient({ baseUrl: server.url, ...options });

beforeEach(async () => {
  printed = [];
  server = await serve((request) => {
    const id = operationOf(request);
    if (id === undefined) return { status: 404, body: { error: "Not found" } };
    const address = operationSchemas[id].request;
    const fits = address === undefined ? request.body === null : ajv.getSchema(address)!(request.body);
    return fits === true ? answers[id] : { status: 400, body: { error: `not a request of ${id}` } };
  });
});
afterEach(() => server.close());

describe("the usage guide", () => {
  it(req("aureus.v1.guide", "initializes the client, with defaults, with a key, as a context"), async () => {
    const client = new AureusClient({ baseUrl: "http://localhost:3000" });
    expect(client.baseUrl).toBe(new AureusClient().baseUrl);

    const withKey = openClient({ apiKey: "your-api-key", timeoutMs: 60_000 });
    await withKey.getTrace("trace-001");
    expect(server.seen[0]!.headers.authorization).toBe("Bearer your-api-key");

    const context = openClient();
    try {
      await context.getTrace("trace-001");
    } finally {
      await context[Symbol.asyncDispose](); // what `await using` calls
    }
    await expect(context.getTrace("trace-001")).rejects.toThrow("closed");
  });

  const workflow: WorkflowSpec = {
    id: "data-processing-001",
    name: "Data Processing Workflow",
    goal: "Process user data safely and reliably",
    constraints: ["Must validate all inputs", "Must log all operations"],
    successCriteria: ["All tasks complete successfully", "No data loss"],
    tasks: [
      {
        id: "read-data",
        name: "Read Input Data",
        type: "action",
        toolName: "read_file",
        riskTier: "LOW",
        intent: "read",
        retry: { maxAttempts: 3, backoffMs: 1000, backoffMultiplier: 2.0, jitter: true },
      },
      {
        id: "validate-data",
        name: "Validate Data",
        type: "action",
        toolName: "validate_schema",
        riskTier: "LOW",
        intent: "read",
      },
      {
        id: "process-data",
        name: "Process Data",
        type: "action",
        toolName: "transform_data",
        riskTier: "MEDIUM",
        intent: "write",
        timeoutMs: 30_000,
      },
      {
        id: "save-results",
        name: "Save Results",
        type: "action",
        toolName: "write_file",
        riskTier: "MEDIUM",
        intent: "write",
      },
    ],
    dependencies: {
      "read-data": [],
      "validate-data": ["read-data"],
      "process-data": ["validate-data"],
      "save-results": ["process-data"],
    },
  };

  it(req("aureus.v1.guide", "defines and executes a workflow"), async () => {
    const client = openClient();
    const result = await client.executeWorkflow(workflow, {
      context: { user_id: "12345", batch_id: "batch-001" },
      correlationId: "trace-001",
    });
    print(`Workflow Status: ${result.status}`);
    print(`Duration: ${result.durationMs}ms`);
    for (const [taskId, taskResult] of Object.entries(result.taskResults)) {
      print(`Task ${taskId}: ${taskResult.status}`);
      if (taskResult.error) print(`  Error: ${taskResult.error}`);
    }
    expect(printed).toEqual([
      "Workflow Status: partial",
      "Duration: 12.5ms",
      "Task read-data: success",
      "Task save-results: failed",
      "  Error: disk full",
    ]);
    expect(server.seen[0]!.body).toMatchObject({
      correlation_id: "trace-001",
      context: { user_id: "12345", batch_id: "batch-001" },
      workflow: {
        success_criteria: workflow.successCriteria,
        tasks: [{ risk_tier: "LOW" }, {}, { timeout_ms: 30_000 }, {}],
      },
    });
  });

  it(req("aureus.v1.guide", "checks the status of a workflow"), async () => {
    const status = await openClient().getWorkflowStatus("data-processing-001");
    expect(status).toEqual({ workflowId: "data-processing-001", status: "running", progress: 0.5 });
  });

  it(req("aureus.v1.guide", "validates a commit"), async () => {
    const commit: Commit = {
      id: "commit-001",
      data: { balance: 1000, currency: "USD" },
      previousState: { balance: 500, currency: "USD" },
      metadata: { user_id: "user-123" },
    };
    const gateConfig: GateConfig = {
      name: "Balance Validation Gate",
      validators: ["not_null", "schema_check", "balance_positive"],
      blockOnFailure: true,
      requiredConfidence: 0.8,
    };
    const result = await openClient().validateCommit(commit, gateConfig);
    if (result.passed) print("Validation passed!");
    else {
      print(`Validation failed: ${result.crvStatus}`);
      for (const validation of result.validationResults) {
        if (validation.valid) continue;
        print(`  Reason: ${validation.reason}`);
        if (validation.remediation) print(`  Remediation: ${validation.remediation}`);
      }
    }
    expect(printed).toEqual([
      "Validation failed: blocked",
      "  Reason: balance out of bounds",
      "  Remediation: check the bounds",
    ]);
  });

  it(req("aureus.v1.guide", "evaluates a policy"), async () => {
    const principal: Principal = {
      id: "agent-001",
      type: "agent",
      permissions: [{ action: "read", resource: "database", intent: "read", dataZone: "internal" }],
    };
    const action: Action = {
      id: "delete-records",
      name: "Delete Database Records",
      riskTier: "critical",
      requiredPermissions: [
        { action: "delete", resource: "database", intent: "delete", dataZone: "internal" },
      ],
    };
    const context: PolicyContext = { principal, action, currentState: "evaluating", auditLog: [] };
    const decision = await openClient().evaluatePolicy(context);
    if (decision.allowed) print("Action allowed");
    else {
      print(`Action denied: ${decision.reason}`);
      if (decision.requiresHumanApproval) print("Human approval required");
    }
    expect(printed).toEqual([
      "Action denied: Critical action requires explicit human approval",
      "Human approval required",
    ]);
  });

  it(req("aureus.v1.guide", "checks a permission"), async () => {
    const principal: Principal = {
      id: "user-001",
      type: "human",
      permissions: [{ action: "read", resource: "reports", intent: "read" }],
    };
    const action: Action = {
      id: "view-report",
      name: "View Report",
      riskTier: "low",
      requiredPermissions: [{ action: "read", resource: "reports", intent: "read" }],
    };
    expect(await openClient().checkPermission(principal, action)).toBe(true);
  });

  it(req("aureus.v1.guide", "reports an event, a metric and a span"), async () => {
    const client = openClient();
    const now = new Date().toISOString();
    const event: TelemetryEvent = {
      type: "step_start",
      timestamp: now,
      workflowId: "workflow-001",
      taskId: "task-001",
      taskType: "action",
      correlationId: "trace-001",
      data: { step_name: "data_processing", inputs: { file: "data.csv" } },
      tags: { env: "production", version: "1.0" },
    };
    await client.reportEvent(event);
    const metric: Metric = {
      name: "task.duration",
      value: 1234.5,
      timestamp: now,
      tags: { workflow_id: "workflow-001", task_id: "task-001", status: "success" },
    };
    await client.reportMetric(metric);
    const span: Span = {
      id: "span-001",
      traceId: "trace-001",
      parentId: "span-000",
      name: "process_data",
      startTime: now,
      endTime: now,
      duration: 1234.5,
      tags: { workflow_id: "workflow-001", task_id: "task-001" },
    };
    await client.reportSpan(span);
    expect(server.seen.map(({ path }) => path.split("/").at(-1))).toEqual(["events", "metrics", "spans"]);
    expect(server.seen[2]!.body).toMatchObject({
      parent_id: "span-000",
      tags: metric.tags && { task_id: "task-001" },
    });
  });

  it(req("aureus.v1.guide", "queries metrics and a trace"), async () => {
    const client = openClient();
    const metrics = await client.getMetrics({
      metricName: "task.duration",
      startTime: "2024-01-01T00:00:00Z",
      endTime: "2024-01-02T00:00:00Z",
      tags: { workflow_id: "workflow-001" },
    });
    for (const metric of metrics) print(`${metric.name}: ${metric.value} at ${metric.timestamp}`);
    for (const span of await client.getTrace("trace-001")) print(`Span: ${span.name} (${span.duration}ms)`);
    expect(printed).toEqual([
      "task.duration: 1234.5 at 2024-01-01T00:00:00Z",
      "Span: process_data (1234.5ms)",
    ]);
    expect(server.seen[0]!.query.tags).toBe('{"workflow_id":"workflow-001"}');
  });

  it(req("aureus.v1.guide", "handles errors: by status with details, by time, anything else"), async () => {
    const handle = async (client: AureusClient) => {
      try {
        await client.executeWorkflow({ ...workflow, tasks: "none" as never });
      } catch (error) {
        if (error instanceof TimeoutError && error.status === undefined) print("Request timed out");
        else if (error instanceof AgentwireError && error.status !== undefined) {
          print(`HTTP error: ${error.status}`);
          print(`Error details: ${JSON.stringify(error.body)}`);
        } else print(`Unexpected error: ${(error as Error).name}`);
      }
    };
    await handle(openClient());
    await handle(openClient({ fetch: (_, init) => hang(init?.signal), timeoutMs: 5 }));
    await handle(new AureusClient({ baseUrl: "http://127.0.0.1:1", retry: false }));
    expect(printed).toEqual([
      "HTTP error: 400",
      'Error details: {"error":"not a request of executeWorkflow"}',
      "Request timed out",
      "Unexpected error: ConnectionError",
    ]);
  });

  it(req("aureus.v1.guide", "registers a custom validator"), async () => {
    const validatorConfig = {
      type: "custom",
      validation_logic: "check_business_rules",
      parameters: { min_amount: 100, max_amount: 10_000 },
    };
    const result = await openClient().registerValidator("business_rules_validator", validatorConfig);
    expect(result).toEqual({ registered: true, validatorId: "business_rules_validator" });
    expect(server.seen[0]!.body).toEqual({
      validator_id: "business_rules_validator",
      config: validatorConfig,
    });
  });

  it(req("aureus.v1.guide", "requests an approval"), async () => {
    const action: Action = {
      id: "delete-all-data",
      name: "Delete All Data",
      riskTier: "critical",
      requiredPermissions: [{ action: "delete", resource: "database", intent: "delete" }],
    };
    const principal: Principal = { id: "agent-001", type: "agent", permissions: [] };
    const token = await openClient().requestApproval(action, principal, "Emergency cleanup required");
    expect(token).toBe("approval-delete-all-data-1-abc");
  });
});

/** An answer that never comes. */
function hang(signal: AbortSignal | null | undefined): Promise<Response> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason as Error));
  });
}
