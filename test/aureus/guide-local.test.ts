/**
 * The 14 code blocks of the Python SDK's usage guide, in their order, against a local Aureus in this process and against
 * `agentwire dev`.
 */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Action, AureusClient, type Principal, type WorkflowSpec } from "../../src/aureus/index.js";
import { ValidationError } from "../../src/core/errors.js";
import { LocalAureus } from "../../src/testing/index.js";
import { pathWith, startDev } from "../cli/dev-process.ts";
import * as tools from "./guide/tools.ts";
import * as validators from "./guide/validators.ts";

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

interface Served {
  readonly env: Readonly<Record<string, string>>;
  /** Where what was reported can be looked at. */
  readonly server?: LocalAureus;
  close(): Promise<unknown>;
}

/** Both have the tools and validators that the guide names, and are found by their variables alone. */
const starts: Readonly<Record<string, () => Promise<Served>>> = {
  LocalAureus: async () => {
    const server = await LocalAureus.start({ tools, validators });
    return { env: server.env, server, close: () => server.close() };
  },
  "agentwire dev": async () => {
    const guide = (name: string) => join(import.meta.dirname, "guide", name);
    const functions = ["--tools", guide("tools.ts"), "--validators", guide("validators.ts")];
    const { info, exit } = await startDev(functions, pathWith([]));
    return { env: info.env, close: () => exit("SIGTERM") };
  },
};

describe.each(Object.entries(starts))("the usage guide against %s", (_, start) => {
  let served: Served;
  let client: AureusClient;
  beforeAll(async () => {
    served = await start();
    for (const [name, value] of Object.entries(served.env)) vi.stubEnv(name, value);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await client.close();
    await served.close();
  });

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
    if (served.server === undefined) return;
    expect(served.server.telemetry.events).toMatchObject([{ workflow_id: "w", data: { step_name: "x" } }]);
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
