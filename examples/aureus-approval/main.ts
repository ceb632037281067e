/** A critical action: the policy asks for a human, the human approves on the console, the agent goes on. */
import type { Action, Principal } from "agentwire/aureus";
import { AureusClient, AureusConsoleClient } from "agentwire/aureus";
import { LocalAureus } from "agentwire/testing";

const remove = { action: "delete", resource: "database", intent: "delete", dataZone: "internal" } as const;
const agent: Principal = { id: "agent-001", type: "agent", permissions: [remove] };
const action: Action = {
  id: "delete-records",
  name: "Delete Database Records",
  riskTier: "critical",
  requiredPermissions: [remove],
};

const server = await LocalAureus.start({ principal: agent });
const client = new AureusClient({ baseUrl: server.url });
const operator = new AureusConsoleClient({
  baseUrl: server.url,
  credentials: { username: "operator", password: "operator123" },
});
try {
  const decision = await client.evaluatePolicy({
    principal: agent,
    action,
    currentState: "evaluating",
    auditLog: [],
  });
  console.log("allowed:", decision.allowed, "-", decision.reason);

  // The same action as a task of a workflow: it stops there, and the console shows what waits for a decision.
  const task = {
    id: action.id,
    name: action.name,
    type: "action" as const,
    riskTier: "CRITICAL" as const,
    requiredPermissions: [remove],
  };
  const run = await client.executeWorkflow({
    id: "cleanup",
    name: "Cleanup",
    tasks: [task],
    dependencies: { [task.id]: [] },
  });
  console.log("workflow:", run.status, "-", run.taskResults[task.id]?.error);

  const { policyStatus } = await operator.getWorkflow("cleanup");
  console.log("console:", policyStatus.status);
  const approval = { taskId: task.id, approvalToken: policyStatus.approvalToken ?? "" };
  const pending = operator.pendingApproval("cleanup", approval); // this task alone, from its token on
  await operator.approve("cleanup", approval);
  const { approved, reason } = await pending.wait({ intervalMs: 10, totalTimeoutMs: 5_000 });
  // An approval resumes nothing: whoever asked goes on when it is given.
  console.log(approved ? "records deleted" : "records kept", "-", reason);
} finally {
  await client.close();
  await operator.close();
  await server.close();
}
