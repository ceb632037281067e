import { getEventListeners } from "node:events";
import { describe, expect, it, vi } from "vitest";
import {
  abortError,
  asAbortError,
  raceSignal,
  throwIfAborted,
  timeLimit,
  withDeadline,
  withTimeout,
} from "../../src/core/abort.ts";
import { sleep } from "../../src/core/clock.ts";
import { Cut } from "../../src/core/cut.ts";
import { AbortError, ClosedError, TimeoutError } from "../../src/core/errors.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { req } from "../requirements/index.ts";

const listeners = (signal: AbortSignal): number => getEventListeners(signal, "abort").length;

describe("abortError", () => {
  it("keeps our own reasons and wraps everybody else's", () => {
    for (const ours of [new TimeoutError("t"), new AbortError("a"), new ClosedError("c")]) {
      expect(abortError(AbortSignal.abort(ours))).toBe(ours);
    }
    const theirs = new RangeError("enough");
    const wrapped = abortError(AbortSignal.abort(theirs));
    expect(wrapped).toBeInstanceOf(AbortError);
    expect(wrapped.name).toBe("AbortError");
    expect(wrapped.cause).toBe(theirs);
    expect(abortError(AbortSignal.abort()).cause).toMatchObject({ name: "AbortError" });
  });

  it("is a TimeoutError for the reason that AbortSignal.timeout gives, also through a cut", () => {
    const late = new DOMException("late", "TimeoutError");
    const { signal } = new Cut([AbortSignal.abort(late)]);
    for (const fired of [AbortSignal.abort(late), signal]) {
      expect(abortError(fired)).toBeInstanceOf(TimeoutError);
      expect(abortError(fired).cause).toBe(late);
      expect(asAbortError(late, fired)).toBeInstanceOf(TimeoutError);
    }
    expect(abortError(AbortSignal.abort("TimeoutError"))).toBeInstanceOf(AbortError);
  });

  it("is thrown by throwIfAborted, and only after the signal fired", () => {
    throwIfAborted(undefined);
    throwIfAborted(new AbortController().signal);
    expect(() => throwIfAborted(AbortSignal.abort("x"))).toThrow(AbortError);
  });
});

describe("asAbortError", () => {
  const foreign = (name: string): DOMException => new DOMException("cut", name);

  it("translates what libraries throw for an abort or a timeout", () => {
    expect(asAbortError(foreign("AbortError"))).toBeInstanceOf(AbortError);
    expect(asAbortError(foreign("TimeoutError"))).toBeInstanceOf(TimeoutError);
    for (const name of ["AbortError", "TimeoutError"])
      expect(asAbortError(foreign(name))).toMatchObject({ name, cause: { name } });
  });

  it("prefers the reason of the signal that fired", () => {
    const over = new TimeoutError("over");
    for (const name of ["AbortError", "TimeoutError"])
      expect(asAbortError(foreign(name), AbortSignal.abort(over))).toBe(over);
    const reason = { why: "because" };
    expect(asAbortError(reason, AbortSignal.abort(reason))).toMatchObject({ code: "ABORTED", cause: reason });
  });

  it("leaves everything else alone, also when the signal has fired", () => {
    const other = new RangeError("other");
    expect(asAbortError(other)).toBe(other);
    expect(asAbortError(other, AbortSignal.abort())).toBe(other);
    expect(asAbortError("text")).toBe("text");
    const ours = new AbortError("ours");
    expect(asAbortError(ours)).toBe(ours);
  });
});

describe("Cut", () => {
  it("fires with the reason of whichever source fires first", () => {
    const [a, b] = [new AbortController(), new AbortController()];
    const cut = new Cut([a.signal, undefined, b.signal]);
    b.abort("b");
    a.abort("a");
    expect(cut.reason).toMatchObject({ name: "AbortError", cause: "b" });
    expect(cut.signal.reason).toBe(cut.reason);
  });

  it("fires at once when a source has fired before, and listens to none", () => {
    const later = new AbortController();
    const clock = new FakeClock();
    const limit = timeLimit({ timeoutMs: 5, clock });
    const cut = new Cut([later.signal, AbortSignal.abort("before")], limit);
    expect(cut.reason).toMatchObject({ name: "AbortError", cause: "before" });
    expect(new Cut([AbortSignal.abort("first"), later.signal, AbortSignal.abort()]).reason).toMatchObject({
      cause: "first",
    });
    expect(listeners(later.signal)).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("fires with a TimeoutError that names what took so long", async () => {
    const clock = new FakeClock();
    const cut = new Cut([], timeLimit({ timeoutMs: 250, what: "register", clock }));
    await clock.advance(249);
    expect(cut.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(cut.signal.reason).toBeInstanceOf(TimeoutError);
    expect((cut.signal.reason as Error).message).toBe("register took longer than 250 ms");
    expect(timeLimit({ timeoutMs: 5 }).late().message).toBe("the call took longer than 5 ms");
  });

  it("takes a limit of 0 as over, and Infinity or none as no limit", () => {
    const clock = new FakeClock();
    expect(new Cut([], timeLimit({ timeoutMs: 0, clock })).signal.aborted).toBe(true);
    expect(new Cut([], timeLimit({ timeoutMs: -1, clock })).signal.aborted).toBe(true);
    expect(new Cut([], timeLimit({ timeoutMs: Infinity, clock })).signal.aborted).toBe(false);
    expect(new Cut([], timeLimit({ clock })).signal.aborted).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it("can be fired by hand, and then keeps that reason", async () => {
    const clock = new FakeClock();
    const source = new AbortController();
    const cut = new Cut([source.signal], timeLimit({ timeoutMs: 10, clock }));
    const mine = new ClosedError("mine");
    cut.cut(mine);
    source.abort("theirs");
    await clock.advance(20);
    expect(cut.signal.reason).toBe(mine);
    expect(clock.pending).toBe(0);
  });

  it(
    req("core.abort.listeners", "leaves no listener and no timer after 1,000 runs, however each ended"),
    async () => {
      const clock = new FakeClock();
      const caller = new AbortController();
      const owner = new AbortController();
      for (let run = 0; run < 1_000; run++) {
        const cut = new Cut([caller.signal, owner.signal], timeLimit({ timeoutMs: 1_000, clock }));
        expect(listeners(caller.signal)).toBe(1);
        if (run % 3 === 0) cut.cut(new AbortError("cut"));
        cut.done();
        cut.done();
      }
      const timed = new Cut([caller.signal, owner.signal], timeLimit({ timeoutMs: 1, clock }));
      await clock.advance(1);
      expect(timed.signal.aborted).toBe(true);
      expect([listeners(caller.signal), listeners(owner.signal), clock.pending]).toEqual([0, 0, 0]);
    },
  );

  it("never fires on its own after it is done", async () => {
    const clock = new FakeClock();
    const source = new AbortController();
    const cut = new Cut([source.signal], timeLimit({ timeoutMs: 10, clock }));
    cut.done();
    source.abort();
    await clock.advance(20);
    const { signal } = cut;
    expect(signal.aborted).toBe(false);
    cut.cut(new AbortError("late"));
    expect(signal.aborted).toBe(true);
    expect(cut.signal).toBe(signal);
  });

  it("follows another cut until it is done", () => {
    const outer = new Cut([]);
    const [first, done] = [new Cut([undefined, outer]), new Cut([outer])];
    done.done();
    expect(first.reason).toBeUndefined();
    const reason = new ClosedError("closed");
    outer.cut(reason);
    outer.cut(new AbortError("later"));
    expect([first.reason, done.reason, new Cut([outer]).reason]).toEqual([reason, undefined, reason]);
    expect(first.reason).toBe(reason);
  });

  it("tells each listener once, in their order, unless it was taken off", () => {
    const cut = new Cut([]);
    const told: unknown[] = [];
    cut.on((reason) => told.push(1, reason));
    const off = cut.on(() => told.push("taken off"));
    cut.on(() => told.push(2));
    off();
    const reason = new ClosedError("closed");
    cut.cut(reason);
    cut.cut(new AbortError("later"));
    expect(told).toEqual([1, reason, 2]);
  });

  it("says how much is left of its limit", async () => {
    const clock = new FakeClock();
    await clock.advance(1_000);
    const limited = new Cut([], timeLimit({ timeoutMs: 10, clock }));
    expect(limited.remainingMs).toBe(10);
    await clock.advance(4);
    expect(limited.remainingMs).toBe(6);
    await clock.advance(10);
    expect(limited.remainingMs).toBe(0);
    expect(new Cut([], timeLimit({ clock })).remainingMs).toBeUndefined();
    expect(new Cut([]).remainingMs).toBeUndefined();
  });

  it("refuses what is not a signal, and then listens to nothing", () => {
    const { signal } = new AbortController();
    for (const bad of [{}, "signal", 5, null, { aborted: true }]) {
      const make = () => new Cut([signal, bad as AbortSignal]);
      expect(make).toThrow(expect.objectContaining({ code: "VALIDATION" }));
    }
    expect(listeners(signal)).toBe(0);
  });

  it("ends a race at once, with its reason, and forgets a race that is over", async () => {
    const cut = new Cut([]);
    expect(await cut.race(Promise.resolve("first"))).toBe("first");
    const reason = new ClosedError("closed");
    const raced = cut.race(new Promise(() => {}));
    cut.cut(reason);
    await expect(raced).rejects.toBe(reason);
    await expect(cut.race(Promise.resolve("late"))).rejects.toBe(reason);
  });

  it("does not warn about many cuts on one signal", () => {
    const warning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const { signal } = new AbortController();
    const cuts = Array.from({ length: 200 }, () => new Cut([signal]));
    expect(listeners(signal)).toBe(1);
    for (const cut of cuts) cut.done();
    expect(warning).not.toHaveBeenCalled();
    expect(listeners(signal)).toBe(0);
    warning.mockRestore();
  });
});

describe("raceSignal", () => {
  it("gives the promise's own outcome and removes its listener", async () => {
    const { signal } = new AbortController();
    await expect(raceSignal(Promise.resolve(1), signal)).resolves.toBe(1);
    await expect(raceSignal(Promise.reject(new RangeError("r")), signal)).rejects.toThrow(RangeError);
    await expect(raceSignal(Promise.resolve(2), undefined)).resolves.toBe(2);
    expect(listeners(signal)).toBe(0);
  });

  it("rejects at once when the signal fires and swallows what comes later", async () => {
    const controller = new AbortController();
    let fail: (error: Error) => void = () => {};
    const slow = new Promise((_, reject) => {
      fail = reject;
    });
    const raced = raceSignal(slow, controller.signal);
    controller.abort("stop");
    await expect(raced).rejects.toMatchObject({ code: "ABORTED", cause: "stop" });
    fail(new Error("an unhandled rejection would fail this run"));
    await expect(raceSignal(Promise.reject(new Error("same")), AbortSignal.abort())).rejects.toThrow(
      AbortError,
    );
  });
});

describe("withDeadline", () => {
  it(req("core.abort.reason", "tells our time limit from the caller's signal"), async () => {
    const clock = new FakeClock();
    const caller = new AbortController();
    const forever = (): Promise<never> => new Promise(() => {});
    const late = withDeadline({ timeoutMs: 50, clock, signal: caller.signal }, forever);
    late.catch(() => {});
    await clock.advance(50);
    await expect(late).rejects.toBeInstanceOf(TimeoutError);

    const cut = withDeadline({ timeoutMs: 50, clock, signal: caller.signal }, forever);
    caller.abort("by hand");
    await expect(cut).rejects.toMatchObject({ name: "AbortError", cause: "by hand" });
    expect([listeners(caller.signal), clock.pending]).toEqual([0, 0]);
  });

  it("does not start the work when it is too late already", async () => {
    const work = vi.fn();
    await expect(withDeadline({ signal: AbortSignal.abort() }, work)).rejects.toThrow(AbortError);
    await expect(withDeadline({ timeoutMs: 0 }, work)).rejects.toThrow(TimeoutError);
    expect(work).not.toHaveBeenCalled();
  });

  it("hands the work a signal and turns its foreign abort into our error", async () => {
    const caller = new AbortController();
    const work = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
      });
    const cut = withDeadline({ signal: caller.signal }, work);
    caller.abort("now");
    await expect(cut).rejects.toMatchObject({ code: "ABORTED", cause: "now" });
  });

  it("passes results and other errors through and cleans up", async () => {
    const clock = new FakeClock();
    const caller = new AbortController();
    const options = { timeoutMs: 50, clock, signal: caller.signal };
    await expect(withDeadline(options, async () => "fine")).resolves.toBe("fine");
    const thrown = new RangeError("own");
    const broken = (): Promise<never> => {
      throw thrown;
    };
    await expect(withDeadline(options, broken)).rejects.toBe(thrown);
    expect([listeners(caller.signal), clock.pending]).toEqual([0, 0]);
  });
});

describe("withTimeout", () => {
  it("ends the wait, and names what took too long", async () => {
    const clock = new FakeClock();
    const late = withTimeout("the handler", 50, clock, () => new Promise(() => {}));
    late.catch(() => {});
    await clock.advance(49);
    expect(clock.pending).toBe(1);
    await clock.advance(1);
    await expect(late).rejects.toMatchObject({
      name: "TimeoutError",
      message: expect.stringContaining("the handler took longer than 50 ms"),
    });
    expect(clock.pending).toBe(0);
  });

  it.each([0, -1, Infinity])("%i means no limit", async (timeoutMs) => {
    const clock = new FakeClock();
    const work = sleep(10 ** 9, { clock }).then(() => "done");
    const timed = withTimeout("it", timeoutMs, clock, () => work);
    await clock.settle();
    expect(clock.pending).toBe(1);
    await clock.advance(10 ** 9);
    expect(await timed).toBe("done");
  });

  it("gives what the work gives, and throws what it throws", async () => {
    const clock = new FakeClock();
    const own = new RangeError("own");
    expect(await withTimeout("it", 50, clock, () => 1)).toBe(1);
    const fail = () => {
      throw own;
    };
    await expect(withTimeout("it", 50, clock, fail)).rejects.toBe(own);
    expect(clock.pending).toBe(0);
  });
});
