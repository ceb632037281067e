import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import type { TaskSpec, WorkflowSpec } from "../../gen/aureus/v1/index.js";
import { AureusClient, AureusConsoleClient } from "../../src/aureus/index.js";
import { PolicyDeniedError, UnsupportedError } from "../../src/core/errors.js";
import type { LocalUser } from "../../src/testing/aureus/console/users.js";
import { FakeClock, LocalAureus } from "../../src/testing/index.js";
import { expectedDifference, staleDifferences } from "../expected-differences.ts";
import { req } from "../requirements/index.ts";
import { recordedCases, recordedWorkflows } from "./engine-cases.ts";

const operator = { username: "operator", password: "operator123" };

/** A server that has run the workflows of the recordings. */
async function asRecorded(users: readonly LocalUser[]) {
  const clock = new FakeClock();
  const gates = Object.fromEntries(
    recordedWorkflows.list.map(({ workflow, gate }) => [workflow.tasks[0]!.id, gate]),
  );
  const server = await LocalAureus.start({
    port: false,
    v1: false,
    users,
    clock,
    principal: recordedWorkflows.principal,
    gate: (task) => gates[task.id],
    execute: (task, context) => recordedWorkflows.execute(task, context, clock),
  });
  for (const { workflow } of recordedWorkflows.list)
    await clock.until(server.engine.run(workflow, { correlationId: "corr-holdout" }));
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
    if (
      /^(timestamp|\w+At|start|end|\w+Event|lastCheck(ed)?|duration|token|contentHash|merkleRoot|executionTime)$/.test(
        key,
      )
    )
      return typeof item;
    if (key === "approvalToken" && typeof item === "string") return item.replace(/-\d+-[0-9a-f]{32}$/, "");
    if (key === "executionId") return String(item).replace(/\d+$/, "");
    return key === "details" && String(item).includes("JSON") ? "parser" : item;
  });
}

/**
 * Of several decisions in one millisecond the real console shows the first, we the last. The recorded `wf-ok` has
 * two: both sides are compared without the reason, and the difference is listed.
 */
const ties = new Set(["status_wf-ok", "list_workflows"]);
function withoutTie(id: string, value: unknown): unknown {
  if (!ties.has(id)) return value;
  return JSON.parse(JSON.stringify(value).replaceAll(/"(?:Low|Medium) risk action[^"]*"/g, '"tie"'));
}

const users = [
  operator,
  { username: "viewer", password: "v", permissions: ["read"] },
  { username: "alice", password: "a", tenantId: "tenant-a" },
];

describe("calls recorded from the real console", () => {
  it(req("aureus.local.console.recorded", "are answered the same, all in one session"), async () => {
    const { server, clock } = await asRecorded(users);
    server.snapshot("wf-ok", "step-1", { metadata: { note: "seed" } });
    const tokens: Record<string, string> = {};
    for (const user of users) {
      const { body } = await call(server, "POST", "/api/auth/login", user);
      tokens[user.username] = (body as { token: string }).token;
    }
    const statusOf = await call(
      server,
      "GET",
      "/api/workflows/wf-critical",
      null,
      `Bearer ${tokens.operator}`,
    );
    const { approvalToken } = (statusOf.body as { policyStatus: { approvalToken: string } }).policyStatus;
    const ids = recordedWorkflows.list.map(({ workflow }) => workflow.id);
    const cases = recordedCases("console-full");
    for (const { case: name, request, response } of cases) {
      await clock.advance(1);
      const sent = request.headers?.authorization?.replace(
        /<JWT(?::(\w+))?>/,
        (_, of = "operator") => tokens[of]!,
      );
      const body = JSON.stringify(request.body).replaceAll(/approval-wipe-[0-9a-f-]+/g, approvalToken);
      const raw = name === "bad_json" ? "{bad" : (JSON.parse(body) as unknown);
      const answer = comparable(await call(server, request.method, request.path, raw, sent));
      // The recorded server had run more workflows than those that are known here.
      const theirs =
        Array.isArray(response.body) && name === "list_workflows"
          ? response.body.filter((item) => ids.includes((item as { workflowId: string }).workflowId))
          : response.body;
      const recorded = comparable({ status: response.status, body: theirs });
      const [ours, wanted] = [withoutTie(name, answer), withoutTie(name, recorded)];
      if (expectedDifference(`aureus/local/${name}`) === undefined) expect(ours, name).toEqual(wanted);
      else expect(isDeepStrictEqual(ours, wanted), `${name} is listed`).toBe(ties.has(name));
    }
    expect(cases).toHaveLength(103);
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

  it("an approval of one workflow is not one of another with the same task id", async () => {
    await using server = await LocalAureus.start();
    const v1 = new AureusClient({ baseUrl: server.url });
    const console = new AureusConsoleClient({ baseUrl: server.url, credentials: operator });
    await v1.executeWorkflow(workflow);
    await v1.executeWorkflow({ ...workflow, id: "w-2" });
    const { approvalToken = "" } = (await console.getWorkflow("w")).policyStatus;
    await expect(console.approve("w-2", { taskId: "wipe", approvalToken })).rejects.toThrow("Invalid");
    await console.approve("w", { taskId: "wipe", approvalToken });
    expect((await console.getWorkflow("w")).policyStatus.status).toBe("approved");
    expect((await console.getWorkflow("w-2")).policyStatus.status).toBe("pending");
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
