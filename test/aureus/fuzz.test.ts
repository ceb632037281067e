import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AureusErrorDetails } from "../../src/aureus/errors.js";
import { AureusClient, AureusConsoleClient, Telemetry, toConsoleWorkflow } from "../../src/aureus/index.js";
import type { TelemetrySink } from "../../src/aureus/telemetry-options.js";
import { AgentwireError, UpstreamError, ValidationError } from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";

/** Bodies a server might send: JSON of any shape, some of it almost right, and text. */
const body = fc.oneof(
  fc.json(),
  fc.string(),
  fc
    .record(
      {
        error: fc.jsonValue(),
        details: fc.jsonValue(),
        errors: fc.oneof(fc.array(fc.jsonValue()), fc.jsonValue()),
        task_results: fc.jsonValue(),
        validation_results: fc.jsonValue(),
        allowed: fc.jsonValue(),
        token: fc.jsonValue(),
        expiresAt: fc.jsonValue(),
        policyStatus: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
);
const status = fc.oneof(fc.constant(200), fc.integer({ min: 200, max: 599 }));
const empty = new Set([204, 205, 304]);

function clientsFor(text: string, code: number) {
  const send: typeof fetch = async () => new Response(empty.has(code) ? null : text, { status: code });
  const options = { fetch: send, retry: false } as const;
  const credentials = { username: "u", password: "p" };
  return { v1: new AureusClient(options), console: new AureusConsoleClient({ ...options, credentials }) };
}

describe("any answer", () => {
  it(req("aureus.v1.errors", "is a value or one of our errors, whatever a server says"), async () => {
    await fc.assert(
      fc.asyncProperty(body, status, async (text, code) => {
        const { v1, console } = clientsFor(text, code);
        const principal = { id: "p", type: "agent", permissions: [] };
        const action = { id: "a", name: "A", riskTier: "low" as const, requiredPermissions: [] };
        const calls: (() => Promise<unknown>)[] = [
          () => v1.executeWorkflow({ id: "w", name: "W", tasks: [], dependencies: {} }),
          () => v1.validateCommit({ id: "c", data: 1 }, { name: "g", validators: [], blockOnFailure: true }),
          () => v1.checkPermission(principal, action),
          () => v1.requestApproval(action, principal, "r"),
          () => v1.getMetrics(),
          () => v1.getTrace("t"),
          () => console.getWorkflow("w"),
          () => console.listGateChecks("d"),
        ];
        for (const call of calls) {
          try {
            await call();
          } catch (error) {
            expect(error).toBeInstanceOf(AgentwireError);
            const details = (error as AgentwireError).details as AureusErrorDetails | undefined;
            if (details?.errors !== undefined)
              expect(details.errors.every((item) => typeof item === "string")).toBe(true);
          }
        }
      }),
      { numRuns: 300, examples: [['{"errors":[{"toString":0}]}', 300]] },
    );
  });
});

describe("telemetry", () => {
  it(
    req("aureus.telemetry.counts", "adds up after any sequence of records, flushes and failures"),
    async () => {
      const step = fc.oneof(
        fc.record({ do: fc.constant("record" as const), times: fc.integer({ min: 1, max: 30 }) }),
        fc.record({ do: fc.constant("flush" as const) }),
        fc.record({ do: fc.constant("advance" as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
      );
      const outcome = fc.constantFrom("ok", "ok", "retryable", "refused", "hang");
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { maxLength: 20 }),
          fc.array(outcome, { minLength: 1 }),
          async (steps, outcomes) => {
            const clock = new FakeClock();
            let tries = 0;
            let taken = 0;
            const take = async () => {
              const what = outcomes[tries++ % outcomes.length];
              if (what === "retryable") throw new UpstreamError("busy");
              if (what === "refused") throw new ValidationError("no");
              if (what === "hang") await new Promise(() => {});
              taken++;
            };
            const sink: TelemetrySink = { reportEvent: take, reportMetric: take, reportSpan: take };
            const telemetry = new Telemetry({
              sink,
              clock,
              capacity: 40,
              flushSize: 7,
              concurrency: 3,
              graceMs: 5_000,
            });
            let losses = 0;
            telemetry.on("loss", () => losses++);
            const sums = () => {
              const { recorded, sent, lost, pending } = telemetry.stats;
              expect(sent + lost + pending).toBe(recorded);
              expect({ lost, sent }).toEqual({ lost: losses, sent: taken });
              expect(pending).toBeLessThanOrEqual(40);
            };
            for (const item of steps) {
              if (item.do === "record") for (let i = 0; i < item.times; i++) telemetry.metric("m", i);
              else if (item.do === "flush") void telemetry.flush();
              else await clock.advance(item.ms);
              sums();
            }
            const closed = telemetry.close();
            await clock.advance(5_000);
            await closed;
            sums();
            expect(telemetry.stats.pending).toBe(0);
            expect(clock.pending).toBe(0);
          },
        ),
        { numRuns: 60 },
      );
    },
  );
});

describe("conversion", () => {
  it(req("aureus.console.convert", "leaves no null but in user data, and changes nothing else"), () => {
    const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value);
    const task = fc.record({
      id: fc.string(),
      name: fc.string(),
      type: fc.constantFrom("action" as const, "decision" as const),
      inputs: maybe(fc.dictionary(fc.string(), fc.jsonValue()) as fc.Arbitrary<Record<string, unknown>>),
      riskTier: maybe(fc.constantFrom("LOW" as const, "CRITICAL" as const)),
      compensationAction: maybe(fc.record({ tool: fc.string(), args: maybe(fc.constant({ k: null })) })),
    });
    const workflow = fc.record({
      id: fc.string(),
      name: fc.string(),
      goal: maybe(fc.string()),
      tasks: fc.array(task),
      dependencies: fc.dictionary(fc.string(), fc.array(fc.string())),
    });
    fc.assert(
      fc.property(workflow, (given) => {
        const { spec, unplaced } = toConsoleWorkflow(given);
        expect(unplaced).toEqual([]);
        expect(spec.goal).toBe(given.goal ?? undefined);
        expect(spec.dependencies).toEqual(given.dependencies);
        given.tasks.forEach((before, index) => {
          const { inputs, riskTier, compensationAction, ...rest } = before;
          expect(spec.tasks[index]).toEqual({
            ...rest,
            ...(inputs !== null && { inputs }),
            ...(riskTier !== null && { riskTier }),
            ...(compensationAction !== null && {
              compensationAction: { tool: compensationAction.tool, args: compensationAction.args ?? {} },
            }),
          });
        });
      }),
    );
  });
});
