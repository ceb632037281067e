import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Action, DataZone, Permission, Principal } from "../../gen/aureus/v1/index.js";
import { approvalTokenTtlMs, covers, GoalGuard } from "../../src/aureus/engine/index.js";
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
      expect(decision.metadata).toEqual({
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

  it(req("aureus.engine.tokens", "may be asked for whatever the permissions say"), () => {
    const guard = new GoalGuard();
    const needs = action({ requiredPermissions: [{ action: "delete", resource: "db" }] });
    const { token } = guard.requestApproval(nobody, needs, "emergency");
    expect(guard.approve("a", token)).toBe(true);
  });
});
