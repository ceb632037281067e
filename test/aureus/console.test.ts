import { Ajv2020 } from "ajv/dist/2020.js";
import createClient from "openapi-fetch";
import { afterEach, describe, expect, it } from "vitest";
import type { WorkflowStatus } from "../../gen/aureus/console/models.js";
import { schemaDocument, schemaRef } from "../../gen/aureus/console/schemas.js";
import type { paths } from "../../gen/aureus/console/types.js";
import {
  AureusConsoleClient,
  type AureusConsoleClientOptions,
  actionOfTask,
  toConsoleWorkflow,
  type WorkflowSpec,
} from "../../src/aureus/index.js";
import {
  AbortedError,
  type AgentwireError,
  AuthError,
  ClosedError,
  TimeoutError,
} from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { readLines } from "./recordings.ts";
import { type Answer, type SeenRequest, serve, type TestServer } from "./server.ts";

interface SchemaNode {
  readonly $ref?: string;
  readonly items?: SchemaNode;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
}

const servers: TestServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const refused = { status: 401, body: { error: "Unauthorized: Invalid token" } };
const credentials = { username: "operator", password: "operator123" };

/** A console that gives token-1, token-2, … and takes only the last one. */
async function setUp(
  answer: (request: SeenRequest) => Answer = () => ({ body: [] }),
  options: AureusConsoleClientOptions = {},
) {
  const clock = new FakeClock();
  const state = { logins: 0, valid: "" };
  const server = await serve((request) => {
    if (request.path === "/api/auth/login") {
      if ((request.body as { password: string }).password !== "operator123")
        return { status: 401, body: { error: "Invalid credentials" } };
      state.valid = `token-${++state.logins}`;
      return { body: { token: state.valid, expiresAt: new Date(clock.now() + 3_600_000).toISOString() } };
    }
    return request.headers.authorization === `Bearer ${state.valid}` ? answer(request) : refused;
  });
  servers.push(server);
  const client = new AureusConsoleClient({ baseUrl: server.url, credentials, clock, ...options });
  return { client, clock, state, seen: server.seen, url: server.url };
}

const failure = async (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable("it did not fail"),
    (error: unknown) => error as AgentwireError,
  );

describe("login", () => {
  it(
    req("aureus.console.login", "is made with the first call, and once for calls that fall together"),
    async () => {
      const { client, state, seen } = await setUp();
      expect(seen).toEqual([]);
      await Promise.all([
        client.listWorkflows(),
        client.getEvents("w"),
        client.monitoring.events({ type: "crv_result" }),
      ]);
      expect(state.logins).toBe(1);
      expect(seen).toHaveLength(4);
      expect(seen[0]!.body).toEqual(credentials);
    },
  );

  it(req("aureus.console.login", "is renewed before the token ends"), async () => {
    const { client, state, clock } = await setUp(undefined, { refreshBeforeMs: 60_000 });
    await client.listWorkflows();
    await clock.advance(3_540_000 - 1);
    await client.listWorkflows();
    expect(state.logins).toBe(1);
    await clock.advance(1);
    await client.listWorkflows();
    expect(state.logins).toBe(2);
  });

  it(
    req(
      "aureus.console.login",
      "is made once more after a 401, for all calls together, and the calls as well",
    ),
    async () => {
      const { client, state, seen } = await setUp(({ method }) => ({
        body: method === "POST" ? { message: "Action denied", success: true } : [],
      }));
      await client.listWorkflows();
      state.valid = "lost in a restart";
      const denial = { taskId: "t", approvalToken: "x", reason: "no" };
      await Promise.all([client.listWorkflows(), client.deny("w", denial)]);
      expect(state.logins).toBe(2);
      expect(seen.filter(({ path }) => path.endsWith("/deny"))).toHaveLength(2); // refused, then taken
    },
  );

  it(req("aureus.console.login", "is not made again and again"), async () => {
    const { client, state } = await setUp(() => refused);
    expect(await failure(client.listWorkflows())).toBeInstanceOf(AuthError);
    expect(state.logins).toBe(2);
    const wrong = await setUp(undefined, { credentials: { username: "operator", password: "x" } });
    expect(await failure(wrong.client.listWorkflows())).toMatchObject({ name: "AuthError", status: 401 });
    expect(wrong.seen).toHaveLength(1);
  });

  it("a token from elsewhere is used until it is refused", async () => {
    const { client, state, seen } = await setUp(undefined, { token: "token-0" });
    await client.listWorkflows();
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer token-0",
      undefined,
      "Bearer token-1",
    ]);
    expect(state.logins).toBe(1);
    const bare = await setUp(undefined, { credentials: undefined, token: "token-0" });
    expect(await failure(bare.client.listWorkflows())).toBeInstanceOf(AuthError);
    expect(bare.seen).toHaveLength(1);
  });

  it("credentials can be asked for, and logout forgets the token", async () => {
    const { client, state } = await setUp(() => ({ body: { message: "Logged out successfully" } }), {
      credentials: async () => credentials,
    });
    await client.logout();
    expect(state.logins).toBe(0);
    await client.login();
    await client.logout();
    await client.call("getReflexionStats", {});
    expect(state.logins).toBe(2);
    await client.close();
    expect(await failure(client.listWorkflows())).toBeInstanceOf(ClosedError);
  });

  it("serves a client of openapi-fetch, and sends the token nowhere else", async () => {
    const { client, state } = await setUp(({ path }) => ({ body: { path } }));
    const generated = createClient<paths>({ baseUrl: client.baseUrl, fetch: client.fetch });
    state.valid = "not yet";
    const { data } = await generated.GET("/api/agents/registry/{agentId}/versions/{version}", {
      params: { path: { agentId: "a", version: "latest" } },
    });
    expect(data).toEqual({ path: "/api/agents/registry/a/versions/latest" });
    state.valid = "lost";
    const { response } = await generated.POST("/api/mcp/generate", { body: { serverName: "s", tools: [] } });
    expect(response.status).toBe(200);
    expect(state.logins).toBe(2);
    expect(await failure(client.fetch("http://127.0.0.1:1/x"))).toMatchObject({ code: "foreign_url" });
  });
});

describe("decisions", () => {
  const status = (policy: Partial<WorkflowStatus["policyStatus"]>): WorkflowStatus => ({
    workflowId: "wf",
    status: "failed",
    tasks: [],
    crvStatus: { status: "none" },
    policyStatus: { status: "pending", requiresHumanApproval: true, ...policy },
  });

  it(req("aureus.console.decision", "end the wait"), async () => {
    const states = [{}, {}, { status: "approved", reason: "Approved by operator" } as const];
    let asked = 0;
    const { client, clock } = await setUp(() => ({ body: status(states[asked++]!) }));
    const waiting = client.waitForDecision("wf", { intervalMs: 500 });
    for (const expected of [1, 2]) {
      await expect.poll(() => asked).toBe(expected);
      await expect.poll(() => clock.nextInMs).toBe(500);
      await clock.advance(500);
    }
    expect(await waiting).toMatchObject({ approved: true, reason: "Approved by operator" });
    expect(asked).toBe(3);
    expect(clock.pending).toBe(0);
  });

  it(req("aureus.console.decision", "that do not come end it by time or signal"), async () => {
    const { client, clock } = await setUp(() => ({ body: status({}) }));
    await client.login();
    const late = failure(client.waitForDecision("wf", { intervalMs: 10_000, timeoutMs: 15_000 }));
    await expect.poll(() => clock.nextInMs).toBe(10_000);
    await clock.advance(10_000);
    await expect.poll(() => clock.nextInMs).toBe(5_000);
    await clock.advance(5_000);
    expect(await late).toBeInstanceOf(TimeoutError);
    const controller = new AbortController();
    const aborted = failure(client.waitForDecision("wf", { signal: controller.signal }));
    controller.abort();
    expect(await aborted).toBeInstanceOf(AbortedError);
    expect(clock.pending).toBe(0);
  });

  it("are made by approve, deny and rollback", async () => {
    const { client, seen } = await setUp(() => ({ body: { message: "done", success: true } }));
    await client.approve("w/1", { taskId: "t", approvalToken: "tok" });
    await client.rollback("w", "s1", { reason: "r" });
    expect(seen.slice(1).map(({ path, body }) => ({ path, body }))).toEqual([
      { path: "/api/workflows/w%2F1/approve", body: { taskId: "t", approvalToken: "tok" } },
      { path: "/api/workflows/w/rollback", body: { snapshotId: "s1", reason: "r" } },
    ]);
  });
});

describe("conversion", () => {
  const full: WorkflowSpec = {
    id: "w",
    name: "W",
    goal: null,
    constraints: ["c"],
    successCriteria: ["s"],
    tasks: [
      {
        id: "task_one",
        name: "A",
        type: "action",
        inputs: { some_key: null, nested: [null] },
        retry: { maxAttempts: 2, backoffMs: 1, backoffMultiplier: 2, jitter: false },
        idempotencyKey: "i",
        timeoutMs: 5,
        riskTier: "HIGH",
        compensation: { onFailure: "task_one", onTimeout: null },
        compensationAction: { tool: "undo", args: null },
        toolName: "t",
        requiredPermissions: [
          {
            action: "read",
            resource: "db",
            intent: "read",
            dataZone: "internal",
            conditions: { ip: "10/8" },
          },
        ],
        allowedTools: ["t"],
        intent: "write",
        dataZone: "public",
        sandboxConfig: { enabled: true, type: "mock", simulationMode: true, permissions: { net_out: null } },
      },
    ],
    dependencies: { task_one: [] },
    safetyPolicy: {
      name: "sp",
      description: null,
      rules: [{ type: "custom", description: null }],
      failFast: true,
    },
  };

  it(
    req("aureus.console.convert", "keeps every member, leaves nulls out, and names what has no place"),
    () => {
      const { spec, unplaced } = toConsoleWorkflow(full);
      expect(unplaced).toEqual([{ path: "tasks.0.requiredPermissions.0.conditions", value: { ip: "10/8" } }]);
      expect(spec).toEqual({
        id: "w",
        name: "W",
        constraints: ["c"],
        successCriteria: ["s"],
        tasks: [
          {
            ...full.tasks[0],
            compensation: { onFailure: "task_one" },
            compensationAction: { tool: "undo", args: {} },
            requiredPermissions: [{ action: "read", resource: "db", intent: "read", dataZone: "internal" }],
          },
        ],
        dependencies: { task_one: [] },
        safetyPolicy: { name: "sp", rules: [{ type: "custom" }], failFast: true },
      });
      expect(full.goal).toBeNull(); // the original is not touched
    },
  );

  it(
    req("aureus.console.convert", "gives what the console's schema takes whole: it would drop nothing"),
    () => {
      const components = schemaDocument.components.schemas as Record<string, SchemaNode>;
      /** Members the schema does not have, which the server strips without a word. */
      const stripped = (value: unknown, schema: SchemaNode, at: string): string[] => {
        if (schema.$ref !== undefined)
          return stripped(value, components[schema.$ref.split("/").at(-1)!]!, at);
        if (Array.isArray(value))
          return value.flatMap((item, n) => stripped(item, schema.items ?? {}, `${at}.${n}`));
        if (schema.properties === undefined || typeof value !== "object" || value === null) return [];
        return Object.entries(value).flatMap(([key, item]) => {
          const member = schema.properties![key];
          return member === undefined ? [`${at}.${key}`] : stripped(item, member, `${at}.${key}`);
        });
      };
      const { spec } = toConsoleWorkflow(full);
      const workflow = components.WorkflowSpec!;
      expect(stripped(spec, workflow, "spec")).toEqual([]);
      expect(stripped(full, workflow, "spec")).toEqual(["spec.tasks.0.requiredPermissions.0.conditions"]);
      const fits = new Ajv2020({ strict: false })
        .addSchema(schemaDocument)
        .getSchema(schemaRef("WorkflowSpec"))!;
      expect(fits(spec)).toBe(true);
      expect(fits(full)).toBe(false); // null
      const recorded = readLines("console-full").find((line) => line.case === "validate_ok")!;
      const pay = recorded.request.body as WorkflowSpec;
      expect(toConsoleWorkflow(pay)).toEqual({
        spec: (recorded.response!.body as { spec: unknown }).spec,
        unplaced: [],
      });
    },
  );

  it(req("aureus.console.convert", "makes the action of a task, its tier in lower case"), () => {
    expect(actionOfTask(full.tasks[0]!)).toMatchObject({ id: "task_one", riskTier: "high", intent: "write" });
    expect(actionOfTask({ id: "a", name: "A", type: "action" })).toEqual({
      id: "a",
      name: "A",
      riskTier: "low",
      requiredPermissions: [],
    });
  });
});
