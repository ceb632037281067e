import { describe, expect, it } from "vitest";
import type { TaskSpec, WorkflowSpec } from "../../gen/aureus/v1/index.js";
import { AureusClient, AureusConsoleClient } from "../../src/aureus/index.js";
import { PolicyDeniedError, UnsupportedError } from "../../src/core/errors.js";
import { FakeClock, LocalAureus } from "../../src/testing/index.js";
import { expectedDifference, staleDifferences } from "../expected-differences.ts";
import { req } from "../requirements/index.ts";
import { recordedCase, recordedCases, recordedWorkflows } from "./engine-cases.ts";

const operator = { username: "operator", password: "operator123" };

/** A server that has run the workflows of the recordings. */
async function asRecorded() {
  const clock = new FakeClock();
  const gates = Object.fromEntries(
    recordedWorkflows.list.map(({ workflow, gate }) => [workflow.tasks[0]!.id, gate]),
  );
  const server = await LocalAureus.start({
    port: false,
    clock,
    principal: recordedWorkflows.principal,
    gate: (task) => gates[task.id],
    execute: (task, context) => recordedWorkflows.execute(task, context, clock),
  });
  for (const { workflow } of recordedWorkflows.list) await clock.until(server.engine.run(workflow));
  return { server, clock };
}

async function call(server: LocalAureus, method: string, path: string, body: unknown, token?: string) {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (token !== undefined) headers.authorization = token;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const sent = body === null ? {} : { body: text };
  const response = await server.fetch(`${server.url}${path}`, { method, headers, ...sent });
  const answer = await response.text();
  const json = response.headers.get("content-type")?.includes("json");
  return { status: response.status, body: json ? (JSON.parse(answer) as unknown) : answer };
}

/** Without what differs from run to run; `details` of a parser are the platform's. */
function comparable(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, item: unknown) => {
    if (/^(timestamp|startedAt|completedAt|expiresAt|lastCheck|duration|token)$/.test(key))
      return typeof item;
    if (key === "approvalToken" && typeof item === "string") return item.replace(/-\d+-[0-9a-f]{32}$/, "");
    return key === "details" && String(item).includes("JSON") ? "parser" : item;
  });
}

/**
 * Of several decisions in one millisecond the real console shows the first, we the last. The recorded `wf-ok` has
 * two: both sides are compared without the reason, and the difference is listed.
 */
function withoutTie(id: string, value: unknown): unknown {
  if (expectedDifference(`aureus/local/${id}`) === undefined) return value;
  return JSON.parse(JSON.stringify(value).replaceAll(/"(?:Low|Medium) risk action[^"]*"/g, '"tie"'));
}

/** The recorded calls that this part of the console has an answer for, in the order of the recording. */
const built = new Set([
  ...[
    "health",
    "login_ok",
    "login_bad_password",
    "login_missing_password",
    "bad_json",
    "no_token",
    "bad_token",
  ],
  ...["lowercase_bearer", "x_api_key_ignored", "options_preflight", "unknown_route", "workflow_404"],
  ...[
    "events_unknown_workflow",
    "approve_bad_token",
    "deny",
    "events_after_deny",
    "rollback_unknown",
    "validate_crv",
  ],
  ...["simulate_policy_high", "status_wf-ok", "status_wf-retry", "status_wf-timeout", "status_wf-critical"],
  ...[
    "status_wf-denied",
    "status_wf-crv",
    "events_wf_critical",
    "timeline_wf_retry",
    "dag",
    "approve_wrong_task",
  ],
  ...["approve_ok", "approve_second_time", "status_after_approve", "simulate_low", "simulate_medium"],
  ...["simulate_high", "simulate_critical", "simulate_LOW_upper", "simulate_perm_zone_above"],
  ...["simulate_perm_zone_below", "simulate_perm_intent_mismatch", "simulate_perm_wildcard_not_supported"],
  ...[
    "simulate_perm_intent_unspecified_ok",
    "simulate_mcp_high",
    "simulate_snake_case_500",
    "logout",
    "after_logout",
  ],
]);

describe("calls recorded from the real console", () => {
  it(req("aureus.local.console.recorded", "are answered the same, all in one session"), async () => {
    const { server } = await asRecorded();
    const login = await call(server, "POST", "/api/auth/login", operator);
    const { token } = login.body as { token: string };
    const statusOf = await call(server, "GET", "/api/workflows/wf-critical", null, `Bearer ${token}`);
    const { approvalToken } = (statusOf.body as { policyStatus: { approvalToken: string } }).policyStatus;
    const answers: Record<string, unknown> = {};
    const recorded: Record<string, unknown> = {};
    for (const { case: name, request, response } of recordedCases("console-full")) {
      if (!built.has(name)) continue;
      const sent = request.headers?.authorization?.replace(/<JWT.*>/, token);
      const body = JSON.stringify(request.body).replaceAll(/approval-wipe-[0-9a-f-]+/g, approvalToken);
      const raw = name === "bad_json" ? "{bad" : (JSON.parse(body) as unknown);
      const answer = await call(server, request.method, request.path, raw, sent);
      answers[name] = withoutTie(name, comparable(answer));
      recorded[name] = withoutTie(name, comparable({ status: response.status, body: response.body }));
    }
    expect(Object.keys(answers)).toHaveLength(built.size);
    expect(answers).toEqual(recorded);
  });

  it(req("aureus.local.console.recorded", "list what was run, in order"), async () => {
    const { server } = await asRecorded();
    const { token } = (await call(server, "POST", "/api/auth/login", operator)).body as { token: string };
    const { body } = await call(server, "GET", "/api/workflows", null, `Bearer ${token}`);
    const theirs = recordedCase("console-full", "list_workflows").response.body as { workflowId: string }[];
    const ids = recordedWorkflows.list.map(({ workflow }) => workflow.id);
    const listed = theirs.filter(({ workflowId }) => ids.includes(workflowId));
    const name = "list_workflows";
    expect(withoutTie(name, comparable(body))).toEqual(withoutTie(name, comparable(listed)));
  });

  it("differ nowhere else", () => {
    expect(staleDifferences("aureus/local/")).toEqual([]);
  });
});

describe("through the clients", () => {
  const task: TaskSpec = { id: "wipe", name: "Wipe", type: "action", riskTier: "CRITICAL" };
  const workflow: WorkflowSpec = { id: "w", name: "W", tasks: [task], dependencies: { wipe: [] } };

  it("an approval goes from a V1 run over the console to the decision", async () => {
    await using server = await LocalAureus.start();
    const v1 = new AureusClient({ baseUrl: server.url });
    const console = new AureusConsoleClient({ baseUrl: server.url, credentials: operator });
    expect((await v1.executeWorkflow(workflow)).status).toBe("failed");
    const { policyStatus } = await console.getWorkflow("w");
    expect(policyStatus.status).toBe("pending");
    await console.approve("w", { taskId: "wipe", approvalToken: policyStatus.approvalToken! });
    expect((await console.getWorkflow("w")).policyStatus.reason).toBe("Approved by operator");
    const timeline = await console.getWorkflowTimeline("w");
    expect(timeline.at(-1)).toMatchObject({ type: "ROLLBACK_POLICY_DECISION", taskId: "wipe" });
  });

  it("logins share a token within a second, and end after an hour", async () => {
    const clock = new FakeClock();
    const server = await LocalAureus.start({ port: false, clock });
    const login = async () =>
      ((await call(server, "POST", "/api/auth/login", operator)).body as { token: string }).token;
    const token = await login();
    expect(await login()).toBe(token);
    await clock.advance(1_000);
    expect(await login()).not.toBe(token);
    const list = async () => (await call(server, "GET", "/api/workflows", null, `Bearer ${token}`)).status;
    expect(await list()).toBe(200);
    await clock.advance(3_600_000);
    expect(await list()).toBe(401);
  });

  it("a user without the permission is refused", async () => {
    const reader = { username: "reader", password: "r", permissions: ["read"] };
    const server = await LocalAureus.start({ port: false, users: [reader] });
    const console = new AureusConsoleClient({
      baseUrl: server.url,
      fetch: server.fetch,
      credentials: reader,
    });
    expect(await console.listWorkflows()).toEqual([]);
    const approval = { taskId: "t", approvalToken: "x" };
    await expect(console.approve("w", approval)).rejects.toBeInstanceOf(PolicyDeniedError);
  });

  it("a server with only the console is recognised by the V1 client", async () => {
    const server = await LocalAureus.start({ port: false, v1: false });
    const client = new AureusClient({ baseUrl: server.url, fetch: server.fetch });
    await expect(client.executeWorkflow(workflow)).rejects.toBeInstanceOf(UnsupportedError);
  });

  it("without the console its routes are pages that do not exist", async () => {
    const server = await LocalAureus.start({ port: false, console: false });
    expect(await call(server, "GET", "/health", null)).toMatchObject({ status: 404 });
    expect((await call(server, "GET", "/<b>", null)).body).not.toContain("<b>");
  });
});
