import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { onAbort } from "../../src/core/on-abort.ts";

const listeners = (signal: AbortSignal): number => getEventListeners(signal, "abort").length;

describe("onAbort", () => {
  it("calls all that still listen, in order, behind one real listener", () => {
    const controller = new AbortController();
    const called: string[] = [];
    onAbort(controller.signal, () => called.push("a"));
    const off = onAbort(controller.signal, () => called.push("b"));
    onAbort(controller.signal, () => called.push("c"));
    expect(listeners(controller.signal)).toBe(1);
    off();
    off();
    controller.abort();
    expect(called).toEqual(["a", "c"]);
    expect(listeners(controller.signal)).toBe(0);
  });

  it("does not call one that another took off meanwhile", () => {
    const controller = new AbortController();
    const called: string[] = [];
    onAbort(controller.signal, () => {
      called.push("first");
      off();
    });
    const off = onAbort(controller.signal, () => called.push("second"));
    controller.abort();
    expect(called).toEqual(["first"]);
  });

  it("keeps the real listener as long as anybody listens, and takes newcomers after that", () => {
    const controller = new AbortController();
    const offs = Array.from({ length: 20 }, () => onAbort(controller.signal, () => {}));
    for (const off of offs.slice(1)) off();
    expect(listeners(controller.signal)).toBe(1);
    offs[0]!();
    expect(listeners(controller.signal)).toBe(0);
    let called = 0;
    onAbort(controller.signal, () => called++);
    offs[0]!();
    controller.abort();
    expect(called).toBe(1);
  });

  it("does nothing for a signal that has fired", () => {
    const signal = AbortSignal.abort();
    const off = onAbort(signal, () => expect.unreachable());
    expect(listeners(signal)).toBe(0);
    off();
  });
});
