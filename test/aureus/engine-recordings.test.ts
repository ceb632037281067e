/** The local engine against verdicts that the real engine gave, over HTTP adapters and the console. */
import { describe, expect, it } from "vitest";
import type {
  Action,
  GateResult,
  GuardDecision,
  PolicyContext,
  ValidateCommitRequest,
  WorkflowExecutionRequest,
} from "../../gen/aureus/v1/index.js";
import { keyMap } from "../../gen/aureus/v1/index.js";
import type { Validator } from "../../src/aureus/engine/index.js";
import { CrvGate, GoalGuard, WorkflowEngine } from "../../src/aureus/engine/index.js";
import { fromWire } from "../../src/core/keys.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import {
  consoleCases,
  recordedCase,
  recordedValidators,
  recordedWorkflows,
  v1Cases,
} from "./engine-cases.ts";

/** Tokens differ from run to run, the texts of hints are everybody's own. */
function comparable(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, item: unknown) => {
    if (item === null) return undefined;
    if (key === "timestamp" || key === "duration" || key === "durationMs") return undefined;
    if (key === "remediation") return typeof item;
    if (key === "approvalToken" && typeof item === "string") return item.replace(/-\d+-[0-9a-f]{32}$/, "");
    return item;
  });
}

describe("recorded CRV verdicts", () => {
  it.each(v1Cases("/api/v1/crv/validate"))(
    req("aureus.engine.recorded", "CRV: $case"),
    async ({ request, response }) => {
      const { commit, gateConfig } = fromWire(
        request.body,
        "ValidateCommitRequest",
        keyMap,
      ) as ValidateCommitRequest;
      const validators = gateConfig.validators.map((id) => recordedValidators[id] as Validator);
      const result = await new CrvGate({ ...gateConfig, validators }).validate(commit);
      expect(comparable(result)).toEqual(
        comparable(fromWire(response.body, "GateResult", keyMap) as GateResult),
      );
    },
  );
});

describe("recorded policy decisions", () => {
  it.each([...v1Cases("/api/v1/policy/evaluate"), ...v1Cases("/api/v1/policy/check")])(
    req("aureus.engine.recorded", "policy: $case"),
    ({ request, response }) => {
      const { principal, action } = fromWire(request.body, "PolicyContext", keyMap) as PolicyContext;
      const decision = new GoalGuard().evaluate(principal, action);
      const theirs = fromWire(response.body, "GuardDecision", keyMap) as GuardDecision;
      expect(comparable(decision)).toMatchObject(comparable(theirs) as object);
      expect(decision.approvalToken === undefined).toBe(theirs.approvalToken == null);
    },
  );

  it.each(consoleCases("/api/test/simulate-policy"))(
    req("aureus.engine.recorded", "console policy: $case"),
    ({ request, response }) => {
      const { principal, action } = request.body as { principal: PolicyContext["principal"]; action: Action };
      const { decision } = response.body as { decision: GuardDecision };
      expect(comparable(new GoalGuard().evaluate(principal, action))).toEqual(comparable(decision));
    },
  );
});

describe("recorded workflows", () => {
  const engine = () => {
    const clock = new FakeClock();
    const parts = { clock, guard: new GoalGuard({ clock }), principal: recordedWorkflows.principal };
    return { clock, engine: new WorkflowEngine({ ...parts, execute: recordedWorkflows.execute }) };
  };

  it.each(v1Cases("/api/v1/workflows/execute"))(
    req("aureus.engine.recorded", "workflow: $case"),
    async ({ request, response }) => {
      const given = fromWire(request.body, "WorkflowExecutionRequest", keyMap) as WorkflowExecutionRequest;
      const { engine: ours, clock } = engine();
      const result = await clock.until(ours.run(given.workflow, given));
      expect(comparable(result)).toEqual(
        comparable(fromWire(response.body, "WorkflowExecutionResult", keyMap)),
      );
    },
  );

  it.each(recordedWorkflows.list)(
    req("aureus.engine.recorded", "events: $workflow.id"),
    async ({ workflow, gate, events, timeline, statuses }) => {
      const clock = new FakeClock();
      const ours = new WorkflowEngine({
        clock,
        guard: new GoalGuard({ clock }),
        principal: recordedWorkflows.principal,
        execute: (task, context) => recordedWorkflows.execute(task, context, clock),
        gate,
      });
      await clock.until(ours.run(workflow));
      const run = ours.workflow(workflow.id)!;
      const told = [...run.tasks.values()].map(({ taskId, status, attempt, error }) => ({
        taskId,
        status,
        attempt,
        error,
      }));
      const recorded = recordedCase("console-full", `status_${workflow.id}`).response.body as {
        status: string;
        tasks: { taskId: string; status: string; attempt: number; error?: string }[];
      };
      expect(run.status).toBe(recorded.status);
      expect(told).toEqual(
        recorded.tasks.map(({ taskId, status, attempt, error }) => ({ taskId, status, attempt, error })),
      );
      expect(told.map(({ status }) => status)).toEqual(statuses);
      if (events) {
        expect(comparable(run.events)).toEqual(
          comparable(recordedCase("console-full", events).response.body),
        );
      }
      if (timeline) {
        const theirs = recordedCase("console-full", timeline).response.body as object[];
        const bare = theirs.map((entry) => ({ ...entry, description: undefined }));
        const mine = run.events.map((event) => ({ ...event, data: undefined }));
        expect(comparable(mine)).toEqual(comparable(bare));
      }
    },
  );
});
