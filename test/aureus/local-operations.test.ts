/** The console operations of the local server, as the console client calls them. */
import { beforeAll, describe, expect, it } from "vitest";
import { type OperationId, operationTable } from "../../gen/aureus/console/operations.js";
import { operationSchemas, schemaDocument } from "../../gen/aureus/console/schemas.js";
import type { WorkflowSpec } from "../../gen/aureus/v1/index.js";
import { AureusClient, AureusConsoleClient } from "../../src/aureus/index.js";
import { NotFoundError, UnsupportedError, UpstreamError } from "../../src/core/errors.js";
import { FAILING, handlers } from "../../src/testing/aureus/console/routes.js";
import { SpecSchemas } from "../../src/testing/http/schemas.js";
import { LocalAureus, type Observation } from "../../src/testing/index.js";

const schemas = new SpecSchemas(schemaDocument);
const spec = {
  id: "pay",
  name: "Pay",
  tasks: [{ id: "a", name: "A", type: "action" as const, riskTier: "LOW" as const }],
  dependencies: { a: [] },
};
const principal = { id: "p", type: "agent", permissions: [] };
const blueprint = {
  id: "agent-1",
  name: "Agent",
  goal: "Read mail every day",
  config: { prompt: "Read the mail." },
};
const model = { id: "m", name: "M", version: "1.0.0", domain: "shop", entities: [] };
const user = { username: "operator", password: "operator123", tenantId: "tenant-a" };

const observed: Observation[] = [];
let server: LocalAureus;
let client: AureusConsoleClient;
beforeAll(async () => {
  server = await LocalAureus.start({ port: false, users: [user], observe: (item) => observed.push(item) });
  client = new AureusConsoleClient({
    baseUrl: server.url,
    fetch: server.fetch,
    credentials: user,
    retry: false,
  });
  const v1 = new AureusClient({ baseUrl: server.url, fetch: server.fetch });
  await v1.executeWorkflow(spec as WorkflowSpec, { correlationId: "c-1" });
  await v1.reportEvent({ type: "custom", timestamp: "2026-01-01T00:00:00Z", workflowId: "pay", data: {} });
});

/** Whether the server does the work of an operation, instead of answering that its service is not configured. */
const isBuilt = (operation: OperationId) =>
  operation in { health: 0, login: 0, logout: 0, ...handlers, ...FAILING };

/** Calls an operation of the client by its id. */
async function call(operation: OperationId, ...args: unknown[]): Promise<unknown> {
  const method = Reflect.get(client, operation) as (...args: unknown[]) => Promise<unknown>;
  return method.apply(client, args);
}

/** Arguments with which each operation that this server carries out succeeds, in this order. */
const calls: readonly [OperationId, ...unknown[]][] = [
  ["health"],
  ["login"],
  ["listWorkflows"],
  ["getWorkflow", "pay"],
  ["getWorkflowEvents", "pay"],
  ["getWorkflowTimeline", "pay"],
  ["getWorkflowSnapshots", "pay"],
  ["getWorkflowDag", "pay"],
  ["deny", "pay", { taskId: "a", approvalToken: "x", reason: "no" }],
  ["validateWorkflow", spec],
  ["validateWorkflowCrv", spec],
  [
    "simulatePolicy",
    { action: { id: "x", name: "X", riskTier: "high", requiredPermissions: [] }, principal },
  ],
  ["runTest", { id: "t", name: "T", description: "d", workflowSpec: spec, sampleData: {} }],
  ["listTestResults"],
  ["createVersion", { workflowSpec: spec, version: "1.0.0", createdBy: "me" }],
  ["createDeployment", { versionId: "version-1-pay", environment: "staging", deployedBy: "me" }],
  ["listDeployments"],
  ["getDeployment", "deployment-1-staging"],
  ["getWorkflowDeployments", "pay"],
  ["runDeploymentTests", "deployment-1-staging", { tests: [{ name: "smoke", workflowId: "pay" }] }],
  ["approveDeployment", "deployment-1-staging", { riskTier: "HIGH", approvalToken: "t" }],
  ["completeDeployment", "deployment-1-staging", {}],
  ["getDeploymentStatus", "deployment-1-staging"],
  ["canPromote", "deployment-1-staging"],
  ["runGateChecks", "deployment-1-staging", { crvResults: [{ passed: true }] }],
  ["listGateChecks", "deployment-1-staging"],
  ["getLatestGateCheck", "deployment-1-staging"],
  ["listRollbackTriggers", "deployment-1-staging"],
  ["triggerDeploymentWorkflow", { workflowType: "release", versionId: "version-1-pay" }],
  ["rejectDeployment", "deployment-1-staging", { reason: "bad" }],
  ["getMonitoringMetrics"],
  ["getMonitoringEvents"],
  ["deployAgent", { blueprint }],
  ["registerAgent", { blueprint }],
  ["registerAgent", { blueprint: { ...blueprint, goal: "Read mail every hour" } }],
  ["listAgents"],
  ["listAgentVersions", "agent-1"],
  ["getAgentVersion", { agentId: "agent-1", version: "latest" }],
  ["rollbackAgent", "agent-1", { targetVersion: "1" }],
  ["diffAgentVersions", "agent-1", { query: { versionA: "1", versionB: "2" } }],
  ["exportAudit"],
  ["getRetentionStatus"],
  ["applyRetention", { retentionDays: 30 }],
  ["getDevopsGateStatus"],
  ["getDevopsIncidents"],
  ["getDevopsReleaseHealth"],
  ["getDevopsPipelines"],
  ["exportDevopsAudit"],
  ["getDevopsAuditTrail"],
  ["createWorldModel", model],
  ["listWorldModels"],
  ["getWorldModel", "m"],
  ["listWorldModelVersions", "m"],
  ["deleteWorldModel", "m", { version: 1 }],
];

/** These never succeed on the real server either. */
const failing: readonly [OperationId, ...unknown[]][] = [
  ["validateWorkflowDag", spec],
  ["validateWorkflowPolicy", spec],
  ["saveWorkflowSpec", spec],
  ["promoteDeployment", "deployment-1-staging", {}],
  ["triggerRollback", "deployment-1-staging", { reason: "r" }],
  ["stageDeployment", "deployment-1-staging", { targetStage: "deployed" }],
  ["runSmokeTests", "deployment-1-staging", { tests: [] }],
  ["rollbackDeployment", "deployment-1-staging", { reason: "r" }],
];

describe("the operations of the console", () => {
  const operations = Object.keys(operationTable) as OperationId[];
  const apart: OperationId[] = ["approve", "rollbackWorkflow", "getTestResult", "getTestArtifact", "logout"];

  it.each(calls)("%s answers as the spec describes it", async (operation, ...args) => {
    await call(operation, ...args);
    const answer = observed.findLast((item) => item.type === "response" && item.operation === operation);
    const body = JSON.parse((answer as { body: string }).body) as unknown;
    const schema = operationSchemas[operation].responses["200"];
    expect(await schemas.issues(schema!, body)).toEqual([]);
  });

  it("an approval, a rollback, a result and its artifact lead from one call to the next", async () => {
    const action = { id: "wipe", name: "W", riskTier: "critical" as const, requiredPermissions: [] };
    const { decision } = await client.simulatePolicy({ action, principal });
    await client.approve("pay", { taskId: "wipe", approvalToken: decision.approvalToken! });
    expect((await client.getWorkflow("pay")).policyStatus.reason).toBe("Approved by operator");
    const { id } = server.snapshot("pay", "step-1", { state: { rows: 3 } });
    await client.rollbackWorkflow("pay", { snapshotId: id });
    expect((await client.getWorkflowEvents("pay")).at(-1)).toMatchObject({ type: "ROLLBACK_COMPLETED" });
    const [run] = await client.listTestResults();
    expect(await client.getTestResult(run!.executionId)).toEqual(run);
    const artifactId = run!.artifacts[0]!.id;
    const artifact = await client.getTestArtifact({ executionId: run!.executionId, artifactId });
    expect(artifact).toEqual(run!.policyResults);
    await expect(client.getTestResult("nope")).rejects.toBeInstanceOf(NotFoundError);
  });

  it.each(failing)("%s fails as on the real server", async (operation, ...args) => {
    await expect(call(operation, ...args)).rejects.toBeInstanceOf(UpstreamError);
  });

  const unbuilt = operations.filter((operation) => !isBuilt(operation));
  it.each(unbuilt)("%s says that its service is not configured", async (operation) => {
    const names = [...operationTable[operation].path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
    const values = names.length > 1 ? [Object.fromEntries(names.map((name) => [name, "x"]))] : names;
    await expect(call(operation, ...values, {})).rejects.toBeInstanceOf(UnsupportedError);
  });

  it("all 103 are answered: 66 are carried out, 37 belong to services that are not configured", () => {
    const answered = new Set<OperationId>([...calls, ...failing].map(([operation]) => operation));
    for (const operation of [...apart, ...unbuilt]) answered.add(operation);
    expect(operations.filter((operation) => !answered.has(operation))).toEqual([]);
    expect([operations.length, operations.filter(isBuilt).length, unbuilt.length]).toEqual([103, 66, 37]);
    const offered = operations.filter((operation) => typeof Reflect.get(client, operation) === "function");
    expect(offered).toHaveLength(103);
  });

  it("a call without a required member names all of them", async () => {
    const reject = call("createVersion", {});
    await expect(reject).rejects.toThrow("Missing required fields: workflowSpec, version, createdBy");
  });
});
