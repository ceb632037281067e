import { Ajv2020 } from "ajv/dist/2020.js";
import { afterEach, describe, expect, it } from "vitest";
import type { WorkflowEvent } from "../../gen/aureus/console/models.js";
import { schemaDocument, schemaRef } from "../../gen/aureus/console/schemas.js";
import { actionOfTask } from "../../src/aureus/convert.js";
import {
  AureusConsoleClient,
  type AureusConsoleClientOptions,
  toConsoleWorkflow,
  type WorkflowSpec,
} from "../../src/aureus/index.js";
import {
  AbortError,
  type AgentwireError,
  AuthError,
  ClosedError,
  TimeoutError,
} from "../../src/core/errors.js";
import type { CallOptions } from "../../src/http/index.js";
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
      const headers = { date: new Date(clock.now()).toUTCString() };
      const expiresAt = new Date(clock.now() + 3_600_000).toISOString();
      return { headers, body: { token: state.valid, expiresAt } };
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
        client.getWorkflowEvents("w"),
        client.getMonitoringEvents({ query: { type: "crv_result" } }),
      ]);
      expect(state.logins).toBe(1);
      expect(seen).toHaveLength(4);
      expect(seen[0]!.body).toEqual(credentials);
    },
  );

  it.each<[unknown]>([[undefined], [{}], [{ username: "u" }], [{ username: "u", password: null }]])(
    "with the credentials %j is refused before anything is sent",
    async (given) => {
      const { client, seen } = await setUp(undefined, { credentials: () => given as typeof credentials });
      const error = await failure(client.listWorkflows());
      expect(error).toMatchObject({ name: "ValidationError", message: expect.stringContaining("password") });
      expect(seen).toEqual([]);
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

  describe("that hangs", () => {
    const hanging = async (options: AureusConsoleClientOptions = {}) => {
      let begun = 0;
      const clock = new FakeClock();
      const fetch = (_: unknown, { signal }: RequestInit = {}) => {
        begun++;
        return new Promise<Response>((_, reject) =>
          signal!.addEventListener("abort", () => reject(signal!.reason)),
        );
      };
      const client = new AureusConsoleClient({
        baseUrl: "http://c.test",
        credentials,
        clock,
        fetch,
        ...options,
      });
      return { client, clock, begun: () => begun };
    };

    it.each<[CallOptions, string]>([
      [{ timeoutMs: 300, retry: false }, "listWorkflows: login did not respond within 300 ms (attempt 1)"],
      [{ totalTimeoutMs: 300 }, "waiting for login"],
    ])("is named by the error of a call with %j", async (options, message) => {
      const { client, clock, begun } = await hanging();
      const error = await clock.until(failure(client.listWorkflows(options)));
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error.message).toContain(message);
      expect([clock.monotonic(), clock.pending, begun()]).toEqual([300, 0, 1]);
    });

    it("holds each call for as long as its own limits say", async () => {
      const { client, clock, begun } = await hanging({ timeoutMs: 31_000, retry: false });
      const slow = failure(client.listWorkflows());
      const error = await clock.until(failure(client.listWorkflows({ timeoutMs: 300 })));
      expect([error.name, clock.monotonic()]).toEqual(["TimeoutError", 300]);
      expect((await clock.until(slow)).name).toBe("TimeoutError");
      expect([clock.monotonic(), clock.pending, begun()]).toEqual([31_000, 0, 1]);
      const named = await clock.until(failure(client.login({ timeoutMs: 200 })));
      expect(named.message).toContain("login: the Aureus console did not respond within 200 ms");
    });
  });

  it.each<[CallOptions, number]>([
    [{ retry: false }, 1],
    [{ retry: { attempts: 2, minDelayMs: 0 } }, 2],
  ])("is tried as often as the call says: %j", async (options, logins) => {
    const server = await serve(() => ({ status: 503, body: { error: "down" } }));
    servers.push(server);
    const client = new AureusConsoleClient({ baseUrl: server.url, credentials });
    for (const make of [() => client.listWorkflows(options), () => client.login(options)]) {
      const before = server.seen.length;
      expect(await failure(make())).toMatchObject({ status: 503, attempts: logins });
      expect(server.seen.length - before).toBe(logins);
    }
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
    await client.getReflexionStats();
    expect(state.logins).toBe(2);
    await client.close();
    expect(await failure(client.listWorkflows())).toBeInstanceOf(ClosedError);
  });

  it("serves openapi-fetch as `raw`, with the same session", async () => {
    const { client, state } = await setUp(({ path }) => ({ body: { path } }));
    state.valid = "not yet";
    const { data } = await client.raw.GET("/api/agents/registry/{agentId}/versions/{version}", {
      params: { path: { agentId: "a", version: "latest" } },
    });
    expect(data).toEqual({ path: "/api/agents/registry/a/versions/latest" });
    state.valid = "lost";
    const { response } = await client.raw.POST("/api/mcp/generate", { body: { serverName: "s", tools: [] } });
    expect(response.status).toBe(200);
    expect(state.logins).toBe(2);
  });

  it(req("aureus.console.login", "does not depend on the clock of this machine"), async () => {
    const clock = new FakeClock();
    let logins = 0;
    const server = await serve(({ path }) => {
      if (path !== "/api/auth/login") return { body: [] };
      logins++;
      // The server's clock is two hours behind: its token has ended already by the clock here.
      const now = clock.now() - 7_200_000;
      const headers = { date: new Date(now).toUTCString() };
      return { headers, body: { token: "t", expiresAt: new Date(now + 3_600_000).toISOString() } };
    });
    servers.push(server);
    const client = new AureusConsoleClient({ baseUrl: server.url, credentials, clock });
    for (let n = 0; n < 3; n++) await client.listWorkflows();
    expect(logins).toBe(1);
    await clock.advance(3_541_000);
    await client.listWorkflows();
    expect(logins).toBe(2);
  });

  it("reads what it needs from the environment, blanks cut off", async () => {
    const { url, seen } = await setUp();
    const names = ["AUREUS_URL", "AUREUS_USERNAME", "AUREUS_PASSWORD"] as const;
    const before = names.map((name) => process.env[name]);
    Object.assign(process.env, {
      AUREUS_URL: ` ${url}\n`,
      AUREUS_USERNAME: "operator ",
      AUREUS_PASSWORD: "operator123\n",
    });
    try {
      await new AureusConsoleClient().listWorkflows();
    } finally {
      for (const [at, name] of names.entries()) {
        if (before[at] === undefined) delete process.env[name];
        else process.env[name] = before[at];
      }
    }
    expect(seen[0]!.body).toEqual(credentials);
  });
});

describe("decisions", () => {
  const principal = { id: "agent", type: "agent", permissions: [] };
  const wipe = { id: "wipe", name: "Wipe", riskTier: "critical" as const, requiredPermissions: [] };

  /** A console with a policy guard, and the decisions of humans in `events`. */
  async function guarded(
    decision: object = { allowed: false, requiresHumanApproval: true, reason: "critical" },
  ) {
    const events: WorkflowEvent[] = [];
    const issuedAt = Date.parse("2026-11-20T12:00:00Z");
    const answering = { status: 200 };
    const world = await setUp(({ path }) => {
      if (answering.status !== 200) return { status: answering.status, body: { error: "down" } };
      if (path === "/api/test/simulate-policy")
        return { body: { decision, approvalPath: [], estimatedApprovalTime: "", alternativeActions: [] } };
      return { body: path.endsWith("/events") ? events : { message: "done", success: true } };
    });
    const decide = (taskId: string, allowed: boolean, atMs: number, reason = "by operator"): void =>
      void events.push({
        timestamp: new Date(issuedAt + atMs).toISOString(),
        type: "ROLLBACK_POLICY_DECISION",
        workflowId: "wf",
        taskId,
        metadata: { policyDecision: { allowed, reason, requiresHumanApproval: false } },
      } as WorkflowEvent);
    const token = `approval-wipe-${issuedAt}-0123456789abcdef`;
    /** One poll later. */
    const poll = async (): Promise<void> => {
      await expect.poll(() => world.clock.nextInMs).toBe(500);
      await world.clock.advance(500);
    };
    return { ...world, events, decide, token, poll, answering };
  }
  const withToken = (token: string) => ({
    allowed: false,
    requiresHumanApproval: true,
    reason: "critical",
    approvalToken: token,
  });
  const TOKEN = `approval-wipe-${Date.parse("2026-11-20T12:00:00Z")}-0123456789abcdef`;

  it(
    req("aureus.console.decision", "on another task, or older than the request, are not taken"),
    async () => {
      const { client, clock, decide, poll } = await guarded(withToken(TOKEN));
      decide("prep", true, -60_000); // an automatic or human approval of another task
      decide("wipe", true, -1_000); // an earlier approval of the same one
      const pending = await client.requestDecision(wipe, principal, { workflowId: "wf" });
      expect(pending).toMatchObject({ allowed: false, requiresHumanApproval: true, approvalToken: TOKEN });
      let decided: unknown;
      const waiting = pending.wait({ intervalMs: 500 }).then((decision) => {
        decided = decision;
      });
      await poll();
      decide("prep", true, 1_000);
      await poll();
      decide("wipe", true, -500, "an old approval that is recorded late");
      await poll();
      expect(decided).toBeUndefined();
      decide("wipe", true, 5_000, "Approved by operator");
      await poll();
      await waiting;
      expect(decided).toEqual({ approved: true, reason: "Approved by operator" });
      expect(clock.pending).toBe(0);
    },
  );

  it(req("aureus.console.decision", "are approvals only where the server says so"), async () => {
    for (const allowed of [false, undefined, "true", 1]) {
      const { client, events } = await guarded(withToken(TOKEN));
      const pending = await client.requestDecision(wipe, principal);
      events.push({
        timestamp: "2026-11-20T12:00:01Z",
        type: "ROLLBACK_POLICY_DECISION",
        workflowId: "wipe",
        taskId: "wipe",
        metadata: { policyDecision: { allowed, reason: "no" } },
      } as WorkflowEvent);
      expect(await pending.wait()).toEqual({ approved: false, reason: "no" });
    }
  });

  it("wait out an outage of the server", async () => {
    const { client, decide, poll, answering } = await guarded(withToken(TOKEN));
    const pending = await client.requestDecision(wipe, principal);
    answering.status = 502;
    const waiting = pending.wait({ intervalMs: 500 });
    // The poll itself is retried by the client; then the wait goes on.
    void poll;
    answering.status = 200;
    decide("wipe", false, 2_000, "Denied by operator: no");
    expect(await waiting).toEqual({ approved: false, reason: "Denied by operator: no" });
  });

  it("need no wait where the action is allowed or forbidden, and none where nobody can approve", async () => {
    const allowed = await guarded({ allowed: true, requiresHumanApproval: false, reason: "low" });
    const free = await allowed.client.requestDecision(wipe, principal);
    expect([free.allowed, await free.wait()]).toEqual([true, { approved: true, reason: "low" }]);
    const forbidden = await guarded({ allowed: false, requiresHumanApproval: false, reason: "zone" });
    const no = await forbidden.client.requestDecision(wipe, principal);
    expect([no.allowed, await no.wait()]).toEqual([false, { approved: false, reason: "zone" }]);
    const { client } = await guarded();
    const stuck = await client.requestDecision(wipe, principal);
    expect(await failure(stuck.wait())).toMatchObject({ code: "NO_APPROVAL_TOKEN" });
  });

  it(req("aureus.console.decision", "that something else asked for count from the token on"), async () => {
    const { client, decide, poll } = await guarded();
    decide("wipe", true, -1);
    const known = client
      .pendingApproval("wf", { taskId: "wipe", approvalToken: TOKEN })
      .wait({ intervalMs: 500 });
    await poll();
    decide("wipe", true, 1, "with a time");
    await poll();
    expect(await known).toMatchObject({ approved: true, reason: "with a time" });
    // A token without a time: whatever is there at the first look is old.
    const opaque = client.pendingApproval("wf", { taskId: "wipe", approvalToken: "opaque" });
    const waiting = opaque.wait({ intervalMs: 500 });
    await poll();
    decide("wipe", false, 2, "newer");
    await poll();
    expect(await waiting).toEqual({ approved: false, reason: "newer" });
  });

  it(req("aureus.console.decision", "that do not come end the wait by time or signal"), async () => {
    const { client, clock } = await guarded(withToken(TOKEN));
    const pending = await client.requestDecision(wipe, principal);
    const late = failure(pending.wait({ intervalMs: 10_000, totalTimeoutMs: 15_000 }));
    await expect.poll(() => clock.nextInMs).toBe(10_000);
    await clock.advance(10_000);
    await expect.poll(() => clock.nextInMs).toBe(5_000);
    await clock.advance(5_000);
    expect(await late).toBeInstanceOf(TimeoutError);
    const controller = new AbortController();
    const aborted = failure(pending.wait({ signal: controller.signal }));
    controller.abort();
    expect(await aborted).toBeInstanceOf(AbortError);
    expect(clock.pending).toBe(0);
  });

  it("are made by approve, deny and rollback", async () => {
    const { client, seen } = await setUp(() => ({ body: { message: "done", success: true } }));
    await client.approve("w/1", { taskId: "t", approvalToken: "tok" });
    await client.rollbackWorkflow("w", { snapshotId: "s1", reason: "r" });
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

describe("a server that answers something else", () => {
  const principal = { id: "p", type: "agent" as const, permissions: [] };
  const action = { id: "a", name: "A", riskTier: "low" as const, requiredPermissions: [] };

  it.each([[{}], [null], [{ token: null }], [{ token: "two\nlines", expiresAt: "x" }]])(
    "gives no usable token: %j is a ProtocolError with what came",
    async (body) => {
      const server = await serve(() => ({ body, headers: { "x-request-id": "r-1" } }));
      servers.push(server);
      const client = new AureusConsoleClient({ baseUrl: server.url, credentials, retry: false });
      const error = await client.listWorkflows().catch((thrown: AgentwireError) => thrown);
      expect(error).toMatchObject({ name: "ProtocolError", code: "UNEXPECTED_RESPONSE", status: 200 });
      expect(error).toMatchObject({ requestId: "r-1" });
    },
  );

  it("repeats the password of a login, which no error shows", async () => {
    const server = await serve(({ body }) => ({
      status: 401,
      body: { error: `bad ${JSON.stringify(body)}` },
    }));
    servers.push(server);
    const client = new AureusConsoleClient({ baseUrl: server.url, credentials, retry: false });
    const error = (await client.listWorkflows().catch((thrown: unknown) => thrown)) as AgentwireError;
    expect(error).toBeInstanceOf(AuthError);
    expect([error.message, JSON.stringify(error), JSON.stringify(error.body)].join()).not.toContain(
      "operator123",
    );
  });

  it("decides nothing, and shows no state: typed errors", async () => {
    const { client } = await setUp(({ path }) => ({ body: path.includes("/events") ? [] : {} }));
    const wrong = { name: "ProtocolError", code: "UNEXPECTED_RESPONSE", status: 200 };
    await expect(client.requestDecision(action, principal)).rejects.toMatchObject(wrong);
    await expect(client.watchWorkflow("w").next()).rejects.toMatchObject(wrong);
  });

  it("lists events that are none, which decide nothing", async () => {
    const { client, clock } = await setUp(() => ({ body: [null, 1, "x", {}] }));
    const pending = client.pendingApproval("w", { taskId: "t", approvalToken: "approval-1" });
    const waited = pending.wait({ totalTimeoutMs: 5_000 }).catch((thrown: unknown) => thrown);
    expect(await clock.until(waited)).toBeInstanceOf(TimeoutError);
  });
});
