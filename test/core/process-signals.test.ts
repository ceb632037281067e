import { EventEmitter } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { onProcessSignal } from "../../src/core/process-signals.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Listens to the signals of a process of its own. */
function listen(): { readonly run: () => void; readonly off: () => void; readonly host: EventEmitter } {
  const [run, host] = [vi.fn(), new EventEmitter()];
  vi.stubGlobal("process", host);
  const off = onProcessSignal(run);
  vi.unstubAllGlobals();
  return { run, off, host };
}

describe("onProcessSignal", () => {
  it.each(["SIGTERM", "SIGINT"])("runs once for %s, and then leaves the signals alone", (signal) => {
    const { run, host } = listen();
    expect(host.eventNames()).toEqual(["SIGTERM", "SIGINT"]);
    host.emit(signal);
    expect(run).toHaveBeenCalledOnce();
    expect(host.eventNames()).toEqual([]);
  });

  it("leaves the signals alone when it is told to", () => {
    const { run, off, host } = listen();
    off();
    expect(host.eventNames()).toEqual([]);
    expect(run).not.toHaveBeenCalled();
  });

  it.each([undefined, {}, { once() {} }, { off() {} }])("does nothing where the process is %o", (host) => {
    vi.stubGlobal("process", host);
    const off = onProcessSignal(() => {});
    vi.unstubAllGlobals();
    expect(off).not.toThrow();
  });
});
