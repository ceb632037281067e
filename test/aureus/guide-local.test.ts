/**
 * The 14 code blocks of the Python SDK's usage guide, in their order, against a local Aureus that has the guide's tools
 * and validators. The client finds the server by the variables of its `env` alone.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Action, AureusClient, type Principal, type WorkflowSpec } from "../../src/aureus/index.js";
import { ValidationError } from "../../src/core/errors.js";
import { LocalAureus } from "../../src/testing/index.js";

const now = "2026-01-01T00:00:00.123456";
const agent: Principal = { id: "agent-001", type: "agent", permissions: [] };
const task = (id: string, toolName: string) => ({ id, name: id, type: "action" as const, toolName });
const workflow: WorkflowSpec = {
  id: "data-processing-001",
  name: "Data Processing Workflow",
  tasks: [
    {
      ...task("read-data", "read_file"),
      riskTier: "LOW",
      retry: { maxAttempts: 3, backoffMs: 1, jitter: true },
    },
    { ...task("validate-data", "validate_schema"), riskTier: "LOW" },
    { ...task("process-data", "transform_data"), riskTier: "MEDIUM", timeoutMs: 30_000 },
    { ...task("save-results", "write_file"), riskTier: "MEDIUM" },
  ],
  dependencies: {
    "validate-data": ["read-data"],
    "process-data": ["validate-data"],
    "save-results": ["process-data"],
  },
};

/** What the guide's names stand for: the exports of files for `agentwire dev --tools` and `--validators`. */
const tools = {
  read_file: () => ({ rows: [1, 2, 3] }),
  validate_schema: (_: unknown, { results }: { results: Readonly<Record<string, unknown>> }) =>
    results["read-data"],
  transform_data: () => ({ sum: 6 }),
  write_file: (_: unknown, { context }: { context: Readonly<Record<string, unknown>> }) => ({
    for: context.user_id,
  }),
};
const verdict = (valid: boolean) => (valid ? { valid, confidence: 1 } : { valid, reason: "out of bounds" });
const validators = {
  schema_check: ({ data }: { data?: unknown }) => verdict(typeof data === "object"),
  balance_positive: ({ data }: { data?: unknown }) => verdict((data as { balance: number }).balance > 0),
  check_business_rules: (
    { data }: { data?: unknown },
    { min_amount, max_amount }: Record<string, unknown>,
  ) => {
    const { amount } = data as { amount: number };
    return verdict(amount >= Number(min_amount) && amount <= Number(max_amount));
  },
};

let server: LocalAureus;
let client: AureusClient;
beforeAll(async () => {
  server = await LocalAureus.start({ tools, validators });
  for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await client.close();
  await server.close();
});

describe("the usage guide against a local server", () => {
  it("initializes the client", () => {
    client = new AureusClient();
  });

  it("defines and executes a workflow", async () => {
    const context = { user_id: "12345" };
    const result = await client.executeWorkflow(workflow, { context, correlationId: "trace-001" });
    expect(result).toMatchObject({ status: "success", correlationId: "trace-001" });
    expect(Object.values(result.taskResults).map(({ status }) => status)).toEqual(Array(4).fill("success"));
    expect(result.taskResults["save-results"]?.result).toEqual({ for: "12345" });
  });

  it("checks the status of a workflow", async () => {
    expect(await client.getWorkflowStatus(workflow.id)).toMatchObject({ status: "completed" });
  });

  it("validates a commit", async () => {
    const names = ["not_null", "schema_check", "balance_positive"];
    const gate = { name: "Balance Validation Gate", validators: names, blockOnFailure: true };
    const commit = (balance: number) => ({ id: "commit-001", data: { balance, currency: "USD" } });
    expect((await client.validateCommit(commit(1000), gate)).passed).toBe(true);
    expect(await client.validateCommit(commit(-5), gate)).toMatchObject({ crvStatus: "blocked" });
  });

  it("evaluates a policy", async () => {
    const required = [{ action: "delete", resource: "database" }];
    const action: Action = { id: "d", name: "Delete", riskTier: "critical", requiredPermissions: required };
    const context = { action, currentState: "evaluating" as const, auditLog: [] };
    const denied = await client.evaluatePolicy({ ...context, principal: agent });
    expect(denied.reason).toContain("Insufficient permissions");
    const asked = await client.evaluatePolicy({ ...context, principal: { ...agent, permissions: required } });
    expect(asked).toMatchObject({ allowed: false, requiresHumanApproval: true });
  });

  it("checks a permission", async () => {
    const permissions = [{ action: "read", resource: "reports" }];
    const action: Action = { id: "v", name: "View", riskTier: "low", requiredPermissions: permissions };
    expect(await client.checkPermission({ ...agent, permissions }, action)).toBe(true);
    expect(await client.checkPermission(agent, action)).toBe(false);
  });

  it("reports an event", async () => {
    await client.reportEvent({
      type: "step_start",
      timestamp: now,
      workflowId: "w",
      data: { step_name: "x" },
    });
    expect(server.telemetry.events).toMatchObject([{ workflow_id: "w", data: { step_name: "x" } }]);
  });

  it("reports a metric", async () => {
    await client.reportMetric({
      name: "task.duration",
      value: 1234.5,
      timestamp: now,
      tags: { status: "ok" },
    });
  });

  it("reports a span", async () => {
    const span = {
      id: "span-001",
      traceId: "trace-001",
      name: "process_data",
      startTime: now,
      duration: 1234.5,
    };
    await client.reportSpan(span);
  });

  it("queries metrics", async () => {
    const query = { metricName: "task.duration", startTime: "2025-12-31T00:00:00Z", tags: { status: "ok" } };
    expect(await client.getMetrics(query)).toMatchObject([{ value: 1234.5 }]);
  });

  it("gets a trace", async () => {
    expect(await client.getTrace("trace-001")).toMatchObject([{ name: "process_data", duration: 1234.5 }]);
  });

  it("handles errors", async () => {
    const bad = client.executeWorkflow({ ...workflow, tasks: [{ ...workflow.tasks[0]!, timeoutMs: 0 }] });
    await expect(bad).rejects.toBeInstanceOf(ValidationError);
  });

  it("registers a custom validator", async () => {
    await client.registerValidator("business_rules_validator", {
      type: "custom",
      validation_logic: "check_business_rules",
      parameters: { min_amount: 100, max_amount: 10_000 },
    });
    const gate = { name: "g", validators: ["business_rules_validator"], blockOnFailure: true };
    const passes = async (amount: number) =>
      (await client.validateCommit({ id: "c", data: { amount } }, gate)).passed;
    expect([await passes(500), await passes(50)]).toEqual([true, false]);
  });

  it("requests an approval", async () => {
    const action: Action = {
      id: "delete-all-data",
      name: "D",
      riskTier: "critical",
      requiredPermissions: [],
    };
    const token = await client.requestApproval(action, agent, "Emergency cleanup required");
    expect(token).toMatch(/^approval-delete-all-data-\d+-[0-9a-f]{32}$/);
  });
});
