import { describe, expect, it } from "vitest";
import { PendingApproval } from "../../src/aureus/index.js";
import { NotFoundError, RateLimitError, UpstreamError, ValidationError } from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";

/** An approval of which the server says in turn what `answers` hold: an error, or the decision. */
function pending(...answers: (Error | "approved")[]) {
  const clock = new FakeClock();
  const times: number[] = [];
  const decided = {
    timestamp: "2026-01-01T00:00:00Z",
    type: "ROLLBACK_POLICY_DECISION",
    workflowId: "w",
    taskId: "t",
    metadata: { policyDecision: { allowed: true, reason: "yes" } },
  };
  const source = {
    async getWorkflowEvents() {
      times.push(clock.monotonic());
      const answer = answers.shift();
      if (answer === undefined) return [];
      if (answer !== "approved") throw answer;
      return [decided as never];
    },
  };
  const init = { workflowId: "w", taskId: "t", approvalToken: "x", known: [], clock, logger: false } as const;
  return { clock, times, approval: new PendingApproval(source, init) };
}

describe("the wait for an approval", () => {
  it.each([
    ["a 500, which may be over", new UpstreamError("500", { status: 500, retryable: false }), 2_000],
    ["a 502", new UpstreamError("502", { status: 502 }), 2_000],
    ["a 429 that asks for a longer wait", new RateLimitError("429", { retryAfterMs: 30_000 }), 30_000],
    ["a 429 that asks for a shorter wait", new RateLimitError("429", { retryAfterMs: 5 }), 2_000],
  ])("goes on after %s", async (_, error, delayMs) => {
    const { clock, times, approval } = pending(error, "approved");
    const [start] = [clock.monotonic()];
    const decision = approval.wait({ totalTimeoutMs: 0 });
    expect(await clock.until(decision)).toEqual({ approved: true, reason: "yes" });
    expect(times.map((time) => time - start)).toEqual([0, delayMs]);
  });

  it("ends with an error that no later poll mends", async () => {
    const { approval } = pending(new NotFoundError("no such workflow"));
    await expect(approval.wait()).rejects.toBeInstanceOf(NotFoundError);
  });

  it.each([{ intervalMs: Number.NaN }, { intervalMs: -1 }, { totalTimeoutMs: Number.NaN }])(
    "refuses %j before it polls",
    async (options) => {
      const { times, approval } = pending("approved");
      const [name] = Object.keys(options);
      await expect(approval.wait(options)).rejects.toBeInstanceOf(ValidationError);
      await expect(approval.wait(options)).rejects.toThrow(`${name} must be`);
      expect(times).toEqual([]);
    },
  );
});
