import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { EventBuffer } from "../../src/core/event-buffer.ts";

describe("EventBuffer", () => {
  it("gives the newest entries in order and reports every one it dropped", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 8 }), fc.array(fc.nat()), async (capacity, items) => {
        const dropped: unknown[] = [];
        const buffer = new EventBuffer<number>({ capacity, onDrop: (item) => dropped.push(item) });
        for (const item of items) buffer.push(item);
        buffer.end();
        const read: number[] = [];
        for await (const item of buffer) read.push(item);
        expect([...dropped, ...read]).toEqual(items);
        expect(read).toHaveLength(Math.min(capacity, items.length));
      }),
    );
  });

  it.each([
    [undefined, 1_000],
    [0, 1],
    [-5, 1],
  ])("with a capacity of %s keeps %i", async (capacity, kept) => {
    const buffer = new EventBuffer<number>({ capacity });
    for (let item = 0; item <= kept; item++) buffer.push(item);
    buffer.end();
    expect((await buffer.next()).value).toBe(1);
    let read = 1;
    for await (const _ of buffer) read++;
    expect(read).toBe(kept);
  });

  it("is over from the start where its signal fired before", async () => {
    const onEnd = vi.fn();
    const buffer = new EventBuffer<number>({ signal: AbortSignal.abort(), onEnd });
    buffer.push(1);
    expect(await buffer.next()).toEqual({ done: true, value: undefined });
    expect(onEnd).not.toHaveBeenCalled();
  });

  it("tells its end once, and takes nothing after it", async () => {
    const onEnd = vi.fn();
    const buffer = new EventBuffer<number>({ onEnd });
    const waiting = buffer.next();
    buffer.end();
    buffer.end();
    buffer.push(1);
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await buffer.next()).toEqual({ done: true, value: undefined });
    expect(await buffer.return()).toEqual({ done: true, value: undefined });
    expect(onEnd).toHaveBeenCalledOnce();
  });
});
