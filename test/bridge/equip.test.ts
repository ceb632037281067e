import { describe, expect, it } from "vitest";
import type { GateResult, GuardDecision } from "../../gen/aureus/v1/models.js";
import { GatewayClient } from "../../src/4runr/index.js";
import { CrvGate, GoalGuard, notNull } from "../../src/aureus/engine/index.js";
import { type Action, AureusClient, type Principal } from "../../src/aureus/index.js";
import { aureusGate, equip, type Gate, type GateSource, localGate } from "../../src/bridge/index.js";
import { type HandlerContext, type HandlerDefinition, HandlerFailure } from "../../src/handler/index.js";
import { LocalAureus } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";
import { overCap, overNeuron } from "./wires.ts";

const read = { action: "read", resource: "page", intent: "read" as const, dataZone: "public" as const };
const principal: Principal = { id: "agent-1", type: "agent", permissions: [read] };
const action: Action = { id: "read-page", name: "Read a page", riskTier: "low", requiredPermissions: [read] };
const risky: Action = { ...action, id: "pay", riskTier: "critical" };

function lowly(extra: Partial<HandlerContext> = {}): HandlerContext {
  return {
    signal: new AbortController().signal,
    deadline: undefined,
    correlationId: "work-1",
    request: {},
    log: { debug() {}, info() {}, warn() {}, error() {} },
    progress() {},
    fail: () => {
      throw new Error("not used");
    },
    ...extra,
  };
}
const runOf = (definition: HandlerDefinition) =>
  definition.run as (input: unknown, ctx: HandlerContext) => Promise<unknown>;

describe("ctx.tools", () => {
  it(req("bridge.tools", "shares signal, deadline and correlation id with the work"), async () => {
    const calls: unknown[][] = [];
    const tools = { proxy: async (...call: unknown[]) => void calls.push(call) } as unknown as GatewayClient;
    const clock = { now: () => 1_000 } as never;
    const kit = equip({ tools, clock });
    const definition = kit.defineHandler({
      run: async (_, ctx) => {
        await ctx.tools.proxy("http_fetch", "get", { url: "https://example.com" });
        await ctx.tools.proxy("http_fetch", "get", { url: "https://example.com" }, { timeoutMs: 5 });
        expect(ctx.gate).toBeUndefined();
      },
    });
    const ctx = lowly({ deadline: 3_000 });
    await runOf(definition)({}, ctx);
    const shared = { signal: ctx.signal, correlationId: "work-1" };
    expect(calls).toEqual([
      ["http_fetch", "get", { url: "https://example.com" }, { ...shared, timeoutMs: 2_000 }],
      ["http_fetch", "get", { url: "https://example.com" }, { ...shared, timeoutMs: 5 }],
    ]);
    await runOf(definition)({}, lowly({ deadline: 500 }));
    expect(calls[2]![3]).toMatchObject({ timeoutMs: 1 });
    await runOf(definition)({}, lowly());
    expect(calls[4]![3]).not.toHaveProperty("timeoutMs");
  });

  it("calls the tools of a gateway", async () => {
    await using tools = new GatewayClient({ baseUrl: "mock://local", agentId: "a" });
    const definition = equip({ tools }).defineHandler({
      run: async (_, ctx) => (await ctx.tools.proxy("serpapi", "search", { q: "agents" })).query,
    });
    expect(await runOf(definition)({}, lowly())).toBe("agents");
  });
});

describe.each([
  [
    "local",
    async () => {
      const gate = new CrvGate({ name: "page", validators: [notNull()], blockOnFailure: true });
      return {
        source: localGate({ guard: new GoalGuard(), principal, gates: { page: gate } }),
        close: async () => {},
      };
    },
  ],
  [
    "remote",
    async () => {
      const server = await LocalAureus.start({ port: false, apiKey: "key" });
      const client = new AureusClient({ baseUrl: server.url, apiKey: "key", fetch: server.fetch });
      const gates = { page: { validators: ["not_null"], blockOnFailure: true } };
      return {
        source: aureusGate({ client, principal, gates }),
        async close() {
          await client.close();
          await server.close();
        },
      };
    },
  ],
])("ctx.gate, %s", (_, open) => {
  it(req("bridge.gate", "lets through what is allowed and ends the work on what is not"), async () => {
    const { source, close } = await open();
    const kit = equip({ gate: source });
    const asks = kit.defineHandler({
      run: async (input, ctx) => {
        const { allowed } = await ctx.gate.require(input === "pay" ? risky : action);
        const { passed } = await ctx.gate.requireCommit("page", {
          id: "commit-1",
          data: input === "empty" ? null : { text: "x" },
        });
        return { allowed, passed };
      },
    });
    for (const serve of [overCap, overNeuron]) {
      await using on = await serve(asks);
      expect(await on.submit("read")).toEqual({ ended: "done", output: { allowed: true, passed: true } });
      expect(await on.submit("pay")).toMatchObject({
        ended: "failed",
        code: expect.stringMatching(/^(SAFETY_DENIED|DENIED)$/),
        reason: expect.stringContaining("pay waits for approval"),
      });
      expect(await on.submit("empty")).toMatchObject({
        ended: "failed",
        code: "SAFETY_POLICY_VIOLATION",
        reason: expect.stringContaining("gate page blocked commit commit-1"),
      });
    }
    await close();
  });

  it("names a gate that is none", async () => {
    const { source, close } = await open();
    await expect(source.validate("other", { id: "c", data: 1 }, {})).rejects.toThrow('no gate "other"');
    await close();
  });
});

describe("ctx.gate fails closed", () => {
  const gateOf = async (answer: unknown) => {
    const source: GateSource = {
      evaluate: async () => answer as GuardDecision,
      validate: async () => answer as GateResult,
    };
    let found: Gate | undefined;
    const definition = equip({ gate: source }).defineHandler({
      run: (_, ctx) => {
        found = ctx.gate;
      },
    });
    await runOf(definition)({}, lowly());
    return found!;
  };
  const commit = { id: "c", data: 1 };
  const passed = { passed: true, blockedCommit: false, crvStatus: "passed", validationResults: [] };

  it.each<[unknown, string]>([
    [{}, "does not say that it passed"],
    [null, "does not say that it passed"],
    [undefined, "does not say that it passed"],
    ["passed", "does not say that it passed"],
    [{ passed: "true" }, "does not say that it passed"],
    [{ passed: 1 }, "does not say that it passed"],
    [{ passed: false, crvStatus: "blocked" }, "does not say that it passed"],
    [{ passed: false, crvStatus: "warning", validationResults: [{ valid: false, reason: "low" }] }, "low"],
    [{ passed: false, validationResults: [null, { reason: 7 }, { valid: "no", reason: "odd" }] }, "odd"],
    [{ passed: false, validationResults: "none" }, "does not say that it passed"],
    [{ ...passed, blockedCommit: true }, "does not say that it passed"],
    [{ ...passed, blockedCommit: "yes" }, "does not say that it passed"],
    [{ ...passed, crvStatus: "blocked" }, "does not say that it passed"],
  ])(req("bridge.gate", "a verdict of %j lets no commit through"), async (verdict, reason) => {
    const failure = (await gateOf(verdict)).requireCommit("page", commit);
    await expect(failure).rejects.toBeInstanceOf(HandlerFailure);
    await expect(failure).rejects.toMatchObject({
      code: "SAFETY_POLICY_VIOLATION",
      message: expect.stringContaining(reason),
    });
  });

  it.each<[unknown, string]>([
    [{}, "is not allowed: the decision gives no reason"],
    [null, "is not allowed: the decision gives no reason"],
    [undefined, "is not allowed: the decision gives no reason"],
    [{ allowed: 1, reason: "odd" }, "is not allowed: odd"],
    [{ allowed: "true" }, "is not allowed"],
    [{ requiresHumanApproval: true, reason: "risky" }, "waits for approval: risky"],
  ])(req("bridge.gate", "a decision of %j allows nothing"), async (decision, reason) => {
    const failure = (await gateOf(decision)).require(action);
    await expect(failure).rejects.toBeInstanceOf(HandlerFailure);
    await expect(failure).rejects.toMatchObject({
      code: "SAFETY_DENIED",
      message: expect.stringContaining(reason),
    });
  });

  it(req("bridge.gate", "lets through what says so and nothing else"), async () => {
    const minimal = { passed: true };
    expect(await (await gateOf(minimal)).requireCommit("page", commit)).toBe(minimal);
    expect(await (await gateOf(passed)).requireCommit("page", commit)).toBe(passed);
    const decision = { allowed: true, reason: "", requiresHumanApproval: false };
    expect(await (await gateOf(decision)).require(action)).toBe(decision);
  });
});
