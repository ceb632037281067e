/** Policy simulation and test runs on the console, judged by the local GoalGuard. */
import type { Action, TestRun } from "../../../../gen/aureus/console/models.js";
import type { Action as GuardAction, Principal } from "../../../../gen/aureus/v1/index.js";
import { found, refusal } from "../../http/refusal.js";
import type { ConsoleHandlers, ConsoleState } from "./handlers.js";

const runs = new WeakMap<ConsoleState, Map<string, TestRun>>();

export const testHandlers: ConsoleHandlers = {
  simulatePolicy({ body: { action, principal } }, state) {
    const { decision, approvalPath, estimatedApprovalTime } = judge(action, principal, state);
    return { decision, approvalPath, estimatedApprovalTime, alternativeActions: [] };
  },
  runTest({ body }, state) {
    const { id: testId, mode = "dry_run", workflowSpec, expectedOutcome } = body;
    const startedAt = state.now();
    const executionId = `test_${testId}_${state.clock.now()}`;
    const begun = { testId, executionId, mode, startedAt, completedAt: startedAt, crvResults: [] };
    const finish = (run: Omit<TestRun, keyof typeof begun>): TestRun => {
      const whole = { ...begun, ...run };
      runsOf(state).set(executionId, whole);
      return whole;
    };
    // Validators are functions, which JSON cannot hold.
    if (workflowSpec.tasks.some((task) => Reflect.get(task, "crvGate") !== undefined)) {
      return finish({
        status: "error",
        error: "validator is not a function",
        policyResults: [],
        artifacts: [],
      });
    }
    const policyResults = workflowSpec.tasks.flatMap((task) => {
      const { id: actionId, name: actionName = actionId, riskTier, requiredPermissions = [] } = task;
      if (!riskTier) return [];
      const action = { id: actionId, name: actionName, riskTier, requiredPermissions } as Action;
      const { decision, approvalPath } = judge(action, state.principal, state);
      return [{ actionId, actionName, riskTier, decision, timestamp: startedAt, approvalPath }];
    });
    const allowed = policyResults.every(({ decision }) => decision.allowed);
    const expected: unknown = Reflect.get(expectedOutcome ?? {}, "shouldPass") ?? true;
    const artifact = { id: `${executionId}_events`, type: "events_log", name: "events.json" };
    return finish({
      status: allowed === expected ? "passed" : "failed",
      workflowStatus: allowed ? "completed" : "failed",
      policyResults,
      artifacts: [{ ...artifact, content: JSON.stringify(policyResults, null, 2), timestamp: startedAt }],
    });
  },
  listTestResults: (_, state) => [...runsOf(state).values()],
  getTestResult: ({ id }, state) => found(runsOf(state).get(id), refusal(404, "Test result not found")),
  getTestArtifact({ id, params }, state) {
    const artifacts = runsOf(state).get(id)?.artifacts ?? [];
    const artifact = artifacts.find((candidate) => candidate.id === params.artifactId);
    return JSON.parse(String(found(artifact, refusal(404, "Artifact not found")).content));
  },
};

function runsOf(state: ConsoleState): Map<string, TestRun> {
  const known = runs.get(state) ?? new Map<string, TestRun>();
  runs.set(state, known);
  return known;
}

const PATHS: Readonly<Record<string, readonly [string[], string]>> = {
  high: [["Senior Engineer", "Tech Lead"], "4-8 hours"],
  critical: [["Senior Engineer", "Tech Lead", "Director"], "24-48 hours"],
};

function judge(action: Action, principal: Principal, { guard }: ConsoleState) {
  if (!Array.isArray(action.requiredPermissions)) {
    const details = "action.requiredPermissions is not iterable";
    throw refusal(500, "Failed to simulate policy", { details });
  }
  const { approvalToken, metadata, ...verdict } = guard.evaluate(principal, action as GuardAction);
  const decision = { ...verdict, ...(approvalToken && { approvalToken }), ...(metadata && { metadata }) };
  const [approvalPath, estimatedApprovalTime] = decision.requiresHumanApproval
    ? (PATHS[action.riskTier] ?? [["Any Engineer"], "< 1 hour"])
    : [["Automatic approval"], "Immediate"];
  return { decision, approvalPath, estimatedApprovalTime };
}
