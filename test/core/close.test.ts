import { describe, expect, it, vi } from "vitest";
import { sleep } from "../../src/core/clock.ts";
import { type CloseStages, StagedClose } from "../../src/core/close.ts";
import { ClosedError } from "../../src/core/errors.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { req } from "../requirements/index.ts";

/** Stages that write down when each ran; drain and abort as given. */
function stages(clock: FakeClock, own: CloseStages = {}): { log: string[]; stages: CloseStages } {
  const log: string[] = [];
  const noting = (name: keyof CloseStages) => (reason: ClosedError) => {
    log.push(`${name} @${clock.monotonic()}`);
    return own[name]?.(reason);
  };
  return {
    log,
    stages: {
      stopIntake: noting("stopIntake") as () => void,
      drain: noting("drain") as () => void,
      abort: noting("abort"),
      force: noting("force") as () => void,
    },
  };
}

const never = (): Promise<void> => new Promise(() => {});

describe("StagedClose", () => {
  it("skips the abort when the work ends in time", async () => {
    const clock = new FakeClock();
    const { log, stages: all } = stages(clock, { drain: () => sleep(400, { clock }) });
    const closer = new StagedClose(all, { graceMs: 500, clock });
    expect(closer.state).toBe("open");
    closer.throwIfClosed();
    const closed = closer.close();
    expect(closer.state).toBe("draining");
    await clock.until(closed);
    expect(log).toEqual(["stopIntake @0", "drain @0", "force @400"]);
    expect([closer.state, clock.pending]).toEqual(["closed", 0]);
  });

  it(req("core.close.stages", "aborts what is left after the grace time and then lets go"), async () => {
    const clock = new FakeClock();
    let cut: () => void = () => {};
    const { log, stages: all } = stages(clock, {
      drain: () =>
        new Promise((resolve) => {
          cut = resolve;
        }),
      abort: (reason) => {
        expect(reason).toBeInstanceOf(ClosedError);
        expect(reason.message).toBe("worker w1 is closed");
        clock.setTimeout(cut, 30);
      },
    });
    const closer = new StagedClose(all, { graceMs: 500, abortMs: 100, what: "worker w1", clock });
    const closed = closer.close();
    await clock.advance(500);
    expect(closer.state).toBe("aborting");
    await clock.until(closed);
    expect(log).toEqual(["stopIntake @0", "drain @0", "abort @500", "force @530"]);
    expect(clock.pending).toBe(0);
  });

  it("comes to an end although every stage hangs", async () => {
    const clock = new FakeClock();
    const hanging = { stopIntake: never, drain: never, abort: never, force: never };
    const { log, stages: all } = stages(clock, hanging);
    await clock.until(new StagedClose(all, { graceMs: 500, abortMs: 100, clock }).close());
    expect(log).toEqual(["stopIntake @0", "abort @500", "force @600"]);
    expect([clock.monotonic(), clock.pending]).toEqual([700, 0]);
  });

  it("has limits of its own when none are given", async () => {
    const clock = new FakeClock();
    await clock.until(new StagedClose({ drain: never, force: never }, { clock }).close());
    expect(clock.monotonic()).toBe(10_000 + 1_000 + 1_000);
  });

  it("logs a stage that fails and goes on with the next", async () => {
    const clock = new FakeClock();
    const fail = (): never => {
      throw new Error("stage");
    };
    const warn = vi.fn();
    const logger = { debug: vi.fn(), info: vi.fn(), warn, error: vi.fn() };
    const { log, stages: all } = stages(clock, { stopIntake: fail, drain: async () => fail(), force: fail });
    await clock.until(new StagedClose(all, { clock, logger }).close());
    expect(log).toEqual(["stopIntake @0", "drain @0", "force @0"]);
    expect(warn.mock.calls.map(([, fields]) => fields.stage)).toEqual(["stopIntake", "drain", "force"]);
  });

  it(req("core.close.once", "runs once and gives every caller the same promise"), async () => {
    const clock = new FakeClock();
    const { log, stages: all } = stages(clock, { drain: () => sleep(10, { clock }) });
    const closer = new StagedClose(all, { clock });
    const first = closer.close();
    expect(closer.close()).toBe(first);
    await clock.until(first);
    expect(closer.close()).toBe(first);
    expect(log).toHaveLength(3);
    expect(() => closer.throwIfClosed()).toThrow(ClosedError);
  });

  it("may be closed again from inside a stage", async () => {
    const clock = new FakeClock();
    const { log, stages: all } = stages(clock, { stopIntake: () => void closer.close() });
    const closer = new StagedClose(all, { clock });
    await clock.until(closer.close());
    expect(log).toEqual(["stopIntake @0", "drain @0", "force @0"]);
  });

  it("lets a later call shorten the grace time, but not lengthen it", async () => {
    const clock = new FakeClock();
    const { log, stages: all } = stages(clock, { drain: never });
    const closer = new StagedClose(all, { graceMs: 1_000, abortMs: 0, clock });
    const closed = closer.close();
    void closer.close({ graceMs: 5_000 });
    await clock.advance(100);
    void closer.close({ graceMs: 200 });
    await clock.until(closed);
    expect(log).toContain("abort @300");
    void closer.close({ graceMs: 1 });
    expect(clock.pending).toBe(0);
  });

  it("is not put off by a later call with a longer grace time", async () => {
    const clock = new FakeClock();
    const { log, stages: all } = stages(clock, { drain: never });
    const closer = new StagedClose(all, { graceMs: 1_000, abortMs: 0, clock });
    const closed = closer.close();
    await clock.advance(100);
    void closer.close({ graceMs: 5_000 });
    void closer.close({ graceMs: Infinity });
    await clock.until(closed);
    expect(log).toContain("abort @1000");
  });

  it("sets no timer any more once the work has ended", async () => {
    const clock = new FakeClock();
    const closer = new StagedClose({ drain: () => sleep(10, { clock }) }, { graceMs: 1_000, clock });
    await clock.until(closer.close());
    await closer.close({ graceMs: 1 });
    expect([clock.pending, clock.monotonic()]).toEqual([0, 10]);
  });

  it("aborts at once without a grace time and waits without end for Infinity", async () => {
    const clock = new FakeClock();
    const eager = stages(clock, { drain: never });
    const hasty = new StagedClose(eager.stages, { clock, abortMs: 5 });
    const closed = hasty.close({ graceMs: 0 });
    await clock.settle();
    expect([hasty.state, clock.monotonic()]).toEqual(["aborting", 0]);
    expect(eager.log).toContain("abort @0");
    await clock.until(closed);

    const patient = new StagedClose({ drain: never }, { graceMs: Infinity, clock });
    void patient.close();
    await clock.advance(1e9);
    expect([patient.state, clock.pending]).toEqual(["draining", 0]);
  });

  it("says what is aborted after the grace time", async () => {
    const clock = new FakeClock();
    const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    const closer = new StagedClose(
      { drain: () => sleep(20, { clock }) },
      { what: "w1", graceMs: 10, clock, logger },
    );
    await clock.until(closer.close());
    expect(logger.info.mock.calls).toEqual([[expect.stringContaining("aborted"), { what: "w1" }]]);
    expect(logger.warn).not.toHaveBeenCalled();
  });

  it("has nothing to do without stages", async () => {
    const clock = new FakeClock();
    await clock.until(new StagedClose({}, { clock }).close());
    expect(clock.monotonic()).toBe(0);
  });
});
