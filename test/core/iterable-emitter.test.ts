import { getEventListeners } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { IterableEmitter } from "../../src/core/iterable-emitter.ts";
import type { Logger } from "../../src/core/logger.ts";

interface Events {
  job: { id: string };
  error: Error;
  done: undefined;
}

function withLog(): { emitter: IterableEmitter<Events>; logger: Logger } {
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  return { emitter: new IterableEmitter<Events>({ logger }), logger };
}

describe("IterableEmitter", () => {
  it("tells listeners too, and logs no error that is read", async () => {
    const { emitter, logger } = withLog();
    const listener = vi.fn();
    emitter.on("job", listener);
    const events = emitter.events();
    emitter.emit("job", { id: "1" });
    emitter.emit("error", new Error("read"));
    await events.return?.();
    expect(listener).toHaveBeenCalledWith({ id: "1" });
    expect(logger.error).not.toHaveBeenCalled();
    emitter.emit("error", new Error("lonely"));
    expect(logger.error).toHaveBeenCalledOnce();
  });

  it("gives everything from the call on, in order, and ends with end()", async () => {
    const { emitter } = withLog();
    emitter.emit("job", { id: "before" });
    const events = emitter.events();
    emitter.emit("job", { id: "1" });
    emitter.emit("done", undefined);
    emitter.end();
    emitter.emit("job", { id: "after" });
    const seen = [];
    for await (const event of events) seen.push(event);
    expect(seen).toEqual([
      { type: "job", data: { id: "1" } },
      { type: "done", data: undefined },
    ]);
  });

  it("hands an event to a reader that waits", async () => {
    const { emitter } = withLog();
    const events = emitter.events();
    const [first, second] = [events.next(), events.next()];
    emitter.emit("job", { id: "1" });
    emitter.end();
    expect(await first).toEqual({ done: false, value: { type: "job", data: { id: "1" } } });
    expect(await second).toEqual({ done: true, value: undefined });
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it("ends quietly when its signal fires and leaves no listener on it", async () => {
    const { emitter, logger } = withLog();
    const controller = new AbortController();
    const events = emitter.events({ signal: controller.signal });
    emitter.emit("job", { id: "buffered" });
    const reading = (async () => {
      for await (const event of events) {
        expect(event.type).toBe("job");
        controller.abort();
      }
      return "ended";
    })();
    expect(await reading).toBe("ended");
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    expect(await emitter.events({ signal: AbortSignal.abort() }).next()).toEqual({
      done: true,
      value: undefined,
    });
    emitter.emit("error", new Error("lonely"));
    expect(logger.error).toHaveBeenCalledOnce();
  });

  it("stops buffering when the reader leaves its loop", async () => {
    const { emitter, logger } = withLog();
    const { signal } = new AbortController();
    const events = emitter.events({ signal, capacity: 1 });
    emitter.emit("done", undefined);
    for await (const _ of events) break;
    emitter.emit("done", undefined);
    emitter.emit("done", undefined);
    expect(await events.next()).toEqual({ done: true, value: undefined });
    expect(logger.warn).not.toHaveBeenCalled();
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("keeps the newest when the reader is too slow, and warns once", async () => {
    const { emitter, logger } = withLog();
    const events = emitter.events({ capacity: 2 });
    for (const id of ["1", "2", "3", "4"]) emitter.emit("job", { id });
    emitter.end();
    const ids = [];
    for await (const event of events) if (event.type === "job") ids.push(event.data.id);
    expect(ids).toEqual(["3", "4"]);
    expect(logger.warn).toHaveBeenCalledOnce();
  });

  it("serves several readers alike", async () => {
    const { emitter } = withLog();
    const [a, b] = [emitter.events(), emitter.events()];
    emitter.emit("job", { id: "1" });
    expect((await a.next()).value).toEqual((await b.next()).value);
  });
});
