import { getEventListeners } from "node:events";
import { describe, expect, it, vi } from "vitest";
import {
  abortError,
  asAbortError,
  linkSignals,
  raceSignal,
  throwIfAborted,
  withDeadline,
} from "../../src/core/abort.ts";
import { AbortedError, ClosedError, TimeoutError } from "../../src/core/errors.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { req } from "../requirements/index.ts";

const listeners = (signal: AbortSignal): number => getEventListeners(signal, "abort").length;

describe("abortError", () => {
  it("keeps our own reasons and wraps everybody else's", () => {
    for (const ours of [new TimeoutError("t"), new AbortedError("a"), new ClosedError("c")]) {
      expect(abortError(AbortSignal.abort(ours))).toBe(ours);
    }
    const theirs = new DOMException("late", "TimeoutError");
    const wrapped = abortError(AbortSignal.abort(theirs));
    expect(wrapped).toBeInstanceOf(TimeoutError);
    expect(wrapped.cause).toBe(theirs);
    const given = new Error("enough");
    const aborted = abortError(AbortSignal.abort(given));
    expect(aborted).toBeInstanceOf(AbortedError);
    expect(aborted.cause).toBe(given);
    expect(abortError(AbortSignal.abort()).cause).toMatchObject({ name: "AbortError" });
  });

  it("is thrown by throwIfAborted, and only after the signal fired", () => {
    throwIfAborted(undefined);
    throwIfAborted(new AbortController().signal);
    expect(() => throwIfAborted(AbortSignal.abort("x"))).toThrow(AbortedError);
  });
});

describe("asAbortError", () => {
  const foreign = (name: string): DOMException => new DOMException("cut", name);

  it("translates what libraries throw for an abort or a timeout", () => {
    expect(asAbortError(foreign("AbortError"))).toBeInstanceOf(AbortedError);
    expect(asAbortError(foreign("TimeoutError"))).toBeInstanceOf(TimeoutError);
    expect(asAbortError(foreign("TimeoutError"))).toMatchObject({ cause: { name: "TimeoutError" } });
  });

  it("prefers the reason of the signal that fired", () => {
    const over = new TimeoutError("over");
    expect(asAbortError(foreign("AbortError"), AbortSignal.abort(over))).toBe(over);
    const reason = { why: "because" };
    expect(asAbortError(reason, AbortSignal.abort(reason))).toMatchObject({ code: "aborted", cause: reason });
  });

  it("leaves everything else alone, also when the signal has fired", () => {
    const other = new RangeError("other");
    expect(asAbortError(other)).toBe(other);
    expect(asAbortError(other, AbortSignal.abort())).toBe(other);
    expect(asAbortError("text")).toBe("text");
    const ours = new AbortedError("ours");
    expect(asAbortError(ours)).toBe(ours);
  });
});

describe("linkSignals", () => {
  it("fires with the reason of whichever source fires first", () => {
    const [a, b] = [new AbortController(), new AbortController()];
    const link = linkSignals([a.signal, undefined, b.signal]);
    b.abort("b");
    a.abort("a");
    expect(link.signal.reason).toBe("b");
  });

  it("fires at once when a source has fired before, and listens to none", () => {
    const later = new AbortController();
    const link = linkSignals([later.signal, AbortSignal.abort("before")], {
      timeoutMs: 5,
      clock: new FakeClock(),
    });
    expect(link.signal.reason).toBe("before");
    expect(listeners(later.signal)).toBe(0);
  });

  it("fires with a TimeoutError that names what took so long", async () => {
    const clock = new FakeClock();
    const link = linkSignals([], { timeoutMs: 250, what: "register", clock });
    await clock.advance(249);
    expect(link.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(link.signal.reason).toBeInstanceOf(TimeoutError);
    expect((link.signal.reason as Error).message).toBe("[timeout] register took longer than 250 ms");
  });

  it("takes a limit of 0 as over, and Infinity or none as no limit", () => {
    const clock = new FakeClock();
    expect(linkSignals([], { timeoutMs: 0, clock }).signal.aborted).toBe(true);
    expect(linkSignals([], { timeoutMs: -1, clock }).signal.aborted).toBe(true);
    expect(linkSignals([], { timeoutMs: Infinity, clock }).signal.aborted).toBe(false);
    expect(linkSignals([], { clock }).signal.aborted).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it("can be fired by hand, and then keeps that reason", async () => {
    const clock = new FakeClock();
    const source = new AbortController();
    const link = linkSignals([source.signal], { timeoutMs: 10, clock });
    link.abort("mine");
    source.abort("theirs");
    await clock.advance(20);
    expect(link.signal.reason).toBe("mine");
    expect(clock.pending).toBe(0);
  });

  it(
    req("core.abort.listeners", "leaves no listener and no timer after 1,000 runs, however each ended"),
    async () => {
      const clock = new FakeClock();
      const caller = new AbortController();
      const owner = new AbortController();
      for (let run = 0; run < 1_000; run++) {
        const link = linkSignals([caller.signal, owner.signal], { timeoutMs: 1_000, clock });
        expect(listeners(caller.signal)).toBe(1);
        if (run % 3 === 0) link.abort("cut");
        link.dispose();
        link.dispose();
      }
      const timed = linkSignals([caller.signal, owner.signal], { timeoutMs: 1, clock });
      await clock.advance(1);
      expect(timed.signal.aborted).toBe(true);
      expect([listeners(caller.signal), listeners(owner.signal), clock.pending]).toEqual([0, 0, 0]);
    },
  );

  it("never fires on its own after dispose", async () => {
    const clock = new FakeClock();
    const source = new AbortController();
    const link = linkSignals([source.signal], { timeoutMs: 10, clock });
    link.dispose();
    source.abort();
    await clock.advance(20);
    expect(link.signal.aborted).toBe(false);
  });

  it("does not warn about many links to one signal", () => {
    const warning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const { signal } = new AbortController();
    const links = Array.from({ length: 200 }, () => linkSignals([signal]));
    expect(listeners(signal)).toBe(1);
    for (const link of links) link.dispose();
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
    await expect(raced).rejects.toMatchObject({ code: "aborted", cause: "stop" });
    fail(new Error("an unhandled rejection would fail this run"));
    await expect(raceSignal(Promise.reject(new Error("same")), AbortSignal.abort())).rejects.toThrow(
      AbortedError,
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
    await expect(cut).rejects.toMatchObject({ name: "AbortedError", cause: "by hand" });
    expect([listeners(caller.signal), clock.pending]).toEqual([0, 0]);
  });

  it("does not start the work when it is too late already", async () => {
    const work = vi.fn();
    await expect(withDeadline({ signal: AbortSignal.abort() }, work)).rejects.toThrow(AbortedError);
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
    await expect(cut).rejects.toMatchObject({ code: "aborted", cause: "now" });
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
