/** The wait for a decision while the server has troubles. */
import { expect, it } from "vitest";
import type { WorkflowEvent } from "../../gen/aureus/console/models.js";
import { type ApprovalWait, PendingApproval } from "../../src/aureus/approval.js";
import { RateLimitError, UpstreamError, ValidationError } from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";

const approved = {
  timestamp: "2026-11-20T12:00:01Z",
  type: "ROLLBACK_POLICY_DECISION",
  workflowId: "wf",
  taskId: "wipe",
  metadata: { policyDecision: { allowed: true, reason: "yes", requiresHumanApproval: false } },
} as WorkflowEvent;
const approvalToken = `approval-wipe-${Date.parse("2026-11-20T12:00:00Z")}-0123456789abcdef`;

/** A wait on a server that answers the first polls with `answers`, then with the approval. */
function waiting(answers: readonly (Error | readonly WorkflowEvent[])[], options: ApprovalWait) {
  const clock = new FakeClock();
  const polls: number[] = [];
  const source = {
    async getWorkflowEvents(): Promise<readonly WorkflowEvent[]> {
      const answer = answers[polls.push(clock.monotonic()) - 1] ?? [approved];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const init = { workflowId: "wf", taskId: "wipe", approvalToken, clock, logger: false } as const;
  return { clock, polls, decision: new PendingApproval(source, init).wait(options) };
}

it.each([
  ["a 500", new UpstreamError("down", { status: 500, retryable: false })],
  ["a 503", new UpstreamError("down", { status: 503 })],
])("goes on after %s", async (_, error) => {
  const { clock, polls, decision } = waiting([error], { intervalMs: 500 });
  expect(await clock.until(decision)).toEqual({ approved: true, reason: "yes" });
  expect(polls).toEqual([0, 500]);
});

it("polls no sooner than the server asks for", async () => {
  const busy = new RateLimitError("slow down", { status: 429, retryAfterMs: 30_000 });
  const { clock, polls, decision } = waiting([busy, []], { intervalMs: 500 });
  await clock.until(decision);
  expect(polls).toEqual([0, 30_000, 30_500]);
});

it("has no limit with totalTimeoutMs 0", async () => {
  const { clock, decision } = waiting([[], []], { intervalMs: 500, totalTimeoutMs: 0 });
  expect(await clock.until(decision)).toEqual({ approved: true, reason: "yes" });
});

it.each([{ intervalMs: Number.NaN }, { intervalMs: -1 }, { totalTimeoutMs: Number.NaN }])(
  "refuses %j",
  async (options) => {
    const { polls, decision } = waiting([], options);
    await expect(decision).rejects.toBeInstanceOf(ValidationError);
    expect(polls).toEqual([]);
  },
);
