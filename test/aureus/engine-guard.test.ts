import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Action, DataZone, Permission, Principal } from "../../gen/aureus/v1/index.js";
import { approvalTokenTtlMs } from "../../src/aureus/engine/goal-guard.js";
import { covers, GoalGuard } from "../../src/aureus/engine/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";

const nobody: Principal = { id: "p", type: "agent", permissions: [] };
const action = (more: Partial<Action> = {}): Action => ({
  id: "a",
  name: "A",
  riskTier: "low",
  requiredPermissions: [],
  ...more,
});
const critical = action({ riskTier: "critical" });

describe("decisions", () => {
  it(req("aureus.engine.guard", "the tool is looked at first, then permissions, then the tier"), () => {
    const guard = new GoalGuard();
    const needs = { requiredPermissions: [{ action: "read", resource: "db" }] };
    const strict = action({ ...needs, riskTier: "critical", allowedTools: ["a", "b"] });
    expect(guard.evaluate(nobody, strict, "c").reason).toBe(
      "Tool 'c' is not allowed for this action. Allowed tools: a, b",
    );
    expect(guard.evaluate(nobody, strict, "a").reason).toContain("Insufficient permissions");
    expect(guard.state).toBe("rejected");
    const holder = { ...nobody, permissions: needs.requiredPermissions };
    expect(guard.evaluate(holder, strict).requiresHumanApproval).toBe(true);
    expect(guard.evaluate(holder, action({ allowedTools: [] }), "c").allowed).toBe(true);
  });

  it(req("aureus.engine.guard", "MCP actions have their own rule and no token"), () => {
    const mcp = (riskTier: Action["riskTier"], metadata: object = {}) =>
      new GoalGuard().evaluate(
        nobody,
        action({ riskTier, metadata: { mcpActionName: "x", mcpServerName: "s", ...metadata } }),
      );
    const high = mcp("critical", { requiresCRVValidation: true, crvGateName: "g" });
    expect(high).toMatchObject({ allowed: false, requiresHumanApproval: true });
    expect(high).not.toHaveProperty("approvalToken");
    expect(high.metadata).toMatchObject({ mcpAction: true, requiresCRV: true, crvGateName: "g" });
    expect(mcp("medium", { requiresCRVValidation: true }).allowed).toBe(true);
    expect(mcp("low").metadata).toMatchObject({ requiresCRV: false });
  });

  it.each<[Action["riskTier"], unknown, boolean, unknown]>([
    ["medium", true, true, true],
    ["medium", "yes", true, true],
    ["medium", 1, true, true],
    ["medium", {}, true, true],
    ["medium", false, false, false],
    ["medium", 0, false, false],
    ["medium", "", false, false],
    ["medium", null, false, false],
    ["medium", undefined, false, false],
    ["low", "yes", false, "yes"],
    ["critical", "yes", true, "yes"],
    ["critical", 0, true, false],
  ])(
    req("aureus.engine.guard", "%s MCP action, requiresCRVValidation %j: counts when truthy"),
    (riskTier, requiresCRVValidation, named, requiresCRV) => {
      const metadata = { mcpActionName: "x", mcpServerName: "s", crvGateName: "g", requiresCRVValidation };
      const decision = new GoalGuard().evaluate(nobody, action({ riskTier, metadata }));
      expect(decision.metadata).toStrictEqual({
        mcpAction: true,
        mcpServerName: "s",
        mcpActionName: "x",
        requiresCRV,
        ...(named && { crvGateName: "g" }),
      });
      if (riskTier === "medium") {
        const how = named ? "with CRV validation required" : "without additional approval";
        expect(decision.reason).toBe(`MCP action 'x' approved ${how}`);
      }
    },
  );

  it(req("aureus.engine.guard", "an MCP action says of itself only what its metadata names"), () => {
    const metadata = { mcpActionName: "x", requiresCRVValidation: true };
    const decision = new GoalGuard().evaluate(nobody, action({ riskTier: "high", metadata }));
    expect(decision.metadata).toStrictEqual({ mcpAction: true, mcpActionName: "x", requiresCRV: true });
  });

  it.each<[string, Action["metadata"] | null, boolean, string, boolean, string]>([
    ["low", null, true, "Low risk action approved", false, "approved"],
    ["medium", null, true, "Medium risk action approved with monitoring", false, "approved"],
    ["high", null, false, "High risk action requires explicit human approval", true, "pending_human"],
    ["critical", null, false, "Critical action requires explicit human approval", true, "pending_human"],
    ["HIGH", null, false, "Unknown risk tier", false, "pending_human"],
    ["low", { mcpActionName: "" }, true, "Low risk action approved", false, "approved"],
    [
      "low",
      { mcpActionName: "x", requiresCRVValidation: true },
      true,
      "MCP action 'x' approved without additional approval",
      false,
      "approved",
    ],
    [
      "high",
      { mcpActionName: "x", mcpServerName: "s" },
      false,
      "MCP action 'x' from server 's' with high risk tier requires explicit human approval",
      false,
      "pending_human",
    ],
  ])(
    req("aureus.engine.guard", "decides on tier %s with metadata %j: allowed %s, %j, token %s, state %s"),
    (riskTier, metadata, allowed, reason, hasToken, state) => {
      const guard = new GoalGuard();
      const { approvalToken, ...decision } = guard.evaluate(
        nobody,
        action({ riskTier: riskTier as Action["riskTier"], ...(metadata && { metadata }) }),
      );
      expect(decision).toMatchObject({ allowed, reason, requiresHumanApproval: !allowed });
      expect(guard.pendingApproval("a")?.token).toBe(approvalToken);
      expect([approvalToken !== undefined, guard.state]).toEqual([hasToken, state]);
    },
  );

  it(req("aureus.engine.guard", "moves through its states and writes every decision down"), () => {
    const guard = new GoalGuard();
    expect(guard.state).toBe("idle");
    guard.evaluate(nobody, action());
    expect(guard.state).toBe("approved");
    const { approvalToken } = guard.evaluate(nobody, critical);
    expect(guard.state).toBe("pending_human");
    expect(guard.approve("a", "wrong")).toBe(false);
    expect(guard.approve("a", approvalToken!)).toBe(true);
    expect(guard.state).toBe("approved");
    guard.reject();
    expect(guard.state).toBe("approved");
    guard.evaluate(nobody, critical);
    guard.reject();
    expect(guard.state).toBe("rejected");
    guard.reset();
    expect(guard.state).toBe("idle");
    expect(guard.auditLog.map(({ stateTransition }) => stateTransition?.toState)).toEqual([
      "approved",
      "pending_human",
      "pending_human",
    ]);
    guard.auditLog.pop();
    expect(guard.auditLog).toHaveLength(3);
  });

  it(req("aureus.engine.guard", "approves nothing after a decision that could not be made"), () => {
    const broken = () => {
      throw new Error("no random bytes");
    };
    const guard = new GoalGuard({ randomBytes: broken });
    for (const ask of [
      () => guard.evaluate(nobody, critical),
      () => guard.requestApproval(nobody, critical, "r"),
    ]) {
      guard.reset();
      expect(ask).toThrow("no random bytes");
      expect([guard.state, guard.auditLog]).toEqual(["evaluating", []]);
    }
  });

  it(req("aureus.engine.guard", "forgets the oldest entries of the audit log beyond its limit"), () => {
    const guard = new GoalGuard({ maxAuditEntries: 2 });
    for (const id of ["1", "2", "3"]) guard.evaluate(nobody, action({ id }));
    expect(guard.auditLog.map((entry) => entry.action.id)).toEqual(["2", "3"]);
  });

  it(
    req("aureus.engine.guard", "permissions are equal by text, intent and zone count where both name one"),
    () => {
      const zones: DataZone[] = ["public", "internal", "confidential", "restricted"];
      const zone = fc.option(fc.constantFrom(...zones), { nil: null });
      const intent = fc.option(fc.constantFrom("read" as const, "write" as const), { nil: null });
      const permission: fc.Arbitrary<Permission> = fc.record({
        action: fc.constantFrom("read", "*"),
        resource: fc.constantFrom("db", "*"),
        intent,
        dataZone: zone,
      });
      fc.assert(
        fc.property(permission, permission, (held, required) => {
          const fits =
            held.action === required.action &&
            held.resource === required.resource &&
            (!held.intent || !required.intent || held.intent === required.intent) &&
            (!held.dataZone ||
              !required.dataZone ||
              zones.indexOf(held.dataZone) >= zones.indexOf(required.dataZone));
          expect(covers(held, required)).toBe(fits);
        }),
      );
    },
  );
});

describe("tokens", () => {
  it(req("aureus.engine.tokens", "have the engine's form and are good once, for their action"), () => {
    const clock = new FakeClock();
    const guard = new GoalGuard({ clock, randomBytes: (length) => new Uint8Array(length).fill(0xab) });
    const { approvalToken: token } = guard.evaluate(nobody, critical);
    expect(token).toBe(`approval-a-${clock.now()}-${"ab".repeat(16)}`);
    expect(guard.spendToken("b", token!)).toBe(false);
    expect(guard.spendToken("a", token!)).toBe(true);
    expect(guard.spendToken("a", token!)).toBe(false);
    expect(guard.pendingApproval("a")).toMatchObject({ used: true });
  });

  it("of one task id in two workflows stay apart", () => {
    const guard = new GoalGuard();
    const one = guard.evaluate(nobody, critical, null, "w-1").approvalToken!;
    const two = guard.evaluate(nobody, critical, null, "w-2").approvalToken!;
    expect(guard.spendToken("a", one, "w-2")).toBe(false);
    expect(guard.spendToken("a", one, "w-1")).toBe(true);
    expect(guard.spendToken("a", two, "w-2")).toBe(true);
    const outside = guard.evaluate(nobody, critical).approvalToken!;
    expect(guard.spendToken("a", outside, "w-1")).toBe(true);
  });

  it(req("aureus.engine.tokens", "a new one replaces the old"), () => {
    const guard = new GoalGuard();
    const first = guard.evaluate(nobody, critical).approvalToken!;
    const second = guard.evaluate(nobody, critical).approvalToken!;
    expect(guard.spendToken("a", first)).toBe(false);
    expect(guard.spendToken("a", second)).toBe(true);
  });

  it.each([
    [0, true],
    [1, false],
  ])(req("aureus.engine.tokens", "an hour and %d ms later: %s"), async (extra, good) => {
    const clock = new FakeClock();
    const guard = new GoalGuard({ clock });
    const token = guard.evaluate(nobody, critical).approvalToken!;
    await clock.advance(approvalTokenTtlMs + extra);
    expect(guard.approve("a", token)).toBe(good);
  });

  it(req("aureus.engine.tokens", "approve only what waits for a human"), () => {
    const guard = new GoalGuard();
    for (const leave of [
      () => guard.reject(),
      () => guard.reset(),
      () => guard.evaluate(nobody, action({ id: "b" })),
    ]) {
      const token = guard.evaluate(nobody, critical).approvalToken!;
      leave();
      const { state } = guard;
      expect(guard.approve("a", token)).toBe(false);
      expect([guard.state, guard.pendingApproval("a")?.used]).toEqual([state, false]);
      expect(guard.spendToken("a", token)).toBe(true);
    }
  });

  it(req("aureus.engine.tokens", "that were asked for are written down with what they are for"), () => {
    const clock = new FakeClock();
    const guard = new GoalGuard({ clock });
    const asked = guard.requestApproval(nobody, critical, "emergency");
    const approvalToken = asked.token;
    expect(asked).toEqual({
      token: expect.any(String),
      actionId: "a",
      principal: { id: "system", type: "service", permissions: [] },
      expiresAt: new Date(clock.now() + 3_600_000).toISOString(),
      used: false,
    });
    expect(guard.auditLog).toEqual([
      {
        timestamp: new Date(clock.now()).toISOString(),
        principal: nobody,
        action: critical,
        decision: { allowed: false, reason: "emergency", requiresHumanApproval: true, approvalToken },
        stateTransition: { fromState: "evaluating", toState: "pending_human" },
      },
    ]);
  });

  it(req("aureus.engine.tokens", "may be asked for whatever the permissions say"), () => {
    const guard = new GoalGuard();
    const needs = action({ requiredPermissions: [{ action: "delete", resource: "db" }] });
    const { token } = guard.requestApproval(nobody, needs, "emergency");
    expect(guard.approve("a", token)).toBe(true);
  });
});
