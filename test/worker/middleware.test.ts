import { describe, expect, it } from "vitest";
import type { LogFields } from "../../src/core/log-types.js";
import { safeLogger } from "../../src/core/logger.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { type HandlerCall, loggingMiddleware } from "../../src/worker/middleware.js";

describe("loggingMiddleware", () => {
  it.each([
    ["cap", "job", "jobId", "topic"],
    ["neuron", "lease", "leaseId", "capability"],
  ] as const)(
    "logs each run of %s, and changes neither result nor error",
    async (protocol, what, id, name) => {
      const clock = new FakeClock();
      const lines: unknown[] = [];
      const logger = {
        ...safeLogger(false),
        info: (message: string, fields?: LogFields) => void lines.push([message, fields]),
      };
      const ctx = { signal: new AbortController().signal, log: logger, correlationId: "c" };
      const call: HandlerCall = { protocol, id: "1", name: "a", input: {}, ctx };
      const wrap = loggingMiddleware(logger, clock);
      const run = (outcome: () => unknown) =>
        wrap(async () => {
          await clock.advance(1_234);
          return outcome();
        })(call);
      expect(await run(() => "result")).toBe("result");
      const error = new Error("no");
      await expect(
        run(() => {
          throw error;
        }),
      ).rejects.toBe(error);
      expect(lines).toEqual([
        [`${what} done`, { [id]: "1", [name]: "a", durationMs: 1_234 }],
        [`${what} failed`, { [id]: "1", [name]: "a", durationMs: 1_234, reason: "no" }],
      ]);
    },
  );
});
