/** Deployments on the console: versions, approvals, gate checks, and what never works on the real server. */
import type {
  Deployment,
  GateCheck,
  GateThresholds,
  WorkflowVersion,
} from "../../../../gen/aureus/console/models.js";
import { found, refusal } from "../../http/refusal.js";
import type { ConsoleHandlers, ConsoleState } from "./handlers.js";

/** Everything that was deployed. */
export class Deployments {
  readonly versions = new Map<string, WorkflowVersion>();
  readonly all = new Map<string, Deployment>();
  tests = 0;
  gates = 0;

  create(
    versionId: string,
    environment: Deployment["environment"],
    metadata?: Deployment["metadata"],
  ): Deployment {
    const id = `deployment-${this.all.size + 1}-${environment}`;
    const fresh = { approvals: [], environment, id, status: "pending", testResults: [], versionId } as const;
    const deployment: Deployment = {
      ...fresh,
      approvals: [],
      testResults: [],
      ...(metadata && { metadata }),
    };
    this.all.set(id, deployment);
    return deployment;
  }

  workflowOf({ versionId }: Deployment): string {
    return this.versions.get(versionId)?.workflowId ?? versionId;
  }
}

export const deploymentHandlers: ConsoleHandlers = {
  getWorkflowDeployments: ({ id }, { deployments }) =>
    [...deployments.all.values()].filter((item) => deployments.workflowOf(item) === id),
  createVersion({ body: { workflowSpec: spec, version, createdBy, metadata } }, state) {
    const { versions } = state.deployments;
    const id = `version-${versions.size + 1}-${spec.id}`;
    const made = { id, workflowId: spec.id, version, spec, createdAt: state.now(), createdBy };
    versions.set(id, { ...made, ...(metadata && { metadata }) });
    state.log({ type: "DEPLOYMENT_VERSION_CREATED", workflowId: spec.id, data: { version, createdBy } });
    return versions.get(id)!;
  },
  listDeployments: (_, { deployments }) =>
    [...deployments.all.values()].map((deployment) => {
      const version = deployments.versions.get(deployment.versionId);
      return {
        deployment,
        ...(version && { version }),
        requiresApproval: deployment.status === "pending" || deployment.environment === "production",
        testsPassed: testPassRate(deployment) === 100 && deployment.testResults.length > 0,
        canPromote: promotion(deployment).allowed,
      };
    }),
  createDeployment({ body: { versionId, environment, metadata } }, state) {
    if (!state.deployments.versions.has(versionId)) {
      throw refusal(500, "Failed to create deployment", { details: `Version ${versionId} not found` });
    }
    const made = state.deployments.create(versionId, environment, metadata);
    return logged(state, "DEPLOYMENT_INITIATED", made, {});
  },
  getDeployment: ({ id }, { deployments }) =>
    found(deployments.all.get(id), refusal(404, "Deployment not found")),
  // The real server runs none of these tests either: all of them pass.
  runDeploymentTests({ id, body: { tests } }, state) {
    const deployment = known(id, state, "Failed to run tests");
    const results = tests.map(({ name: testName }) => {
      const test = {
        id: `test-${++state.deployments.tests}`,
        testName,
        executedAt: state.now(),
        duration: 0,
      };
      return { ...test, status: "passed" as const };
    });
    deployment.testResults.push(...results);
    deployment.status = "approved";
    logged(state, "DEPLOYMENT_TEST_RUN", deployment, { tests: results.length });
    return results;
  },
  approveDeployment({ id, body, user }, state) {
    const deployment = known(id, state, "Failed to approve deployment");
    const { riskTier, approvalToken: token, approver = user.username, comment } = body;
    const approval = { approver, approvedAt: state.now(), riskTier, token };
    deployment.approvals.push({ ...approval, ...(comment !== undefined && { comment }) });
    deployment.status = "approved";
    logged(state, "DEPLOYMENT_APPROVED", deployment, { actor: approver, riskTier });
    return { message: "Deployment approved", success: true };
  },
  rejectDeployment({ id, body: { reason, rejectedBy }, user }, state) {
    const deployment = known(id, state, "Failed to reject deployment");
    deployment.status = "rejected";
    logged(state, "DEPLOYMENT_REJECTED", deployment, { actor: rejectedBy ?? user.username, reason });
    return { message: "Deployment rejected", success: true };
  },
  completeDeployment({ id, body, user }, state) {
    const deployment = known(id, state, "Failed to complete deployment");
    if (deployment.status !== "approved") {
      const details = `Cannot deploy: deployment status is ${deployment.status}`;
      throw refusal(500, "Failed to complete deployment", { details });
    }
    deployment.status = "deployed";
    deployment.deployedAt = state.now();
    deployment.deployedBy = body?.deployedBy ?? user.username;
    logged(state, "DEPLOYMENT_COMPLETED", deployment, { actor: deployment.deployedBy });
    return { message: "Deployment completed", success: true };
  },
  getDeploymentStatus({ id }, state) {
    const deployment = known(id, state, "Failed to get deployment status");
    const { deployedAt } = deployment;
    const idle = { requestsPerMinute: 0, activeConnections: 0, memoryUsage: 0, cpuUsage: 0 };
    const uptime = deployedAt === undefined ? 0 : state.clock.now() - Date.parse(deployedAt);
    const load = { errorRate: 0, responseTime: 0, uptime, metrics: idle };
    const health = { status: "healthy", ...load, lastChecked: state.now() };
    return { deployment, health, canPromote: promotion(deployment).allowed };
  },
  canPromote: ({ id }, state) => promotion(known(id, state, "Failed to check promotion")),
  listGateChecks: ({ id }, state) => ({
    gateChecks: known(id, state, "Failed to get gate checks").gateChecks ?? [],
  }),
  runGateChecks({ id, body: { crvResults = [], thresholds } }, state) {
    const deployment = known(id, state, "Failed to run gate checks");
    const gateCheck: GateCheck = {
      id: `gate-${++state.deployments.gates}-${id}`,
      deploymentId: id,
      timestamp: state.now(),
      ...checkGates(
        deployment,
        percentage(crvResults, ({ passed }) => passed),
        thresholds,
      ),
    };
    deployment.gateChecks = [...(deployment.gateChecks ?? []), gateCheck];
    const type = gateCheck.overallStatus === "failed" ? "DEPLOYMENT_GATE_FAILED" : "DEPLOYMENT_GATE_CHECK";
    logged(state, type, deployment, { gateCheckId: gateCheck.id });
    return { message: "Gate checks completed", gateCheck };
  },
  getLatestGateCheck({ id }, state) {
    const gateCheck = known(id, state, "Failed to get gate check").gateChecks?.at(-1);
    return gateCheck === undefined ? {} : { gateCheck };
  },
  // Nobody can hold the permission that the real server asks for; the rejected deployment stays behind there too.
  promoteDeployment({ id }, state) {
    const error = "Failed to promote deployment";
    const { versionId } = known(id, state, error);
    const rejected = state.deployments.create(versionId, "production");
    rejected.status = "rejected";
    const reason = "Insufficient permissions, intent mismatch, or data zone violation";
    logged(state, "DEPLOYMENT_PROMOTION_BLOCKED", rejected, { reason });
    throw refusal(500, error, { details: `Production deployment rejected: ${reason}` });
  },
  triggerRollback({ id }, state) {
    known(id, state, "Failed to trigger rollback");
    const details = `No rollback snapshot available for deployment ${id}`;
    throw refusal(500, "Failed to trigger rollback", { details });
  },
  listRollbackTriggers({ id }, state) {
    known(id, state, "Failed to get rollback triggers");
    return { rollbackTriggers: [] };
  },
  triggerDeploymentWorkflow({ body, user }, state) {
    const { workflowType: type, versionId, environment = "staging", deployedBy = user.username } = body;
    const deployment = state.deployments.create(versionId, environment);
    const stages = ["build", "test", "approve", "deploy"].map((name) => ({ name, status: "pending" }));
    const at = { status: "pending", environment, triggeredAt: state.now(), triggeredBy: deployedBy };
    const workflow = { id: `workflow-${deployment.id}`, deploymentId: deployment.id, type, ...at, stages };
    return { message: "Deployment workflow triggered", success: true, workflow };
  },
};

function known(id: string, { deployments }: ConsoleState, error: string): Deployment {
  return found(deployments.all.get(id), refusal(500, error, { details: `Deployment ${id} not found` }));
}

function logged(
  state: ConsoleState,
  type: `DEPLOYMENT_${string}` & Parameters<ConsoleState["log"]>[0]["type"],
  deployment: Deployment,
  data: object,
): Deployment {
  const { id: deploymentId, environment } = deployment;
  const workflowId = state.deployments.workflowOf(deployment);
  state.log({ type, workflowId, data: { deploymentId, environment, ...data } });
  return deployment;
}

function percentage<T>(items: readonly T[], isGood: (item: T) => boolean): number {
  return items.length === 0 ? 100 : (items.filter(isGood).length / items.length) * 100;
}

function testPassRate({ testResults }: Deployment): number {
  return percentage(testResults, ({ status }) => status === "passed");
}

function checkGates(deployment: Deployment, crvPassPercentage: number, thresholds: GateThresholds = {}) {
  const { minCrvPassPercentage = 80, minTestPassRate = 90, blockOnFailure = true } = thresholds;
  const { requirePolicyApprovals = deployment.environment === "production" } = thresholds;
  const passRate = testPassRate(deployment);
  const policyApprovalsMet = !requirePolicyApprovals || deployment.approvals.length > 0;
  const below = (what: string, rate: number, least: number): string[] =>
    rate < least ? [`${what} ${rate.toFixed(1)}% below threshold ${least}%`] : [];
  const failureReasons = [
    ...below("CRV pass percentage", crvPassPercentage, minCrvPassPercentage),
    ...(policyApprovalsMet ? [] : ["Required policy approvals not met"]),
    ...below("Test pass rate", passRate, minTestPassRate),
  ];
  const failed = failureReasons.length > 0;
  const overallStatus = !failed
    ? ("passed" as const)
    : blockOnFailure
      ? ("failed" as const)
      : ("warning" as const);
  const rates = { crvPassPercentage, policyApprovalsMet, testPassRate: passRate };
  return { ...rates, overallStatus, blockedPromotion: failed && blockOnFailure, failureReasons };
}

function promotion({ gateChecks, environment, status }: Deployment): { allowed: boolean; reason?: string } {
  const latest = gateChecks?.at(-1);
  if (latest?.blockedPromotion) {
    return { allowed: false, reason: `Gate checks failed: ${latest.failureReasons.join(", ")}` };
  }
  if (environment !== "staging")
    return { allowed: false, reason: "Only staging deployments can be promoted" };
  if (status === "deployed") return { allowed: true };
  return { allowed: false, reason: `Deployment status is ${status}` };
}
