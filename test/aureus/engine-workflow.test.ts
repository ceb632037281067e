import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TaskSpec, WorkflowSpec } from "../../gen/aureus/v1/index.js";
import type { WorkflowEngineOptions } from "../../src/aureus/engine/index.js";
import { CrvGate, GoalGuard, lintWorkflow, notNull, WorkflowEngine } from "../../src/aureus/engine/index.js";
import { attemptWaitMs } from "../../src/aureus/engine/retry-waits.js";
import { executionOrder } from "../../src/aureus/engine/workflow-order.js";
import type { WorkflowRun } from "../../src/aureus/engine/workflow-state.js";
import { ConflictError, TimeoutError } from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";

const task = (id: string, more: Partial<TaskSpec> = {}): TaskSpec => ({
  id,
  name: id,
  type: "action",
  ...more,
});
const workflow = (tasks: TaskSpec[], dependencies: WorkflowSpec["dependencies"] = {}): WorkflowSpec => ({
  id: "wf",
  name: "W",
  tasks,
  dependencies: { ...Object.fromEntries(tasks.map(({ id }) => [id, []])), ...dependencies },
});

function setUp(options: Partial<WorkflowEngineOptions> = {}) {
  const clock = new FakeClock();
  const ran: string[] = [];
  const engine = new WorkflowEngine({
    clock,
    random: () => 0.5,
    execute: ({ id, inputs }) => {
      ran.push(id);
      if (inputs?.fail) throw new Error(`${id} failed`);
      return id;
    },
    compensate: ({ tool }, { taskId }) => void ran.push(`${tool}(${taskId})`),
    ...options,
  });
  return { clock, engine, ran, run: (spec: WorkflowSpec, more = {}) => clock.until(engine.run(spec, more)) };
}

describe("order", () => {
  it(req("aureus.engine.order", "dependencies come first, else the order of the tasks"), async () => {
    const { run, ran } = setUp();
    const spec = workflow([task("c"), task("a", { type: "parallel" }), task("b")], { c: ["b"], b: ["a"] });
    expect(await run(spec)).toMatchObject({ status: "success" });
    expect(ran).toEqual(["a", "b", "c"]);
  });

  it(req("aureus.engine.order", "cycles and unknown ids stop nothing"), async () => {
    const { run, ran } = setUp();
    expect((await run(workflow([task("a"), task("b")], { a: ["b"], b: ["a", "ghost"] }))).status).toBe(
      "success",
    );
    expect(ran).toEqual(["b", "a"]);
  });

  it(req("aureus.engine.order", "every task is there once, after what it depends on"), () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(20), { maxLength: 4 }), { maxLength: 20 }), (lists) => {
        // Edges only go back, so that there is no cycle.
        const tasks = lists.map((_, index) => task(`t${index}`));
        const edges = lists.map((list, index) => list.filter((to) => to < index).map((to) => `t${to}`));
        const dependencies = Object.fromEntries(edges.map((list, index) => [`t${index}`, list]));
        const order = executionOrder(workflow(tasks.toReversed(), dependencies));
        expect([...order].sort()).toEqual(tasks.map(({ id }) => id).sort());
        for (const [id, list] of Object.entries(dependencies)) {
          for (const dependency of list) expect(order.indexOf(dependency)).toBeLessThan(order.indexOf(id));
        }
      }),
    );
    const long = Array.from({ length: 20_000 }, (_, index) => task(`t${index}`));
    const chain = Object.fromEntries(
      long.map(({ id }, index) => [id, index < 19_999 ? [`t${index + 1}`] : []]),
    );
    expect(executionOrder(workflow(long, chain))[0]).toBe("t19999");
  });

  it(
    req("aureus.engine.order", "the first failure ends the run; what never started is skipped"),
    async () => {
      const { run, ran } = setUp();
      const result = await run(workflow([task("a"), task("b", { inputs: { fail: true } }), task("c")]));
      expect(ran).toEqual(["a", "b"]);
      expect(result).toMatchObject({
        status: "partial",
        error: "Workflow wf, Task b: Task execution failed",
        taskResults: {
          a: { status: "success" },
          b: { status: "failed", error: "b failed" },
          c: { status: "skipped" },
        },
      });
    },
  );

  it("hands context, results and correlation id to the tools", async () => {
    const seen: unknown[] = [];
    const { run } = setUp({
      execute: (_task, { context, results, correlationId, attempt }) => {
        seen.push({ context, results: { ...results }, correlationId, attempt });
        return "r";
      },
    });
    await run(workflow([task("a"), task("b")]), { context: { user: 1 }, correlationId: "c-1" });
    expect(seen[1]).toEqual({ context: { user: 1 }, results: { a: "r" }, correlationId: "c-1", attempt: 1 });
  });

  it(req("aureus.engine.order", "the work per task does not grow with the number of tasks"), async () => {
    let reads = 0;
    /** Counts every look at a workflow and what is in it. */
    const counted = <T>(value: T): T =>
      typeof value !== "object" || value === null
        ? value
        : (new Proxy(value, {
            get(target, key, receiver) {
              reads++;
              return counted(Reflect.get(target, key, receiver) as unknown);
            },
            has: (target, key) => Reflect.has(target, key) && ++reads > 0,
            getOwnPropertyDescriptor(target, key) {
              reads++;
              return Reflect.getOwnPropertyDescriptor(target, key);
            },
          }) as T);
    const handed = new Set<unknown>();
    const readsFor = async (count: number) => {
      const undo = { compensationAction: { tool: "undo" } };
      const tasks = Array.from({ length: count }, (_, index) =>
        task(`t${index}`, { riskTier: "LOW", ...undo }),
      );
      tasks.push(task("last", { inputs: { fail: true }, compensation: { onFailure: "t0" } }));
      const chain = Object.fromEntries(tasks.slice(1).map(({ id }, index) => [id, [`t${index}`]]));
      const { run } = setUp({
        guard: new GoalGuard(),
        principal: { id: "p", type: "agent", permissions: [] },
        compensate: () => {},
        execute: ({ id }, { results }) => {
          handed.add(results);
          if (id === "last") throw new Error("failed");
          return id;
        },
      });
      reads = 0;
      const result = await run(counted(workflow(tasks, chain)));
      expect(Object.keys(result.taskResults)).toHaveLength(count + 1);
      return reads;
    };
    const [some, twice] = [await readsFor(200), await readsFor(400)];
    expect(twice / some).toBeLessThan(2.05);
    expect(handed.size).toBe(2); // one object a run: results are not copied for every task
  });

  it("refuses a workflow that runs already, and forgets the oldest beyond its limit", async () => {
    const { engine, clock } = setUp({ maxWorkflows: 2 });
    const first = engine.run(workflow([task("a")]));
    await expect(engine.run(workflow([task("a")]))).rejects.toBeInstanceOf(ConflictError);
    await clock.until(first);
    for (const id of ["2", "3"]) await clock.until(engine.run({ ...workflow([]), id }));
    expect(engine.workflows().map(({ workflowId }) => workflowId)).toEqual(["2", "3"]);
  });

  it("a cancelled run makes no further attempt", async () => {
    const cancel = new AbortController();
    const { run, ran, engine } = setUp();
    engine.on("event", ({ type }) => type === "TASK_RETRY" && cancel.abort());
    const retry = { maxAttempts: 5, backoffMs: 10 };
    const spec = workflow([task("a", { retry, inputs: { fail: true } }), task("b")]);
    expect((await run(spec, { signal: cancel.signal })).status).toBe("failed");
    expect(ran).toEqual(["a"]);
  });
});

describe("retries", () => {
  it.each([
    [{ maxAttempts: 9, backoffMs: 10, backoffMultiplier: 3, jitter: false }, 3, 90],
    [{ maxAttempts: 9, backoffMs: 10, backoffMultiplier: 0, jitter: false }, 3, 40],
    [{ maxAttempts: 9, backoffMs: 10 }, 1, 7.5],
    [undefined, 1, 750],
  ])(req("aureus.engine.retry", "%j: wait %d is %d ms"), (retry, failed, expected) => {
    expect(attemptWaitMs(retry, failed, () => 0.25)).toBe(expected);
  });

  it(
    req("aureus.engine.retry", "one attempt unless told otherwise; a refusal of the policy is final"),
    async () => {
      const { run, ran } = setUp();
      await run(workflow([task("a", { inputs: { fail: true } })]));
      expect(ran).toEqual(["a"]);
      const guard = new GoalGuard();
      const guarded = setUp({ guard, principal: { id: "p", type: "agent", permissions: [] } });
      const retry = { maxAttempts: 3, backoffMs: 1 };
      const result = await guarded.run(workflow([task("a", { riskTier: "HIGH", retry })]));
      expect(guarded.ran).toEqual([]);
      expect(result.taskResults.a?.error).toBe(
        "Policy gate blocked: High risk action requires explicit human approval. Approval required.",
      );
    },
  );

  it(
    req("aureus.engine.retry", "an attempt beyond its time limit is a timeout, a tool's own error is not"),
    async () => {
      const { run, engine, clock } = setUp({
        execute: ({ id }) => {
          if (id === "own") throw new TimeoutError("mine");
          return new Promise(() => {});
        },
      });
      const retry = { maxAttempts: 2, backoffMs: 100, jitter: false };
      const before = clock.monotonic();
      const result = await run(workflow([task("a", { timeoutMs: 30, retry })]));
      expect(clock.monotonic() - before).toBe(160);
      expect(result).toMatchObject({ error: "Workflow wf, Task a: Task execution timeout" });
      expect(result.taskResults.a?.error).toBe("Task a timed out after 30ms");
      expect(engine.workflow("wf")?.tasks.get("a")).toMatchObject({ status: "timeout", attempt: 2 });
      await run({ ...workflow([task("own", { timeoutMs: 30 })]), id: "w2" });
      expect(engine.workflow("w2")?.tasks.get("own")?.status).toBe("failed");
    },
  );
});

describe("compensation", () => {
  it(req("aureus.engine.compensation", "the hook first, then what is done in reverse"), async () => {
    const undo = (tool: string) => ({ compensationAction: { tool } });
    const { run, ran, engine } = setUp();
    const spec = workflow([
      task("a", undo("undoA")),
      task("b", undo("undoB")),
      task("c", { inputs: { fail: true }, compensation: { onFailure: "hook" }, ...undo("undoC") }),
      task("hook"),
    ]);
    await run(spec);
    expect(ran).toEqual(["a", "b", "c", "hook", "undoB(b)", "undoA(a)"]);
    const types = engine.workflow("wf")!.events.map(({ type }) => type);
    expect(types.slice(types.indexOf("TASK_FAILED"))).toEqual([
      "TASK_FAILED",
      "COMPENSATION_TRIGGERED",
      "TASK_STARTED",
      "TASK_COMPLETED",
      "COMPENSATION_TRIGGERED",
      "COMPENSATION_COMPLETED",
      "COMPENSATION_TRIGGERED",
      "COMPENSATION_COMPLETED",
      "WORKFLOW_FAILED",
    ]);
  });

  it(
    req("aureus.engine.compensation", "a timeout runs its own hook, and a failed undoing stops no other"),
    async () => {
      const undone: string[] = [];
      const { run, ran, engine } = setUp({
        execute: ({ id }) => (id === "slow" ? new Promise(() => {}) : void ran.push(id)),
        compensate: (_action, { taskId }) => {
          undone.push(taskId);
          if (taskId === "b") throw new Error("stuck");
        },
      });
      const compensationAction = { tool: "undo" };
      const spec = workflow([
        task("a", { compensationAction }),
        task("b", { compensationAction }),
        task("slow", { timeoutMs: 5, compensation: { onFailure: "f", onTimeout: "t" } }),
        task("f"),
        task("t"),
      ]);
      await run(spec);
      expect(ran).toEqual(["a", "b", "t"]);
      expect(undone).toEqual(["b", "a"]);
      const failed = engine.workflow("wf")!.events.find(({ type }) => type === "COMPENSATION_FAILED");
      expect(failed?.metadata).toEqual({ compensationFor: "b", error: "stuck" });
    },
  );
});

describe("a hook that names a finished task", () => {
  const spec = (more: Partial<TaskSpec> = {}) =>
    workflow([
      task("a", { compensationAction: { tool: "undo" }, ...more }),
      task("b", { inputs: { fail: true }, compensation: { onFailure: "a" } }),
    ]);
  const typesAfterFailure = (run: WorkflowRun) => {
    const types = run.events.map(({ type }) => type);
    return types.slice(types.indexOf("TASK_FAILED") + 1);
  };

  it(
    req("aureus.engine.compensation", "does not run it without attempts left, and keeps its result"),
    async () => {
      const { run, ran, engine } = setUp();
      const result = await run(spec());
      expect(ran).toEqual(["a", "b", "undo(a)"]);
      expect(result).toMatchObject({
        status: "partial",
        taskResults: { a: { status: "success", result: "a" }, b: { status: "failed" } },
      });
      expect(engine.workflow("wf")!.tasks.get("a")).toMatchObject({ status: "completed", attempt: 1 });
      expect(typesAfterFailure(engine.workflow("wf")!)).toEqual([
        "COMPENSATION_TRIGGERED",
        "COMPENSATION_TRIGGERED",
        "COMPENSATION_COMPLETED",
        "WORKFLOW_FAILED",
      ]);
    },
  );

  it(
    req("aureus.engine.compensation", "runs it again with attempts left, and keeps its first result"),
    async () => {
      const attempts: number[] = [];
      const { run, engine } = setUp({
        execute: ({ id }, { attempt }) => {
          if (id === "b") throw new Error("b failed");
          attempts.push(attempt);
          return `run ${attempt}`;
        },
      });
      const again = spec({ retry: { maxAttempts: 3, backoffMs: 1 } });
      const result = await run(again);
      expect(attempts).toEqual([1, 2]);
      expect(result.taskResults.a).toMatchObject({ status: "success", result: "run 1" });
      expect(engine.workflow("wf")!.tasks.get("a")).toMatchObject({ status: "completed", attempt: 1 });
      // Under the same id it stays done, while its attempts as a hook go on counting.
      await run(again);
      expect(attempts).toEqual([1, 2, 3]);
      await run(again);
      expect(attempts).toEqual([1, 2, 3]);
    },
  );

  it(
    req("aureus.engine.compensation", "a task that ran as a hook alone has no outcome of its own"),
    async () => {
      const { run, ran, engine } = setUp();
      const hook = workflow([
        task("b", {
          inputs: { fail: true },
          compensation: { onFailure: "late" },
          retry: { maxAttempts: 2, backoffMs: 1 },
        }),
        task("late"),
      ]);
      const result = await run(hook);
      expect(ran).toEqual(["b", "b", "late"]);
      expect(result).toMatchObject({ status: "failed", taskResults: { late: { status: "skipped" } } });
      expect([...engine.workflow("wf")!.tasks.keys()]).toEqual(["b"]);
    },
  );

  it(
    req("aureus.engine.compensation", "a task that names itself keeps the outcome of its turn"),
    async () => {
      const { run, ran } = setUp();
      const result = await run(
        workflow([task("b", { inputs: { fail: true }, compensation: { onFailure: "b" } })]),
      );
      expect(ran).toEqual(["b"]);
      expect(result).toMatchObject({ taskResults: { b: { status: "failed", error: "b failed" } } });
    },
  );
});

describe("the gate in a workflow", () => {
  const strict = (type: "ignore" | "escalate") =>
    new CrvGate({
      name: "g",
      validators: [notNull()],
      blockOnFailure: true,
      recoveryStrategy:
        type === "ignore" ? { type, justification: "known to be empty" } : { type, reason: "needs a human" },
    });
  const escalate = async () => ({
    success: true,
    strategy: { type: "escalate" as const, reason: "r" },
    message: "paged",
  });
  const recovery = { retryAltTool: escalate, askUser: escalate, escalate };
  const spec = workflow([task("a", { retry: { maxAttempts: 3, backoffMs: 1 } })]);

  it(
    req("aureus.engine.recovery", "a block is final; without an executor nothing is recovered"),
    async () => {
      const { run } = setUp({ execute: () => null, gate: strict("ignore") });
      expect((await run(spec)).taskResults.a?.error).toBe(
        "CRV gate blocked commit: Data is null or undefined",
      );
    },
  );

  it(req("aureus.engine.recovery", "ignore lets the result through"), async () => {
    const { run } = setUp({ execute: () => null, gate: strict("ignore"), recovery });
    expect(await run(spec)).toMatchObject({ status: "success", taskResults: { a: { result: null } } });
  });

  it(req("aureus.engine.recovery", "what was handed on fails without an error of the workflow"), async () => {
    const { run } = setUp({ execute: () => null, gate: () => strict("escalate"), recovery });
    const result = await run(spec);
    expect(result.status).toBe("failed");
    expect(result.error).toBeUndefined();
    expect(result.taskResults.a?.error).toContain("Recovery succeeded: paged");
  });
});

describe("a gate of a workflow", () => {
  const strategies = {
    none: undefined,
    ignore: { type: "ignore", justification: "j" },
    escalate: { type: "escalate", reason: "r" },
  } as const;
  const why = "CRV gate blocked commit: Data is null or undefined";
  const off = "CRV gate blocked commit and recovery failed: off";
  const judged = (passed: boolean, blockedCommit: boolean) => ({
    crvGateResult: { passed, gateName: "g", blockedCommit },
  });
  const recovery = (strategyType: string, success: boolean, message = "m", more: object = {}) => ({
    crvRecovery: { strategyType, success, message, ...more },
  });
  const blocked = judged(false, true);
  const failed = (error: string, recoverySuccess?: boolean) => ({
    crvBlocked: true,
    attempt: 1,
    error,
    recoveryAttempted: recoverySuccess !== undefined,
    ...(recoverySuccess !== undefined && { recoverySuccess }),
  });

  it.each<[string, keyof typeof strategies, object | undefined, unknown, object[]]>([
    ["that passes", "ignore", {}, 1, [judged(true, false)]],
    ["without a strategy", "none", {}, why, [blocked, failed(why)]],
    ["without an executor", "escalate", undefined, why, [blocked, failed(why)]],
    [
      "that is to be ignored",
      "ignore",
      {},
      null,
      [blocked, recovery("ignore", true, "Validation failure ignored: j")],
    ],
    ["whose data is recovered", "escalate", { recoveredData: 2 }, 2, [blocked, recovery("escalate", true)]],
    [
      "that is handed on",
      "escalate",
      {},
      `${why}. Recovery succeeded: m`,
      [blocked, recovery("escalate", true), failed(`${why}. Recovery succeeded: m`, true)],
    ],
    [
      "that refuses the recovered data too",
      "escalate",
      { recoveredData: null },
      `${why}. Recovered data failed validation too: Data is null or undefined`,
      [blocked, failed(`${why}. Recovered data failed validation too: Data is null or undefined`, true)],
    ],
    [
      "whose recovery fails",
      "escalate",
      { success: false },
      `${why}. Recovery failed: m`,
      [blocked, recovery("escalate", false), failed(`${why}. Recovery failed: m`, false)],
    ],
    [
      "whose executor throws",
      "escalate",
      new Error("off"),
      off,
      [
        blocked,
        recovery("escalate", false, "Recovery strategy execution failed", { error: off }),
        failed(off, false),
      ],
    ],
  ])(req("aureus.engine.recovery", "%s"), async (_, type, given, outcome, reports) => {
    const commits: unknown[] = [];
    const gate = new CrvGate({
      name: "g",
      validators: [
        (commit) => {
          commits.push(commit);
          return notNull()(commit);
        },
      ],
      blockOnFailure: true,
      recoveryStrategy: strategies[type],
    });
    const carryOut = async () => {
      if (given instanceof Error) throw given;
      return { success: true, strategy: strategies.escalate, message: "m", ...given };
    };
    const executor = { retryAltTool: carryOut, askUser: carryOut, escalate: carryOut };
    const data = outcome === 1 ? 1 : null;
    const { run, engine } = setUp({ execute: () => data, gate, ...(given && { recovery: executor }) });
    const { taskResults } = await run(workflow([task("a")]));
    expect(taskResults.a).toMatchObject(
      typeof outcome === "string"
        ? { status: "failed", error: outcome }
        : { status: "success", result: outcome },
    );
    const metadata = { workflowId: "wf", taskId: "a", attempt: 1 };
    expect(commits[0]).toEqual({ id: "wf-a-1", data, previousState: undefined, metadata });
    const events = engine
      .workflow("wf")!
      .events.filter(({ type }) => /^(STATE_UPDATED|TASK_FAILED)$/.test(type));
    const told = events.filter(({ metadata }) => !Object.hasOwn(metadata ?? {}, "previousState"));
    expect(told.map(({ taskId, metadata }) => ({ taskId, metadata }))).toEqual(
      reports.map((metadata) => ({ taskId: "a", metadata })),
    );
  });
});

describe("running again", () => {
  it(
    req("aureus.engine.resume", "skips what is done and fails at once where attempts are used up"),
    async () => {
      const { run, ran } = setUp();
      const spec = workflow([task("a"), task("b", { inputs: { fail: true } })]);
      await run(spec);
      const again = await run(spec);
      expect(ran).toEqual(["a", "b"]);
      expect(again.taskResults).toMatchObject({
        a: { status: "success" },
        b: { status: "failed", error: "b failed" },
      });
      await run({ ...spec, id: "new" });
      expect(ran).toEqual(["a", "b", "a", "b"]);
    },
  );
});

describe("lint", () => {
  const loose = (members: Readonly<Record<string, unknown>>) => members as Partial<TaskSpec>;
  const rules = (spec: unknown) =>
    lintWorkflow(spec as WorkflowSpec).map(({ rule, path }) => `${rule} ${path}`);
  const sound = workflow([
    task("a"),
    task("b", {
      riskTier: "CRITICAL",
      requiredPermissions: [{ action: "x", resource: "y" }],
      compensationAction: { tool: "undo", args: { keep_snake: null } },
      inputs: { snake_case: null },
    }),
  ]);

  it(req("aureus.engine.lint", "finds nothing in a sound workflow, whatever its user data"), () => {
    expect(rules({ ...sound, dependencies: { a: [], b: ["a"] } })).toEqual([]);
  });

  it.each<[string, unknown, string[]]>([
    ["a cycle", { ...sound, dependencies: { a: ["b"], b: ["a"] } }, ["cycle dependencies.a"]],
    ["a task that waits for itself", workflow([task("a")], { a: ["a"] }), ["cycle dependencies.a"]],
    ["an unknown dependency", workflow([task("a")], { a: ["ghost"] }), ["unknown-task dependencies.a"]],
    ["dependencies of no task", workflow([task("a")], { ghost: [] }), ["unknown-task dependencies.ghost"]],
    ["a duplicate id", workflow([task("a"), task("a")]), ["duplicate-id tasks.1.id"]],
    ["an empty id", workflow([task("")]), ["empty-id tasks.0.id"]],
    ["no entry", { ...workflow([task("a")]), dependencies: {} }, ["missing-dependencies dependencies"]],
    ["snake_case", workflow([{ ...task("a"), risk_tier: "LOW" } as TaskSpec]), ["casing tasks.0.risk_tier"]],
    ["null", workflow([task("a", { retry: null })]), ["null tasks.0.retry"]],
    ["a lower tier", workflow([task("a", loose({ riskTier: "low" }))]), ["tier-value tasks.0.riskTier"]],
    [
      "an unguarded tier",
      workflow([task("a", { riskTier: "HIGH" })]),
      [
        "tier-without-permissions tasks.0.requiredPermissions",
        "tier-without-compensation tasks.0.compensationAction",
      ],
    ],
    [
      "a hook to nowhere",
      workflow([task("a", { compensation: { onFailure: "ghost" } })]),
      ["unknown-task tasks.0.compensation.onFailure"],
    ],
    [
      "a tool that is not allowed",
      workflow([task("a", { toolName: "x", allowedTools: ["y"] })]),
      ["tool-not-allowed tasks.0.toolName"],
    ],
    ["no tasks", { id: "wf", name: "W", dependencies: {} }, ["missing tasks"]],
    ["no dependencies", { id: "wf", name: "W", tasks: [task("a")] }, ["missing dependencies"]],
    ["tasks that are no list", { ...workflow([]), tasks: { a: task("a") } }, ["value tasks"]],
    [
      "a task that is none",
      { ...workflow([]), tasks: ["a", null] },
      ["value tasks.0", "value tasks.1", "null tasks.1"],
    ],
    ["no workflow", undefined, ["value "]],
    [
      "a task without members",
      { ...workflow([]), tasks: [{}] },
      ["missing tasks.0.id", "missing tasks.0.name", "missing tasks.0.type"],
    ],
    [
      "dependencies that are no list",
      { ...workflow([task("a")]), dependencies: { a: "ab" } },
      ["value dependencies.a"],
    ],
    [
      "a safety policy",
      { ...workflow([]), safetyPolicy: { name: "p", rules: [] } },
      ["safety-policy safetyPolicy"],
    ],
    [
      "a safety policy out of shape",
      { ...workflow([]), safetyPolicy: { rules: [{ description: 1 }, "x"], failFast: "yes" } },
      [
        "missing safetyPolicy.name",
        "missing safetyPolicy.rules.0.type",
        "value safetyPolicy.rules.0.description",
        "value safetyPolicy.rules.1",
        "value safetyPolicy.failFast",
        "safety-policy safetyPolicy",
      ],
    ],
    [
      "a tier that is no text",
      workflow([task("a", loose({ riskTier: 5 }))]),
      ["tier-value tasks.0.riskTier"],
    ],
    [
      "hooks, tools and permissions out of shape",
      workflow([
        task(
          "a",
          loose({ compensation: "b", allowedTools: "xy", toolName: "z", requiredPermissions: "all" }),
        ),
      ]),
      ["value tasks.0.compensation", "value tasks.0.requiredPermissions", "value tasks.0.allowedTools"],
    ],
  ])(req("aureus.engine.lint", "finds %s"), (_what, spec, expected) => {
    expect(rules(spec)).toEqual(expected);
  });

  const at = (path: string, value: unknown): Partial<TaskSpec> => {
    const [key, ...rest] = path.split(".");
    return loose({ [key!]: rest.length === 0 ? value : { ...wholes[key!], [rest[0]!]: value } });
  };
  const wholes: Readonly<Record<string, object>> = {
    retry: { maxAttempts: 1, backoffMs: 1 },
    sandboxConfig: { enabled: true },
  };

  it.each([
    ["type", ["action", "decision", "parallel"]],
    ["riskTier", ["LOW", "MEDIUM"]],
    ["intent", ["read", "write", "delete", "execute", "admin"]],
    ["dataZone", ["public", "internal", "confidential", "restricted"]],
    ["sandboxConfig.type", ["mock", "simulation", "container", "vm", "process"]],
  ])(req("aureus.engine.lint", "knows the values of %s"), (path, values) => {
    for (const value of values) expect(rules(workflow([task("a", at(path, value))]))).toEqual([]);
    const rule = path === "riskTier" ? "tier-value" : "value";
    const swapped = values[0] === "LOW" ? "low" : values[0]!.toUpperCase();
    for (const value of ["", "other", swapped, 1, true, [], {}]) {
      expect(rules(workflow([task("a", at(path, value))]))).toEqual([`${rule} tasks.0.${path}`]);
    }
    const [finding] = lintWorkflow(workflow([task("a", at(path, swapped))]));
    expect(finding!.message).toContain(`write ${values[0]}`);
  });

  it(req("aureus.engine.lint", "knows the values inside permissions"), () => {
    const permission = { action: "x", resource: "y", intent: "READ", dataZone: "secret" };
    expect(rules(workflow([task("a", loose({ requiredPermissions: [permission] }))]))).toEqual([
      "value tasks.0.requiredPermissions.0.intent",
      "value tasks.0.requiredPermissions.0.dataZone",
    ]);
  });

  it.each([
    ["retry.maxAttempts", [1, 50], [0, -1, 1.5, "3", Number.NaN]],
    ["retry.backoffMs", [1, 1_000], [0, -1, 0.5, "3", Number.NaN]],
    ["retry.backoffMultiplier", [0, 0.5, 2], [-0.1, "2", Number.NaN]],
    ["retry.jitter", [true, false], [0, "yes"]],
    ["timeoutMs", [1, 30_000], [0, -1, 0.5, "3", Number.NaN]],
  ])(req("aureus.engine.lint", "knows the bounds of %s"), (path, good, bad) => {
    for (const value of good) expect(rules(workflow([task("a", at(path, value))]))).toEqual([]);
    for (const value of bad) {
      expect(rules(workflow([task("a", at(path, value))]))).toEqual([`value tasks.0.${path}`]);
    }
  });

  it(req("aureus.engine.lint", "never throws, whatever it is given"), () => {
    const names = [
      "id",
      "name",
      "type",
      "tasks",
      "dependencies",
      "safetyPolicy",
      "rules",
      "compensation",
      "retry",
    ];
    const key = fc.oneof(
      fc.constantFrom(...names, "riskTier", "allowedTools", "toolName", "onFailure"),
      fc.string(),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(null, undefined, true, 0, Number.NaN, "a", "HIGH", "__proto__"),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(key, tie("value"), { maxKeys: 6 }),
      ),
    }));
    fc.assert(
      fc.property(value, value, (tasks, dependencies) => {
        const specs: unknown[] = [tasks, { id: "w", name: "w", tasks: [tasks], dependencies }];
        for (const spec of specs) {
          for (const finding of lintWorkflow(spec as WorkflowSpec)) expect(finding.message).not.toBe("");
        }
      }),
    );
  });
});
