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

  it("logs unhandled error event, and only then", () => {
    const { emitter, logger } = withLog();
    emitter.emit("error", new Error("lonely"));
    expect(vi.mocked(logger.error).mock.calls).toMatchObject([
      [expect.any(String), { error: { message: "lonely" } }],
    ]);
    const off = emitter.on("error", () => {});
    emitter.emit("error", new Error("heard"));
    off();
    expect(logger.error).toHaveBeenCalledOnce();
    emitter.emit("error", new Error("lonely again"));
    expect(logger.error).toHaveBeenCalledTimes(2);
  });
});
