/** Server-sent events, from bytes to messages. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SseDecoder } from "../../src/http/sse.js";
import { thrown } from "./server.ts";

interface Message {
  readonly data: string;
  readonly event?: string | undefined;
  readonly id?: string | undefined;
}

function decode(chunks: readonly Uint8Array[]): Message[] {
  const found: Message[] = [];
  const decoder = new SseDecoder({ onEvent: ({ data, event, id }) => void found.push({ data, event, id }) });
  for (const chunk of chunks) decoder.push(chunk);
  return found;
}

const decodeText = (...chunks: string[]): string[] =>
  decode(chunks.map((chunk) => new TextEncoder().encode(chunk))).map(({ data }) => data);

/** `bytes` cut at some positions, which may be the same. */
function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, at) => bytes.subarray(at === 0 ? 0 : ends[at - 1], end));
}

const line = fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n\0]/g, "·"));
const message = fc.record(
  { lines: fc.array(line, { minLength: 1, maxLength: 4 }), event: line, id: line, comment: line },
  { requiredKeys: ["lines"] },
);

describe("a stream of events", () => {
  it.each(["\n", "\r\n", "\r"])("is the same on every chunking, lines ending in %j", (end) => {
    fc.assert(
      fc.property(fc.array(message), fc.array(fc.nat()), fc.boolean(), (messages, cuts, hasMark) => {
        const text = messages.map(({ lines, event, id, comment }) =>
          [
            ...(comment === undefined ? [] : [`:${comment}`]),
            ...(event === undefined ? [] : [`event: ${event}`]),
            ...(id === undefined ? [] : [`id: ${id}`]),
            ...lines.map((one) => `data: ${one}`),
            "",
            "",
          ].join(end),
        );
        const bytes = new TextEncoder().encode((hasMark ? "\ufeff" : "") + text.join(""));
        const found = decode(split(bytes, cuts));
        expect(found.map(({ data }) => data)).toEqual(messages.map(({ lines }) => lines.join("\n")));
        expect(found.map(({ event }) => event || undefined)).toEqual(
          messages.map(({ event }) => event || undefined),
        );
        expect(decode([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(found);
      }),
      { numRuns: 60 },
    );
  });

  it("hands out an event as soon as its blank line has come", () => {
    expect(decodeText("data: a\n\n")).toEqual(["a"]);
    expect(decodeText("data: a\r\n\r\n")).toEqual(["a"]);
    expect(decodeText("data: a\r\r")).toEqual(["a"]);
    expect(decodeText("data: a\r", "\n\r", "\ndata: b\r", "\r", "\n")).toEqual(["a", "b"]);
  });

  it("has no event without data, and none that is unfinished", () => {
    expect(decodeText(": comment\n\nevent: x\n\nid: 1\n\n\n\ndata: a\ndata")).toEqual([]);
    expect(decodeText("data\n\ndata:\n\ndata: \n\ndata:  a\nfoo: b\n\n")).toEqual(["", "", "", " a"]);
  });

  it("with an event that is too large throws", () => {
    const decoder = new SseDecoder({ onEvent: () => {}, maxEventBytes: 100 });
    for (let i = 0; i < 20; i++) decoder.push(new TextEncoder().encode(`data: ${"x".repeat(50)}\n\n`));
    const error = thrown(() => decoder.push(new TextEncoder().encode(`data: ${"x".repeat(200)}`)));
    expect(error).toMatchObject({ name: "ProtocolError", code: "EVENT_TOO_LARGE" });
    expect(error.message).toContain("100 bytes");
  });
});
