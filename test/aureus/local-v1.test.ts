import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type OperationId,
  operationSchemas,
  operationTable,
  schemaDocument,
} from "../../gen/aureus/v1/index.js";
import { AureusClient } from "../../src/aureus/index.js";
import { ConflictError, ConnectionError, ValidationError } from "../../src/core/errors.js";
import { SpecSchemas } from "../../src/testing/http/schemas.js";
import { LocalAureus } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";
import { type RecordedCase, recordedCases, recordedValidators, recordedWorkflows } from "./engine-cases.ts";

/** A server in the setting of the recordings. */
const asRecorded = () =>
  LocalAureus.start({
    port: false,
    apiKey: "test-key",
    validators: recordedValidators,
    execute: recordedWorkflows.execute,
  });

async function send(server: LocalAureus, { request }: RecordedCase) {
  const { method, path, raw_query: query, raw_body: body } = request;
  const headers = { authorization: "Bearer test-key", "content-type": "application/json" };
  const url = `${server.url}${path}${query ? `?${query}` : ""}`;
  const response = await server.fetch(url, { method, headers, ...(body && { body }) });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : (JSON.parse(text) as unknown) };
}

/** Without nulls, and without what differs from run to run: times, durations, tokens, and the texts of hints. */
function comparable(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null), (key, item: unknown) => {
    if (item === null || key === "duration_ms" || key === "started_at") return undefined;
    if (key === "remediation") return typeof item;
    // The one in a verdict is made by the server, those in telemetry are the caller's.
    if (key === "timestamp") return String(item).startsWith("2026-01-02") ? item : undefined;
    return key === "approval_token" ? String(item).replace(/-\d+-[0-9a-f]{32}$/, "") : item;
  });
}

describe("calls recorded over the real engine", () => {
  const cases = recordedCases("sdk-vs-v1-adapter");

  it(req("aureus.local.v1.recorded", "are answered the same, all in one session"), async () => {
    const server = await asRecorded();
    // The recording is the second round of a session: the first had run, cancelled and reported the same.
    const before = ["execute_full", "cancel", "report_metric", "report_span"];
    for (const name of before) await send(server, cases.find((item) => item.case === name)!);
    const answers: Record<string, unknown> = {};
    const recorded: Record<string, unknown> = {};
    for (const item of cases) {
      answers[item.case] = comparable(await send(server, item));
      const { status, body } = item.response;
      recorded[item.case] = comparable({ status, body });
    }
    expect(Object.keys(answers)).toHaveLength(26);
    expect(answers).toEqual(recorded);
  });
});

describe("every request of the Python SDK", () => {
  const schemas = new SpecSchemas(schemaDocument);
  const cases = ["sdk-vs-standin", "sdk-vs-v1-adapter", "sdk-vs-stock-console"].flatMap((file) =>
    recordedCases(file)
      .filter(({ request }) => request?.method !== undefined)
      .map((item) => ({ ...item, name: `${file}/${item.case}` })),
  );

  it.each(cases)(req("aureus.local.v1.accepts", "$name"), async (item) => {
    const server = await asRecorded();
    const { status, body } = await send(server, item);
    const { method, path } = item.request;
    // Nothing is known yet on a fresh server; whatever is sent is taken.
    const asksForOne = path.includes("/workflows/") ? !path.endsWith("/execute") : path.includes("/traces/");
    expect(status).toBe(asksForOne ? 404 : path.includes("/observability/") && method === "POST" ? 202 : 200);
    const operation = server.requests[0]?.operation as OperationId | undefined;
    const schema = operation && operationSchemas[operation].responses[status];
    if (schema !== undefined) expect(await schemas.issues(schema, body)).toEqual([]);
  });

  it("are 97 in all", () => {
    expect(cases).toHaveLength(97);
  });
});

describe("strictness", () => {
  const post = async (path: string, body: string) => {
    const server = await LocalAureus.start({ port: false });
    const response = await server.fetch(`${server.url}/api/v1/${path}`, { method: "POST", body });
    return { status: response.status, body: (await response.json()) as { error: string; errors?: string[] } };
  };

  it(req("aureus.local.v1.strict", "names every problem of a body"), async () => {
    const task = { id: "t", name: "T", type: "action", risk_tier: "low", timeout_ms: 0 };
    const workflow = { id: "w", tasks: [task], dependencies: {} };
    const { status, body } = await post("workflows/execute", JSON.stringify({ workflow }));
    expect(status).toBe(400);
    expect(body.errors?.map((problem) => problem.split(":")[0])).toEqual(
      expect.arrayContaining(["workflow", "workflow.tasks.0.risk_tier", "workflow.tasks.0.timeout_ms"]),
    );
  });

  it(
    req("aureus.local.v1.strict", "refuses what is no JSON, and a gate that names an unknown validator"),
    async () => {
      expect(await post("policy/check", "{bad")).toMatchObject({
        status: 400,
        body: { error: "Invalid JSON" },
      });
      const gate_config = { name: "g", validators: ["nobody_knows"], block_on_failure: true };
      const commit = { id: "c", data: null };
      expect(await post("crv/validate", JSON.stringify({ commit, gate_config }))).toMatchObject({
        status: 400,
        body: { errors: ["validators: nobody_knows"] },
      });
    },
  );

  it(req("aureus.local.v1.strict", "wants the key where there is one"), async () => {
    const server = await LocalAureus.start({ port: false, apiKey: "k" });
    const status = async (authorization?: string) => {
      const headers = authorization === undefined ? {} : { authorization };
      return (await server.fetch(`${server.url}/api/v1/observability/metrics`, { headers })).status;
    };
    expect(await status()).toBe(401);
    expect(await status("Bearer  k")).toBe(401);
    expect(await status("bearer k")).toBe(401);
    expect(await status("Bearer k")).toBe(200);
  });
});

describe("whatever is sent", () => {
  const paths = Object.values(operationTable).map(({ method, path }) => ({ method, path }));
  const sound = new Map(
    recordedCases("sdk-vs-v1-adapter").map(({ request }) => [request.path, request.body as object | null]),
  );

  it(req("aureus.local.v1.strict", "is answered or refused, never a failure of the server"), async () => {
    const server = await LocalAureus.start({ port: false });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths),
        fc.oneof(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue())),
        fc.constantFrom("replace", "mix"),
        async ({ method, path }, value, how) => {
          const body = how === "mix" ? { ...sound.get(path), ...(value as object) } : value;
          const text = JSON.stringify(body);
          const answer = await server.fetch(
            `${server.url}${path.replace(/\{.*\}/, "x")}?tags=${encodeURIComponent(text)}`,
            {
              method,
              ...(method === "POST" && { body: text }),
            },
          );
          expect([200, 202, 400, 404]).toContain(answer.status);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("through the client", () => {
  const connect = (server: LocalAureus) => new AureusClient({ baseUrl: server.url, fetch: server.fetch });

  it(req("aureus.local.tools", "runs registered tools and undoes what is done"), async () => {
    const calls: unknown[] = [];
    const server = await LocalAureus.start({
      port: false,
      tools: {
        write: (inputs, { context }) => ({ wrote: inputs.camelCase, user: context.user_id }),
        boom: () => {
          throw new Error("boom");
        },
        undo: (args, { taskId }) => void calls.push([taskId, args]),
      },
    });
    const result = await connect(server).executeWorkflow(
      {
        id: "w",
        name: "W",
        tasks: [
          {
            id: "a",
            name: "A",
            type: "action",
            toolName: "write",
            inputs: { camelCase: 1 },
            compensationAction: { tool: "undo", args: { file_name: "x" } },
          },
          { id: "b", name: "B", type: "action", toolName: "boom" },
        ],
        dependencies: { a: [], b: ["a"] },
      },
      { context: { user_id: "u1" }, correlationId: "c-1" },
    );
    expect(result).toMatchObject({ status: "partial", correlationId: "c-1" });
    expect(result.taskResults.a?.result).toEqual({ wrote: 1, user: "u1" });
    expect(calls).toEqual([["a", { file_name: "x" }]]);
  });

  it(req("aureus.local.tools", "a tool that nobody registered fails its task"), async () => {
    const task = { id: "a", name: "A", type: "action" as const, toolName: "ghost" };
    const workflow = { id: "w", name: "W", tasks: [task], dependencies: { a: [] } };
    const result = await connect(await LocalAureus.start({ port: false })).executeWorkflow(workflow);
    expect(result.taskResults.a).toMatchObject({ status: "failed", error: expect.stringContaining("ghost") });
  });

  it(req("aureus.local.tools", "a running workflow is cancelled, and is not started twice"), async () => {
    let started: () => void = () => {};
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    const wait = (_inputs: unknown, { signal }: { signal: AbortSignal }) => {
      started();
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))));
    };
    const client = connect(await LocalAureus.start({ port: false, tools: { wait } }));
    const task = { id: "a", name: "A", type: "action" as const, toolName: "wait" };
    const workflow = {
      id: "w",
      name: "W",
      tasks: [task, { ...task, id: "b" }],
      dependencies: { a: [], b: ["a"] },
    };
    const result = client.executeWorkflow(workflow);
    await running;
    expect(await client.getWorkflowStatus("w")).toMatchObject({ status: "running" });
    await expect(client.executeWorkflow(workflow)).rejects.toBeInstanceOf(ConflictError);
    await client.cancelWorkflow("w");
    expect((await result).taskResults).toMatchObject({ a: { status: "failed" }, b: { status: "skipped" } });
    expect(await client.getWorkflowStatus("w")).toMatchObject({ status: "cancelled" });
  });

  it("validators come over the wire by the name of their logic, or by kind", async () => {
    const server = await LocalAureus.start({
      port: false,
      validators: {
        check_business_rules: ({ data }, { min_amount, max_amount }) => {
          const { amount } = data as { amount: number };
          const valid = amount >= Number(min_amount) && amount <= Number(max_amount);
          return valid ? { valid } : { valid, failureCode: "POLICY_VIOLATION" };
        },
      },
    });
    const client = connect(server);
    const parameters = { min_amount: 100, max_amount: 10_000 };
    await client.registerValidator("rules", {
      type: "custom",
      validation_logic: "check_business_rules",
      parameters,
    });
    await client.registerValidator("size", { type: "max_size", parameters: { max_bytes: 20 } });
    await client.registerValidator("mystery", { type: "custom", validation_logic: "nobody_knows" });
    const judge = (amount: number, validators: string[]) =>
      client.validateCommit({ id: "c", data: { amount } }, { name: "g", validators, blockOnFailure: true });
    expect((await judge(500, ["rules", "size"])).passed).toBe(true);
    expect(await judge(50, ["rules"])).toMatchObject({ passed: false, failureCode: "POLICY_VIOLATION" });
    await expect(judge(1, ["mystery"])).rejects.toBeInstanceOf(ValidationError);
  });

  it("metrics are found by name, time and tags", async () => {
    const client = connect(await LocalAureus.start({ port: false }));
    const at = (timestamp: string, tags?: Record<string, string>) =>
      client.reportMetric({ name: "m", value: 1, timestamp, ...(tags && { tags }) });
    await at("2026-01-01T00:00:00.123456", { a: "1" });
    await at("2026-01-02T00:00:00Z");
    await client.reportMetric({ name: "other", value: 2, timestamp: "notatime" });
    expect(await client.getMetrics()).toHaveLength(3);
    expect(await client.getMetrics({ metricName: "m", endTime: "2026-01-01T02:00:00+02:00" })).toEqual([]);
    expect(await client.getMetrics({ metricName: "m", endTime: "2026-01-01T00:00:01Z" })).toHaveLength(1);
    expect(await client.getMetrics({ startTime: "2026-01-01T12:00:00Z", metricName: "m" })).toHaveLength(1);
    expect(await client.getMetrics({ tags: { a: "1" } })).toHaveLength(1);
  });
});

describe("faults", () => {
  const metric = { name: "m", value: 1, timestamp: "t" };
  const options = { retry: false } as const;

  it(req("aureus.local.faults", "a status for one operation, so many times"), async () => {
    const server = await LocalAureus.start({ port: false });
    const client = new AureusClient({ baseUrl: server.url, fetch: server.fetch, ...options });
    server.faults.add({
      kind: "status",
      on: "getMetrics",
      status: 503,
      times: 2,
      headers: { "retry-after": "1" },
    });
    await client.reportMetric(metric);
    for (const _ of [1, 2]) await expect(client.getMetrics()).rejects.toMatchObject({ status: 503 });
    expect(await client.getMetrics()).toHaveLength(1);
    const undo = server.faults.add({ kind: "status", times: Infinity, status: 500, body: "oops" });
    await expect(client.getMetrics()).rejects.toMatchObject({ status: 500 });
    undo();
    expect(await client.getMetrics()).toHaveLength(1);
  });

  it.each([true, false])(
    req("aureus.local.faults", "a connection that is cut, over a socket: %s"),
    async (socket) => {
      await using server = await LocalAureus.start({ port: socket ? 0 : false });
      const client = new AureusClient({
        baseUrl: server.url,
        ...(!socket && { fetch: server.fetch }),
        ...options,
      });
      server.faults.add({ kind: "drop", on: "reportMetric" });
      await expect(client.reportMetric(metric)).rejects.toBeInstanceOf(ConnectionError);
      expect(server.telemetry.metrics).toHaveLength(0);
      server.faults.add({ kind: "drop", on: "reportMetric", when: "after" });
      await expect(client.reportMetric(metric)).rejects.toBeInstanceOf(ConnectionError);
      expect(server.telemetry.metrics).toHaveLength(1);
    },
  );

  it(req("aureus.local.faults", "a restart keeps the port, and the logins end"), async () => {
    await using server = await LocalAureus.start();
    const { url } = server;
    const login = async () => {
      const body = JSON.stringify({ username: "operator", password: "operator123" });
      const headers = { "content-type": "application/json" };
      const answer = await fetch(`${url}/api/auth/login`, { method: "POST", headers, body });
      return ((await answer.json()) as { token: string }).token;
    };
    const token = await login();
    const list = async () =>
      (await fetch(`${url}/api/workflows`, { headers: { authorization: `Bearer ${token}` } })).status;
    expect(await list()).toBe(200);
    await server.restart();
    expect(server.url).toBe(url);
    // The client may find only now that its connection was cut.
    expect(await list().catch(list)).toBe(401);
    await server.close();
    await server.close();
    await expect(list()).rejects.toThrow();
  });

  it("a socket refuses a body that is too long", async () => {
    await using server = await LocalAureus.start();
    const body = "x".repeat(10_485_761);
    const answer = await fetch(`${server.url}/api/v1/policy/check`, { method: "POST", body });
    expect(answer.status).toBe(413);
  });
});
