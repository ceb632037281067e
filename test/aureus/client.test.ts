import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import type { GateConfig } from "../../gen/aureus/v1/models.js";
import type { WorkflowSpec } from "../../src/aureus/index.js";
import {
  AureusClient,
  type AureusClientOptions,
  AureusConsoleClient,
  Telemetry,
} from "../../src/aureus/index.js";
import {
  AbortError,
  type AgentwireError,
  AuthError,
  ClosedError,
  ProtocolError,
  RateLimitError,
  TimeoutError,
  UnsupportedError,
  UpstreamError,
  ValidationError,
} from "../../src/core/errors.js";
import type { Logger } from "../../src/core/logger.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { type Answer, type SeenRequest, serve, type TestServer } from "./server.ts";

const servers: TestServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function setUp(
  answer: (request: SeenRequest, n: number) => Answer | Promise<Answer>,
  options: AureusClientOptions = {},
  prefix = "",
) {
  const server = await serve(answer);
  servers.push(server);
  const client = new AureusClient({ baseUrl: server.url + prefix, ...options });
  return { client, seen: server.seen, url: server.url };
}

const failure = async (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable("it did not fail"),
    (error: unknown) => error as AgentwireError,
  );

const workflow: WorkflowSpec = {
  id: "wf-1",
  name: "One",
  tasks: [
    {
      id: "task_one",
      name: "One",
      type: "action",
      toolName: "read_file",
      inputs: { keep_snake: 1, keepCamel: null },
    },
  ],
  dependencies: { task_one: [] },
};
const gate: GateConfig = { name: "G", validators: ["not_null"], blockOnFailure: true };

describe("requests", () => {
  it(req("aureus.v1.paths", "keep the prefix of the base URL and encode ids"), async () => {
    const { client, seen, url } = await setUp(() => ({ body: {} }), {}, "/team/aureus///");
    await client.getWorkflowStatus("a/b c?d#e");
    expect(client.baseUrl).toBe(`${url}/team/aureus`);
    expect(seen[0]!.path).toBe("/team/aureus/api/v1/workflows/a%2Fb%20c%3Fd%23e/status");
    await expect(client.getWorkflowStatus("..")).rejects.toThrow(ValidationError);
    await expect(client.getTrace("")).rejects.toThrow(ValidationError);
    expect(seen).toHaveLength(1);
  });

  it(req("aureus.v1.opaque", "leave the keys of user data alone, both ways"), async () => {
    const { client, seen } = await setUp(() => ({
      body: {
        workflow_id: "wf-1",
        status: "success",
        task_results: {
          task_one: { task_id: "task_one", status: "success", result: { some_key: 1, someKey: null } },
        },
      },
    }));
    const result = await client.executeWorkflow(workflow, { context: { user_id: "1", userName: null } });
    expect(seen[0]!.body).toEqual({
      workflow: {
        id: "wf-1",
        name: "One",
        tasks: [
          {
            id: "task_one",
            name: "One",
            type: "action",
            tool_name: "read_file",
            inputs: { keep_snake: 1, keepCamel: null },
          },
        ],
        dependencies: { task_one: [] },
      },
      context: { user_id: "1", userName: null },
    });
    expect(result.taskResults).toEqual({
      task_one: { taskId: "task_one", status: "success", result: { some_key: 1, someKey: null } },
    });
  });

  it(req("aureus.v1.nulls", "do not change what they are given"), async () => {
    const { client, seen } = await setUp(() => ({ body: { allowed: true } }));
    const principal = Object.freeze({ id: "p", type: "agent", permissions: [] });
    const odd = { id: "a", metadata: null, toJSON: () => ({ id: "from toJSON" }) };
    await client.checkPermission(principal, odd as never);
    await client.reportMetric(Object.freeze({ name: "m", value: 1, timestamp: "t", tags: null }));
    expect(odd.metadata).toBeNull();
    expect(seen.map(({ body }) => body)).toEqual([
      { principal: { id: "p", type: "agent", permissions: [] }, action: { id: "from toJSON" } },
      { name: "m", value: 1, timestamp: "t" },
    ]);
  });

  it("send the null of a commit's data, and no header without a key", async () => {
    const { client, seen } = await setUp(() => ({
      body: {
        passed: true,
        gate_name: "G",
        validation_results: [],
        blocked_commit: false,
        timestamp: "t",
        crv_status: "passed",
      },
    }));
    await client.validateCommit({ id: "c", data: null, previousState: null }, gate);
    expect(seen[0]!.body).toMatchObject({ commit: { id: "c", data: null } });
    expect(seen[0]!.body).not.toHaveProperty("commit.previous_state");
    expect(seen[0]!.headers.authorization).toBeUndefined();
  });
});

describe("retries", () => {
  const options = (): AureusClientOptions => ({ retry: { attempts: 3, minDelayMs: 0 } });
  const busy = { status: 429, headers: { "retry-after": "0" }, body: { error: "Too many" } };

  it(
    req("aureus.v1.retry", "make what is idempotent again, after 429, 502, 504 and a broken connection"),
    async () => {
      const answers: Answer[] = [busy, { status: 502 }, { body: { status: "running" } }];
      const { client, seen } = await setUp((_, n) => answers[n], options());
      await expect(client.getWorkflowStatus("wf")).resolves.toEqual({ status: "running" });
      expect(seen).toHaveLength(3);
      const broken = await setUp((_, n) => (n === 0 ? undefined : { body: [] }), options());
      await expect(broken.client.getTrace("t")).resolves.toEqual([]);
    },
  );

  it(req("aureus.v1.retry", "never after 500: Aureus refuses with it"), async () => {
    const { client, seen } = await setUp(() => ({ status: 500, body: { error: "no" } }), options());
    expect(await failure(client.getTrace("t"))).toMatchObject({ status: 500, retryable: false });
    expect(seen).toHaveLength(1);
  });

  it(
    req("aureus.v1.retry", "after a plain 503; what is not configured is said by the console alone"),
    async () => {
      const refused = { status: 503, body: { error: "Test runner not configured" } };
      const { client, seen, url } = await setUp((_, n) => (n < 2 ? refused : { body: [] }), options());
      expect(await client.getTrace("t")).toEqual([]);
      expect(seen).toHaveLength(3);
      const stock = await serve(() => refused);
      servers.push(stock);
      const console = new AureusConsoleClient({ ...options(), baseUrl: stock.url, token: "t" });
      expect(await failure(console.getReflexionStats())).toMatchObject({
        code: "NOT_CONFIGURED",
        status: 503,
      });
      expect(stock.seen).toHaveLength(1);
      const busyConsole = await serve((_, n) => (n === 0 ? { status: 503 } : { body: [] }));
      servers.push(busyConsole);
      await new AureusConsoleClient({ ...options(), baseUrl: busyConsole.url, token: "t" }).listWorkflows();
      expect(busyConsole.seen).toHaveLength(2);
      expect(url).not.toBe(stock.url);
    },
  );

  it(
    req("aureus.v1.retry", "that a call asks for are made, except of what must never be repeated"),
    async () => {
      const { client, seen } = await setUp(
        (_, n) => (n === 0 ? busy : { body: { allowed: true } }),
        options(),
      );
      const principal = { id: "p", type: "agent", permissions: [] };
      const action = { id: "a", name: "A", riskTier: "low" as const, requiredPermissions: [] };
      expect(await client.checkPermission(principal, action, { retry: { attempts: 2 } })).toBe(true);
      expect(seen).toHaveLength(2);
      const execute = await setUp(() => busy, options());
      await failure(execute.client.executeWorkflow(workflow, { retry: { attempts: 3 } }));
      expect(execute.seen).toHaveLength(1);
    },
  );

  it("made after a 503 that says when", async () => {
    const later = { status: 503, headers: { "retry-after": "0" } };
    const { client, seen } = await setUp((_, n) => (n === 0 ? later : { body: [] }), options());
    await client.getTrace("t");
    expect(seen).toHaveLength(2);
  });

  it(req("aureus.v1.retry", "never make execute, cancel, approval and reports again"), async () => {
    const { client, seen } = await setUp(() => busy, options());
    const principal = { id: "p", type: "agent", permissions: [] };
    const action = { id: "a", name: "A", riskTier: "high", requiredPermissions: [] } as const;
    const calls = [
      () => client.executeWorkflow(workflow),
      () => client.cancelWorkflow("wf"),
      () => client.requestApproval({ ...action, requiredPermissions: [] }, principal, "why"),
      () =>
        client.evaluatePolicy({
          principal,
          action: { ...action, requiredPermissions: [] },
          currentState: "idle",
          auditLog: [],
        }),
      () => client.reportMetric({ name: "m", value: 1, timestamp: "t" }),
    ];
    for (const call of calls) expect(await failure(call())).toBeInstanceOf(RateLimitError);
    expect(seen).toHaveLength(calls.length);
  });
});

describe("errors", () => {
  it(req("aureus.v1.errors", "say what the server said, where and about what"), async () => {
    const body = { error: "Invalid workflow specification", errors: ["id: Required", "name: Required"] };
    const { client } = await setUp(() => ({ status: 400, body }));
    const error = await failure(client.executeWorkflow(workflow, { correlationId: "trace-1" }));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ status: 400, correlationId: "trace-1", retryable: false, body });
    expect(error.details).toEqual({ operation: "executeWorkflow", ...body });
    expect(error.message).toBe(
      "the Aureus server answered 400 to executeWorkflow: Invalid workflow specification: id: Required; name: Required",
    );
  });

  it("are those of a call: too late, aborted, not JSON, not a list", async () => {
    const { client } = await setUp(({ path }) =>
      path.endsWith("/metrics")
        ? { body: { metrics: [] } }
        : path.includes("traces")
          ? { body: "<html>" }
          : "hang",
    );
    expect(await failure(client.getWorkflowStatus("w", { timeoutMs: 20, retry: false }))).toBeInstanceOf(
      TimeoutError,
    );
    const controller = new AbortController();
    const aborted = failure(client.getWorkflowStatus("w", { signal: controller.signal }));
    controller.abort();
    expect(await aborted).toBeInstanceOf(AbortError);
    expect(await failure(client.getMetrics())).toMatchObject({ code: "UNEXPECTED_RESPONSE" });
    expect(await failure(client.getTrace("t"))).toBeInstanceOf(ProtocolError);
  });

  it(req("aureus.v1.console", "name a console server, also for telemetry"), async () => {
    const page = (method: string, path: string) => `<!DOCTYPE html>\n<pre>Cannot ${method} ${path}</pre>`;
    const { client } = await setUp(
      ({ method, path }) => ({
        status: 404,
        headers: { "content-type": "text/html; charset=utf-8" },
        body: page(method, path),
      }),
      {},
      "/prefix",
    );
    for (const call of [
      () => client.executeWorkflow(workflow),
      () => client.getMetrics(),
      () => client.reportEvent({ type: "custom", timestamp: "t", data: {} }),
    ]) {
      const error = await failure(call());
      expect(error).toBeInstanceOf(UnsupportedError);
      expect(error.code).toBe("CONSOLE_SERVER");
      expect(error.message).toContain("AureusConsoleClient");
    }
    const losses: string[] = [];
    const telemetry = new Telemetry({ sink: client, retry: false });
    telemetry.on("loss", ({ error }) => losses.push((error as AgentwireError).code));
    telemetry.metric("m", 1);
    await telemetry.close();
    expect(losses).toEqual(["CONSOLE_SERVER"]);
  });

  it("a 404 of anything else is a NotFoundError", async () => {
    const { client } = await setUp(() => ({ status: 404, body: { error: "Workflow not found" } }));
    expect(await failure(client.getWorkflowStatus("w"))).toMatchObject({ name: "NotFoundError" });
  });

  it("a 500 in plain text keeps its text apart", async () => {
    const { client } = await setUp(() => ({ status: 500, body: "oops" }));
    const error = await failure(client.executeWorkflow(workflow));
    expect(error).toBeInstanceOf(UpstreamError);
    expect(error.body).toBe("oops");
  });
});

describe("secrets", () => {
  const planted = ["planted-api-key", "planted-password", "planted-jwt", "planted-approval"];

  it(req("aureus.v1.secrets", "are nowhere to be seen and do not follow redirects"), async () => {
    const texts: string[] = [];
    const write = (...parts: unknown[]) =>
      texts.push(parts.map((part) => inspect(part, { depth: 9 })).join(" "));
    const logger: Logger = { debug: write, info: write, warn: write, error: write };
    const elsewhere = await serve(() => ({ body: {} }));
    servers.push(elsewhere);
    const { client, url } = await setUp(
      ({ path }) => {
        if (path === "/api/auth/login")
          return { body: { token: "planted-jwt", expiresAt: "2999-01-01T00:00:00Z" } };
        if (path.endsWith("/status")) return { status: 307, headers: { location: `${elsewhere.url}/x` } };
        return { status: 500, body: { error: "no", details: "boom" } };
      },
      { apiKey: "planted-api-key", logger, retry: { attempts: 2, minDelayMs: 0 } },
    );
    const console = new AureusConsoleClient({
      baseUrl: url,
      credentials: { username: "operator", password: "planted-password" },
      logger,
    });
    const errors = [
      await failure(client.getWorkflowStatus("w")),
      await failure(client.executeWorkflow(workflow)),
      await failure(console.getWorkflow("w")),
      await failure(console.approve("w", { taskId: "t", approvalToken: "planted-approval" })),
    ];
    expect(errors[0]).toMatchObject({ name: "ProtocolError", code: "REDIRECT", status: 307 });
    expect(errors[0]!.message).toContain("with a redirect, which is not followed");
    expect(errors[0]).toMatchObject({ code: "REDIRECT" });
    expect(elsewhere.seen).toEqual([]);
    for (const value of [client, console, ...errors])
      texts.push(inspect(value, { depth: 9, showHidden: true }), JSON.stringify(value), String(value));
    expect(texts.length).toBeGreaterThan(10);
    expect(planted.filter((secret) => texts.some((text) => text.includes(secret)))).toEqual([]);
  });
});

describe("connections", () => {
  it(req("aureus.v1.pool", "are kept by default, and a given fetch is used for everything"), async () => {
    const { client, seen, url } = await setUp(() => ({ body: [] }));
    const console = new AureusConsoleClient({ baseUrl: url, token: "t" });
    for (let n = 0; n < 10; n++) await client.getMetrics();
    for (let n = 0; n < 10; n++) await console.listWorkflows();
    // A request that follows at once may find the connection of the one before still busy.
    expect(new Set(seen.map(({ port }) => port)).size).toBeLessThanOrEqual(4);
    const given: string[] = [];
    const send: typeof fetch = async (input) => {
      given.push(new URL(String(input)).pathname);
      return Response.json([]);
    };
    await new AureusClient({ fetch: send }).getMetrics();
    const other = new AureusConsoleClient({ fetch: send, token: "t" });
    await other.listWorkflows();
    await other.raw.GET("/api/workflows");
    expect(given).toEqual(["/api/v1/observability/metrics", "/api/workflows", "/api/workflows"]);
  });
});

describe("close", () => {
  it(req("aureus.v1.close", "ends the calls in hand and refuses further ones"), async () => {
    const { client } = await setUp(() => "hang");
    const hanging = failure(client.getTrace("t"));
    await client.close({ graceMs: 0 });
    await client.close();
    expect(await hanging).toBeInstanceOf(ClosedError);
    expect(await failure(client.getMetrics())).toBeInstanceOf(ClosedError);
    expect(await failure(client.reportEvent({ type: "custom", timestamp: "t", data: {} }))).toBeInstanceOf(
      ClosedError,
    );
  });
});

/** The same members in the opposite order. */
it("refuses tags without a JSON form", () => {
  const client = new AureusClient({ baseUrl: "http://server.test" });
  expect(() => client.getMetrics({ tags: { n: 1n as never } })).toThrow(ValidationError);
});

function reversed(tags: unknown): unknown {
  return tags && Object.fromEntries(Object.entries(tags).toReversed());
}

describe("iterators", () => {
  it(req("aureus.iterate", "read metrics window by window"), async () => {
    const { client, seen } = await setUp(({ query }) => ({
      body: [{ name: query.name, value: 1, timestamp: query.start_time }],
    }));
    const windows: string[] = [];
    for await (const { startTime, endTime, metrics } of client.metricsWindows({
      metricName: "task.duration",
      tags: { env: "test" },
      startTime: "2026-01-01T00:00:00Z",
      endTime: new Date("2026-01-01T02:30:00Z"),
    })) {
      windows.push(`${startTime} ${endTime} ${metrics.length}`);
    }
    expect(windows).toEqual([
      "2026-01-01T00:00:00.000Z 2026-01-01T01:00:00.000Z 1",
      "2026-01-01T01:00:00.000Z 2026-01-01T02:00:00.000Z 1",
      "2026-01-01T02:00:00.000Z 2026-01-01T02:30:00.000Z 1",
    ]);
    expect(seen[2]!.query).toEqual({
      name: "task.duration",
      start_time: "2026-01-01T02:00:00.000Z",
      end_time: "2026-01-01T02:30:00.000Z",
      tags: '{"env":"test"}',
    });
    const wrong = client.metricsWindows({ startTime: "never", endTime: "x" });
    await expect(wrong.next()).rejects.toThrow(ValidationError);
  });

  describe.each([
    ["in at both ends", (time: number, start: number, end: number) => time >= start && time <= end],
    ["out at the end", (time: number, start: number, end: number) => time >= start && time < end],
    ["out at the start", (time: number, start: number, end: number) => time > start && time <= end],
  ])("when a range counts %s", (_, holds) => {
    it.each([
      ["with a zone", "Z"],
      ["without a zone", ""],
    ])(
      req("aureus.iterate", "read a metric between two windows once, timestamps %s"),
      async (_zone, zone) => {
        const stored = [
          ["00:30:00.000", { host: "a", env: "test" }],
          ["01:00:00.000", { host: "a", env: "test" }],
          ["01:00:00.000", { host: "a", env: "test" }], // the same value twice in one millisecond is two metrics
          ["01:00:00.000", { host: "b" }],
          ["02:00:00.000", undefined],
        ].map(([time, tags], value) => ({
          name: "m",
          value: value === 2 ? 1 : value,
          timestamp: `2026-01-01T${String(time)}${zone}`,
          tags,
        }));
        const { client } = await setUp(({ query }, n) => ({
          body: stored
            .filter(({ timestamp }) => {
              const time = Date.parse(zone === "" ? `${timestamp}Z` : timestamp);
              return holds(time, Date.parse(query.start_time!), Date.parse(query.end_time!));
            })
            // Another reading may list members in another order.
            .map(({ tags, ...metric }) =>
              n % 2 === 0 ? { ...metric, tags } : { tags: reversed(tags), ...metric },
            ),
        }));
        const values: number[] = [];
        const range = { startTime: "2026-01-01T00:00:00Z", endTime: "2026-01-01T03:00:00Z" };
        for await (const { metrics } of client.metricsWindows(range)) {
          values.push(...metrics.map(({ value }) => value));
        }
        expect(values).toEqual([0, 1, 1, 3, 4]);
      },
    );
  });

  it(req("aureus.iterate", "keep a metric that arrives at an edge after the first reading"), async () => {
    const metric = { name: "m", value: 1, timestamp: "2026-01-01T01:00:00.000Z" };
    const { client } = await setUp((_, n) => ({ body: n === 0 ? [metric] : [metric, metric] }));
    const counts: number[] = [];
    const range = { startTime: "2026-01-01T00:00:00Z", endTime: "2026-01-01T02:00:00Z" };
    for await (const { metrics } of client.metricsWindows(range)) counts.push(metrics.length);
    expect(counts).toEqual([1, 1]);
  });

  it(req("aureus.iterate", "tell the progress of a workflow until it ends"), async () => {
    const states = ["pending", "running", "running", "success", "never asked"];
    const clock = new FakeClock();
    const { client, seen } = await setUp((_, n) => ({ body: { status: states[n] } }), { clock });
    const told: unknown[] = [];
    const watching = (async () => {
      for await (const { status } of client.watchWorkflow("wf", { intervalMs: 1_000 })) told.push(status);
    })();
    for (let asked = 1; asked <= 3; asked++) {
      await expect.poll(() => seen.length).toBe(asked);
      await expect.poll(() => clock.nextInMs).toBe(1_000);
      await clock.advance(1_000);
    }
    await watching;
    expect(told).toEqual(["pending", "running", "success"]);
    expect(seen).toHaveLength(4);
  });

  it(req("aureus.iterate", "end with the signal"), async () => {
    const controller = new AbortController();
    const { client } = await setUp(() => ({ body: { status: "running" } }), { clock: new FakeClock() });
    const watching = client.watchWorkflow("wf", { signal: controller.signal });
    await watching.next();
    const next = failure(watching.next());
    controller.abort();
    expect(await next).toBeInstanceOf(AbortError);
    expect(await failure(new AureusConsoleClient().listWorkflows())).toBeInstanceOf(AuthError);
  });
});
