import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { type Span, Telemetry, type TelemetryOptions } from "../../src/aureus/index.js";
import type { EventInit, TelemetryLoss, TelemetrySink } from "../../src/aureus/telemetry-options.js";
import { ClosedError, RateLimitError, UpstreamError } from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";

function setUp(options: Partial<TelemetryOptions> = {}, answer: () => void | Promise<void> = () => {}) {
  const clock = new FakeClock();
  const items: unknown[] = [];
  let calls = 0;
  const take = async (item: unknown) => {
    calls++;
    await answer();
    items.push(item);
  };
  const sink: TelemetrySink = { reportEvent: take, reportMetric: take, reportSpan: take };
  const warnings: unknown[][] = [];
  const logger = {
    debug() {},
    info() {},
    warn: (...line: unknown[]) => void warnings.push(line),
    error() {},
  };
  // The longest share of every delay is taken off: the worst case for an outage.
  const telemetry = new Telemetry({ sink, clock, random: () => 1, logger, ...options });
  const losses: TelemetryLoss[] = [];
  telemetry.on("loss", (loss) => losses.push(loss));
  return { clock, telemetry, items, losses, warnings, calls: () => calls };
}

describe("copies", () => {
  it(req("aureus.telemetry.copies", "later changes by the caller do not show"), async () => {
    const tags: Record<string, string> = { env: "test" };
    const { telemetry, items } = setUp({ tags });
    const data = { step: { n: 1 }, list: [1] };
    const own: Record<string, string> = { k: "v" };
    telemetry.event({ type: "custom", data, tags: own });
    telemetry.metric("m", 1, own);
    const given = { id: "i", traceId: "t", name: "s", startTime: "x", tags: own, logs: [] };
    telemetry.span(given);
    const context = { rows: [1] };
    const span = telemetry.startSpan("active", { tags: own }).log("info", "read", context);
    data.step.n = 2;
    data.list.push(2);
    own.k = "changed";
    tags.env = "changed";
    given.name = "changed";
    context.rows.push(2);
    span.end();
    await telemetry.close();
    const tagged = { env: "test", k: "v" };
    expect(items).toEqual([
      expect.objectContaining({ data: { step: { n: 1 }, list: [1] }, tags: tagged }),
      expect.objectContaining({ name: "m", tags: tagged }),
      expect.objectContaining({ name: "s", tags: tagged }),
      expect.objectContaining({ name: "active", tags: tagged }),
    ]);
    expect((items[3] as Span).logs).toMatchObject([{ context: { rows: [1] } }]);
  });

  it(req("aureus.telemetry.copies", "are the JSON of what cannot be cloned"), async () => {
    class Money {
      constructor(private readonly cents: number) {}
      toJSON() {
        return { cents: this.cents };
      }
    }
    const { telemetry, items } = setUp();
    const when = new Date(0);
    telemetry.event({ type: "custom", data: { run: () => 1, price: new Money(5), when, n: 1 } });
    await telemetry.close();
    expect(items).toMatchObject([{ data: { price: { cents: 5 }, when: "1970-01-01T00:00:00.000Z", n: 1 } }]);
  });

  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const throws = {
    get value(): never {
      throw new Error("no value");
    },
  };
  it.each<[string, Readonly<Record<string, unknown>>, RegExp]>([
    ["a circle", circular, /circular/],
    ["a bigint", { n: 1n }, /BigInt/],
    ["a getter that throws", { throws }, /no value/],
  ])(req("aureus.telemetry.copies", "%s is a loss with an error"), async (_, data, message) => {
    const { telemetry, losses, items } = setUp();
    expect(telemetry.event({ type: "custom", data })).toBe(false);
    telemetry.startSpan("s").log("info", "m", data).end();
    await telemetry.close();
    expect(items).toEqual([]);
    expect(telemetry.stats).toMatchObject({ recorded: 2, lost: 2, pending: 0 });
    expect(losses).toMatchObject([
      { reason: "failed", item: { kind: "event" }, error: { message: expect.stringMatching(message) } },
      { reason: "failed", item: { kind: "span" }, error: { message: expect.stringMatching(message) } },
    ]);
  });

  it(req("aureus.telemetry.copies", "an event that is none is a loss, not an exception"), () => {
    const { telemetry, losses } = setUp();
    const bad: unknown[] = [undefined, null];
    for (const event of bad) expect(telemetry.event(event as EventInit)).toBe(false);
    for (const span of bad.slice(0, 1)) expect(telemetry.span(span as Span)).toBe(false);
    expect(losses.map(({ reason }) => reason)).toEqual(["failed", "failed", "failed"]);
  });
});

describe("outages", () => {
  it.each([
    ["30 s", 30_000, undefined],
    ["a minute", 60_000, undefined],
    ["a minute, with a short Retry-After", 60_000, 100],
  ])(req("aureus.telemetry.outage", "%s: nothing is lost"), async (_, outageMs, retryAfterMs) => {
    const until = new FakeClock().now() + 10_000 + outageMs;
    const setting = setUp({}, () => {
      const now = setting.clock.now();
      if (now >= until - outageMs && now < until) {
        if (retryAfterMs === undefined) throw new UpstreamError("502");
        throw new RateLimitError("429", { retryAfterMs });
      }
    });
    const { telemetry, clock, items, calls } = setting;
    for (let n = 0; n < 1_700; n++) {
      telemetry.metric("m", n);
      await clock.advance(50);
    }
    await clock.until(telemetry.flush());
    expect(telemetry.stats).toMatchObject({ recorded: 1_700, sent: 1_700, lost: 0 });
    expect(items).toHaveLength(1_700);
    // Eight calls in flight, each at most eleven times.
    expect(calls() - 1_700).toBeLessThanOrEqual(8 * 10);
  });

  it(req("aureus.telemetry.outage", "a longer Retry-After is obeyed"), async () => {
    let failures = 1;
    const { telemetry, clock, calls } = setUp({}, () => {
      if (failures-- > 0) throw new RateLimitError("429", { retryAfterMs: 40_000 });
    });
    telemetry.metric("m", 1);
    const flushed = telemetry.flush();
    await clock.advance(39_999);
    expect(calls()).toBe(1);
    await clock.advance(1);
    await flushed;
    expect(telemetry.stats).toMatchObject({ sent: 1, retried: 1 });
  });

  it("a Retry-After beyond maxRetryAfterMs loses nothing: the server is asked after that time", async () => {
    let failures = 1;
    const { telemetry, clock, calls } = setUp({}, () => {
      if (failures-- > 0) throw new UpstreamError("503", { retryAfterMs: 3_600_000 });
    });
    telemetry.metric("m", 1);
    const flushed = telemetry.flush();
    await clock.advance(59_999);
    expect(calls()).toBe(1);
    await clock.advance(1);
    await flushed;
    expect(telemetry.stats).toMatchObject({ sent: 1, retried: 1, lost: 0 });
  });

  it("an error of a sink that is not one of this package is no refusal", async () => {
    let failures = 1;
    const { telemetry, clock } = setUp({}, () => {
      if (failures-- > 0) throw new Error("ECONNRESET");
    });
    telemetry.metric("m", 1);
    await clock.until(telemetry.flush());
    expect(telemetry.stats).toMatchObject({ sent: 1, retried: 1, lost: 0 });
  });
});

describe("exit", () => {
  const listeners = () => process.listeners("exit");

  it(req("aureus.telemetry.exit", "one listener, and only while items are pending"), async () => {
    const before = listeners();
    const all = Array.from({ length: 20 }, () => setUp().telemetry);
    expect(listeners()).toEqual(before);
    for (const telemetry of all) telemetry.metric("m", 1);
    expect(listeners()).toHaveLength(before.length + 1);
    for (const telemetry of all.slice(1)) await telemetry.flush();
    expect(listeners()).toHaveLength(before.length + 1);
    await all[0]!.close();
    expect(listeners()).toEqual(before);
  });

  it(req("aureus.telemetry.exit", "counts what is pending as lost, in one line"), async () => {
    const before = listeners();
    const { telemetry, losses, warnings } = setUp({ flushSize: 2 }, () => new Promise(() => {}));
    for (let n = 0; n < 3; n++) telemetry.metric("m", n);
    const [exit] = listeners().filter((listener) => !before.includes(listener));
    exit!(0);
    expect(warnings).toEqual([[expect.stringContaining("the process ended"), { lost: 3 }]]);
    expect(losses.map(({ reason }) => reason)).toEqual(["closed", "closed", "closed"]);
    expect(telemetry.stats).toMatchObject({ recorded: 3, lost: 3, pending: 0 });
    expect(listeners()).toEqual(before);
  });

  it(
    req("aureus.telemetry.exit", "a program without close() ends at once and says what it lost"),
    async () => {
      const source = join(import.meta.dirname, "..", "..", "src", "aureus", "index.ts");
      const program = `
      import { Telemetry } from ${JSON.stringify(source)};
      const never = () => new Promise(() => {});
      const telemetry = new Telemetry({ sink: { reportEvent: never, reportMetric: never, reportSpan: never } });
      telemetry.metric("m", 1);
      telemetry.event({ type: "custom", data: { apiKey: "sk-secret" } });
    `;
      const args = ["--import", "tsx", "--input-type=module", "-e", program];
      const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
      expect(stdout).toBe("");
      expect(stderr.trimEnd().split("\n")).toEqual([expect.stringMatching(/process ended.*\{ lost: 2 \}/)]);
    },
  );
});

it.each<[string, unknown]>([
  ["a Retry-After of two minutes", new UpstreamError("down", { status: 503, retryAfterMs: 120_000 })],
  ["a Retry-After of a day", new UpstreamError("down", { status: 503, retryAfterMs: 86_400_000 })],
  ["an error of a sink that is not of this package", new TypeError("fetch failed")],
])("nothing is lost for %s", async (_, failure) => {
  let calls = 0;
  const { clock, telemetry, items, losses } = setUp({}, () => {
    if (calls++ === 0) throw failure;
  });
  telemetry.metric("m", 1);
  await clock.until(telemetry.flush());
  expect([items.length, losses]).toEqual([1, []]);
});

it("a report is not sent again to a client that is closed", async () => {
  const { clock, telemetry, losses, calls } = setUp({}, () => {
    throw new ClosedError("the client is closed");
  });
  telemetry.metric("m", 1);
  await clock.until(telemetry.flush());
  expect([calls(), losses.length]).toEqual([1, 1]);
});
