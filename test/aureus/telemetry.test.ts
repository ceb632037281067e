import { afterEach, describe, expect, it } from "vitest";
import type { Metric, Span, TelemetryEvent } from "../../src/aureus/index.js";
import { AureusClient, otelSpanExporter, Telemetry, type TelemetryOptions } from "../../src/aureus/index.js";
import type { TelemetryLoss, TelemetrySink } from "../../src/aureus/telemetry-options.js";
import { UpstreamError, ValidationError } from "../../src/core/errors.js";
import { silentLogger } from "../../src/core/logger.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { serve, type TestServer } from "./server.ts";

const servers: TestServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

/** Takes everything, in order; `fail` may throw for the n-th try. */
function memorySink(fail: (n: number) => void | Promise<void> = () => {}) {
  const items: (TelemetryEvent | Metric | Span)[] = [];
  let tries = 0;
  const take = async (item: TelemetryEvent | Metric | Span) => {
    await fail(tries++);
    items.push(item);
  };
  const sink: TelemetrySink = { reportEvent: take, reportMetric: take, reportSpan: take };
  return { sink, items, tries: () => tries };
}

function setUp(options: Partial<TelemetryOptions> = {}, fail?: (n: number) => void | Promise<void>) {
  const clock = new FakeClock();
  const { sink, items, tries } = memorySink(fail);
  const telemetry = new Telemetry({ sink, clock, random: () => 0, logger: silentLogger, ...options });
  const losses: TelemetryLoss[] = [];
  telemetry.on("loss", (loss) => losses.push(loss));
  return { clock, telemetry, items, losses, tries };
}

describe("counts", () => {
  it(req(
    "aureus.telemetry.counts",
    "add up over 10,000 events, a server that fails one call in five, and restarts",
  ), async () => {
    const taken = new Set<string>();
    let restarts = 0;
    let requests = 0;
    let restarting: Promise<void> | undefined;
    let server: TestServer;
    const answer: Parameters<typeof serve>[0] = ({ body }) => {
      requests++;
      if (requests % 4_000 === 0 && restarting === undefined) {
        restarts++;
        // Every connection breaks; whoever comes meanwhile is refused.
        restarting = server.close().then(async () => {
          server = await serve(answer, Number(new URL(server.url).port));
          restarting = undefined;
        });
        return undefined;
      }
      if (requests % 5 === 0) return { status: requests % 10 === 0 ? 502 : 500, body: { error: "Failed" } };
      taken.add((body as { data: { n: string } }).data.n);
      return { status: 202, body: { accepted: 1 } };
    };
    server = await serve(answer);
    const client = new AureusClient({ baseUrl: server.url });
    const telemetry = new Telemetry({
      sink: client,
      capacity: 20_000,
      concurrency: 16,
      retry: { attempts: 2, minDelayMs: 0 },
    });
    const losses: TelemetryLoss[] = [];
    telemetry.on("loss", (loss) => losses.push(loss));
    for (let n = 0; n < 10_000; n++) {
      telemetry.event({ type: "custom", data: { n: String(n) } });
      if (n % 500 === 499) await telemetry.flush();
    }
    await telemetry.close();
    await restarting;
    await server.close();

    const { recorded, sent, retried, lost, pending } = telemetry.stats;
    expect({ recorded, pending }).toEqual({ recorded: 10_000, pending: 0 });
    expect(sent + lost).toBe(10_000);
    expect(losses).toHaveLength(lost);
    const lostOnes = new Set(losses.map(({ item }) => (item.value as TelemetryEvent).data.n as string));
    expect(lostOnes.size).toBe(lost); // each loss is told once
    // The server has everything that was sent; of what counts as lost it may have some whose answer got lost.
    const missing = Array.from({ length: 10_000 }, (_, n) => String(n)).filter((n) => !taken.has(n));
    expect(missing.filter((n) => !lostOnes.has(n))).toEqual([]);
    expect(taken.size).toBeGreaterThanOrEqual(sent);
    expect(restarts).toBeGreaterThan(0);
    expect(retried).toBeGreaterThan(1_000);
    expect(lost).toBeGreaterThan(50); // those that failed twice
    const { reason } = losses[0]!;
    expect(reason).toBe("failed");
  }, 180_000);

  it(
    req(
      "aureus.telemetry.counts",
      "count what does not fit into the buffer, what has no form, and what comes too late",
    ),
    async () => {
      const { telemetry, losses, items } = setUp({ capacity: 2, flushSize: 10 });
      expect(telemetry.metric("a", 1)).toBe(true);
      expect(telemetry.metric("b", Number.NaN)).toBe(false);
      expect(telemetry.metric("b", 2)).toBe(true);
      expect(telemetry.metric("c", 3)).toBe(false);
      expect(telemetry.stats).toEqual({ recorded: 4, sent: 0, retried: 0, lost: 2, pending: 2 });
      await telemetry.close();
      expect(telemetry.event({ type: "custom" })).toBe(false);
      expect(losses.map(({ reason }) => reason)).toEqual(["failed", "overflow", "closed"]);
      expect(items.map((item) => (item as Metric).name)).toEqual(["a", "b"]);
      expect(telemetry.stats).toEqual({ recorded: 5, sent: 2, retried: 0, lost: 3, pending: 0 });
    },
  );

  it(req("aureus.telemetry.counts", "count a listener that throws as nothing"), async () => {
    const { telemetry, losses } = setUp({ retry: false }, () => {
      throw new ValidationError("no");
    });
    telemetry.on("loss", () => {
      throw new Error("listener");
    });
    telemetry.event({ type: "custom" });
    await telemetry.flush();
    expect(losses).toHaveLength(1);
    expect(telemetry.stats.lost).toBe(1);
  });
});

describe("sending", () => {
  it(req("aureus.telemetry.flush", "begins when enough waits"), async () => {
    const { telemetry, items } = setUp({ flushSize: 3 });
    telemetry.metric("a", 1);
    telemetry.metric("b", 1);
    expect(items).toEqual([]);
    telemetry.metric("c", 1);
    await telemetry.flush();
    expect(items).toHaveLength(3);
  });

  it(req("aureus.telemetry.flush", "begins after the interval"), async () => {
    const { telemetry, items, clock } = setUp({ flushIntervalMs: 1_000 });
    telemetry.metric("a", 1);
    await clock.advance(999);
    expect(items).toEqual([]);
    await clock.advance(1);
    expect(items).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it(req("aureus.telemetry.flush", "is retried with backoff, by default eleven times"), async () => {
    const { telemetry, tries, clock, losses } = setUp({}, () => {
      throw new UpstreamError("502");
    });
    telemetry.metric("a", 1);
    const flushed = telemetry.flush();
    await clock.advance(500 + 1_000 + 2_000 + 4_000 + 8_000 + 5 * 15_000 - 1);
    expect({ tries: tries(), losses }).toEqual({ tries: 10, losses: [] });
    await clock.advance(1);
    await flushed;
    expect(tries()).toBe(11);
    expect(telemetry.stats).toMatchObject({ retried: 10, lost: 1 });
    expect(losses[0]).toMatchObject({ reason: "failed", item: { kind: "metric" } });
    expect(losses[0]!.error).toBeInstanceOf(UpstreamError);
  });

  it(
    req("aureus.telemetry.flush", "ends on close, at the latest after the grace time, with the rest lost"),
    async () => {
      const { telemetry, clock, losses } = setUp(
        { graceMs: 1_000, concurrency: 1 },
        () => new Promise(() => {}),
      );
      telemetry.metric("a", 1);
      telemetry.metric("b", 1);
      const closed = telemetry.close();
      expect(telemetry.close()).toBe(closed);
      await clock.advance(1_000);
      await closed;
      expect(losses.map(({ reason }) => reason)).toEqual(["closed", "closed"]);
      expect(telemetry.stats.pending).toBe(0);
      expect(clock.pending).toBe(0);
    },
  );

  it("fills in time, correlation id and tags, and keeps what is given", async () => {
    const { telemetry, items } = setUp({ correlationId: "trace-1", tags: { env: "test", v: "1" } });
    telemetry.event({ type: "step_start", workflowId: "wf", data: { step_name: "x" }, tags: { v: "2" } });
    telemetry.event({ type: "step_end", timestamp: "then", correlationId: "own" });
    await telemetry.close();
    expect(items).toEqual([
      {
        type: "step_start",
        workflowId: "wf",
        correlationId: "trace-1",
        timestamp: "2026-01-01T00:00:00.000Z",
        data: { step_name: "x" },
        tags: { env: "test", v: "2" },
      },
      { type: "step_end", timestamp: "then", correlationId: "own", data: {}, tags: { env: "test", v: "1" } },
    ]);
  });
});

describe("spans", () => {
  it(req("aureus.telemetry.spans", "link to their parents and share the trace"), async () => {
    const { telemetry, items, clock } = setUp({ correlationId: "trace-1" });
    const result = await telemetry.withSpan("outer", async (outer) => {
      await clock.advance(5);
      const inner = outer.child("inner", { tags: { k: "v" } }).log("warn", "odd", { some_key: 1 });
      await clock.advance(7);
      inner.end();
      inner.end();
      return "done";
    });
    await expect(
      telemetry.withSpan("fails", () => {
        throw new Error("boom");
      }),
    ).rejects.toThrow("boom");
    await telemetry.close();
    expect(result).toBe("done");
    const [inner, outer, fails] = items as Span[];
    expect(items).toHaveLength(3);
    expect(inner).toEqual({
      id: inner!.id,
      traceId: "trace-1",
      parentId: outer!.id,
      name: "inner",
      startTime: "2026-01-01T00:00:00.005Z",
      endTime: "2026-01-01T00:00:00.012Z",
      duration: 7,
      tags: { k: "v" },
      logs: [
        { timestamp: "2026-01-01T00:00:00.005Z", level: "warn", message: "odd", context: { some_key: 1 } },
      ],
    });
    expect(outer).toMatchObject({ traceId: "trace-1", name: "outer", duration: 12 });
    expect(outer).not.toHaveProperty("parentId");
    expect(fails!.tags).toEqual({ error: "boom" });
  });

  it(req("aureus.telemetry.spans", "come from OpenTelemetry as well"), async () => {
    const { telemetry, items } = setUp();
    const span = {
      name: "GET /x",
      startTime: [1_767_225_600, 500_000_000] as const,
      endTime: [1_767_225_601, 0] as const,
      attributes: { "http.status": 500, list: ["a"], text: "t" },
      status: { code: 2, message: "boom" },
      events: [
        {
          name: "exception",
          time: [1_767_225_600, 750_000_000] as const,
          attributes: { "exception.type": "E" },
        },
      ],
      parentSpanContext: { spanId: "p1" },
      spanContext: () => ({ traceId: "t1", spanId: "s1" }),
    };
    const exporter = otelSpanExporter(telemetry);
    const results: number[] = [];
    exporter.export([span], ({ code }) => results.push(code));
    await exporter.forceFlush();
    expect(items).toEqual([
      {
        id: "s1",
        traceId: "t1",
        parentId: "p1",
        name: "GET /x",
        startTime: "2026-01-01T00:00:00.500Z",
        endTime: "2026-01-01T00:00:01.000Z",
        duration: 500,
        tags: { "http.status": "500", list: '["a"]', text: "t", error: "boom" },
        logs: [
          {
            timestamp: "2026-01-01T00:00:00.750Z",
            level: "error",
            message: "exception",
            context: { "exception.type": "E" },
          },
        ],
      },
    ]);
    const { parentSpanContext: _, ...rest } = span;
    exporter.export([{ ...rest, parentSpanId: "old" }], ({ code }) => results.push(code));
    await exporter.forceFlush();
    expect(items[1]).toMatchObject({ parentId: "old" });
    await telemetry.close();
    exporter.export([span], ({ code }) => results.push(code));
    await exporter.shutdown();
    expect(results).toEqual([0, 0, 1]);
  });
});
