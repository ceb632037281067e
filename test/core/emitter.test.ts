import { getEventListeners } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { Emitter } from "../../src/core/emitter.ts";
import type { Logger } from "../../src/core/logger.ts";
import { req } from "../requirements/index.ts";

interface Events {
  job: { id: string };
  error: Error;
  done: undefined;
}

function withLog(): { emitter: Emitter<Events>; logger: Logger } {
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  return { emitter: new Emitter<Events>({ logger }), logger };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("Emitter", () => {
  it("tells every listener in the order in which they came, until each is off", () => {
    const { emitter } = withLog();
    const seen: string[] = [];
    const off = emitter.on("job", ({ id }) => seen.push(`a ${id}`));
    emitter.on("job", ({ id }) => seen.push(`b ${id}`));
    emitter.emit("job", { id: "1" });
    off();
    off();
    emitter.emit("job", { id: "2" });
    emitter.emit("done", undefined);
    expect(seen).toEqual(["a 1", "b 1", "b 2"]);
    expect([emitter.listenerCount("job"), emitter.listenerCount("done")]).toEqual([1, 0]);
  });

  it("calls a listener as often as it was registered, each with an off of its own", () => {
    const { emitter } = withLog();
    const listener = vi.fn();
    const off = emitter.on("job", listener);
    emitter.on("job", listener);
    off();
    emitter.emit("job", { id: "1" });
    expect(listener).toHaveBeenCalledOnce();
  });

  it("calls a once listener once, even when it emits again itself", () => {
    const { emitter } = withLog();
    const seen: string[] = [];
    emitter.once("job", ({ id }) => {
      seen.push(id);
      emitter.emit("job", { id: "again" });
    });
    const off = emitter.once("job", () => expect.unreachable());
    off();
    emitter.emit("job", { id: "1" });
    expect(seen).toEqual(["1"]);
  });

  it("tells a listener that is taken off by another during the same event", () => {
    const { emitter } = withLog();
    const second = vi.fn();
    emitter.on("job", () => off());
    const off = emitter.on("job", second);
    emitter.emit("job", { id: "1" });
    emitter.emit("job", { id: "2" });
    expect(second).toHaveBeenCalledOnce();
  });

  it(
    req("core.emitter.listener", "logs what a listener throws or rejects with and tells the others"),
    async () => {
      const { emitter, logger } = withLog();
      const after = vi.fn();
      emitter.on("job", () => {
        throw new Error("thrown");
      });
      emitter.on("job", (() => Promise.reject(new Error("rejected"))) as () => void);
      emitter.on("job", after);
      emitter.emit("job", { id: "1" });
      await settled();
      expect(after).toHaveBeenCalledOnce();
      const causes = vi.mocked(logger.error).mock.calls.map(([, fields]) => fields);
      expect(causes).toMatchObject([
        { event: "job", error: { message: "thrown" } },
        { event: "job", error: { message: "rejected" } },
      ]);
    },
  );

  it("logs an error that nobody listens to, and only then", async () => {
    const { emitter, logger } = withLog();
    emitter.emit("error", new Error("lonely"));
    expect(vi.mocked(logger.error).mock.calls).toMatchObject([
      [expect.any(String), { error: { message: "lonely" } }],
    ]);
    const off = emitter.on("error", () => {});
    emitter.emit("error", new Error("heard"));
    off();
    const events = emitter.events();
    emitter.emit("error", new Error("read"));
    await events.return?.();
    expect(logger.error).toHaveBeenCalledOnce();
  });
});

describe("Emitter.events", () => {
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
    const { emitter } = withLog();
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
