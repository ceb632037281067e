/** Server-sent events, from bytes to messages. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lastEventIdHeader, SseDecoder, type SseDecoderOptions } from "../../src/http/sse.js";
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

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const decodeText = (...chunks: string[]): string[] => decode(chunks.map(bytesOf)).map(({ data }) => data);

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

  it("has in each event its own fields alone", () => {
    const text =
      "event: x\n\ndata: 1\n\nevent: y\nid: 7\ndata: 2\n\nevent: z\nevent\nid: \0\n:id: 9\ndata: 3\n\nid: 8\nid: \0\ndata: 4\n\n";
    expect(decode([bytesOf(text)])).toEqual([
      { data: "1", event: undefined, id: undefined },
      { data: "2", event: "y", id: "7" },
      { data: "3", event: undefined, id: undefined },
      { data: "4", event: undefined, id: "8" },
    ]);
  });

  it.each([
    ["", "given"],
    ["id: 1\ndata: a\n", "given"],
    ["id: 1\n\n", "1"],
    ["id: 1\n\ndata: a\n\n", "1"],
    ["id: 1\n\nid\n\n", ""],
  ])("after %j has the last id %j", (text, id) => {
    const decoder = new SseDecoder({ onEvent: () => {}, lastEventId: "given" });
    decoder.push(bytesOf(text));
    expect(decoder.lastEventId).toBe(id);
    expect(new SseDecoder({ onEvent: () => {} }).lastEventId).toBe("");
  });

  it.each([
    ["retry: 10", 10],
    ["retry:0", 0],
    ["retry: 10x", undefined],
    ["retry: x10", undefined],
    ["retry", undefined],
    ["retries: 10", undefined],
  ])("with the line %j asks for a wait of %j ms", (text, ms) => {
    const decoder = new SseDecoder({ onEvent: () => {} });
    decoder.push(bytesOf(`${text}\n`));
    expect(decoder.retryMs).toBe(ms);
  });
});

it.each([
  ["", undefined],
  ["a\tb ~", "a\tb ~"],
  ["é€", "\u00c3\u00a9\u00e2\u0082\u00ac"],
  ["a\nb", undefined],
  ["a\x7f", undefined],
  ["x".repeat(1_024), "x".repeat(1_024)],
  ["x".repeat(1_025), undefined],
])("the header for the id %j is %j", (id, header) => {
  expect(lastEventIdHeader(id)).toBe(header);
});

describe("an event that is too large", () => {
  /** Takes events of up to 10 bytes, and pushes each text on its own. */
  function taking(texts: readonly string[], options: Partial<SseDecoderOptions> = {}): string[] {
    const found: string[] = [];
    const onEvent = ({ data }: { data: string }) => void found.push(data);
    const decoder = new SseDecoder({ onEvent, maxEventBytes: 10, ...options });
    for (const text of texts) decoder.push(bytesOf(text));
    return found;
  }

  it.each<[string, string[], string[]]>([
    ["a line", ["data: 123456789\n"], ["data: 1234567890\n"]],
    ["several lines", ["data: 123\ndata: 12345\n"], ["data: 123\ndata: 123456\n"]],
    ["an unfinished line", ["data", ": 1234"], ["data", ": 12345"]],
    ["an unfinished line after others", ["data: 1234\n", "data:"], ["data: 1234\n", "data: "]],
    ["lines that are no data", ["event: 12345678901\n:12345678901\n", "data: 1234"], ["event: 1234"]],
    ["events after one another", ["data: 123456789\n\n", "data: 123456789\n\n"], ["\n\n:1234567890"]],
  ])("is counted by its data and by its unfinished line: %s", (_, fitting, tooLarge) => {
    taking(fitting);
    const error = thrown(() => taking(tooLarge));
    expect(error).toMatchObject({ name: "ProtocolError", code: "EVENT_TOO_LARGE" });
    expect(error.message).toContain("10 bytes");
  });

  it("has at most 8 MiB by default", () => {
    const options = { maxEventBytes: undefined };
    const line = `data: ${"x".repeat(8_388_607)}`;
    expect(taking([`${line}\n\n`], options)).toHaveLength(1);
    expect(thrown(() => taking([`${line}x\n`], options)).message).toContain("8388608 bytes");
  });

  it.each<[string, string[], string]>([
    ["of an unfinished line", ["data: 1\ndata", ": 234567890"], "1\n234567890"],
    ["without a blank", ["data:1234567890"], "1234567890"],
    ["of a whole line", ["data: 1\ndata: 234567890\n"], "1\n234567890\n"],
    ["of another field", ["id: data: 1"], "id: data: 1"],
    ["of 64 Ki characters", [`data: ${"x".repeat(70_000)}`], "x".repeat(65_536)],
  ])("is offered by its beginning, once: %s", (_, texts, start) => {
    const starts: string[] = [];
    const onTooLarge = (text: string) => starts.push(text) > 0;
    expect(taking([...texts, "and more", "\ndata: 2\n\n", "data: 3\n\n"], { onTooLarge })).toEqual(["3"]);
    expect(starts).toEqual([start]);
    expect(thrown(() => taking(texts, { onTooLarge: () => false })).code).toBe("EVENT_TOO_LARGE");
  });

  it("ends with its blank line, also where that follows at once", () => {
    for (const texts of [
      ["data: 1234567890\n", "\n"],
      ["data: 1234567890", "\n\n"],
      ["data: 1234567890\n\n"],
    ])
      expect(taking([...texts, "data: 123456789\n\n"], { onTooLarge: () => true })).toEqual(["123456789"]);
  });

  it("is skipped up to 128 MiB, in one line or in many", () => {
    const pieces: [string, number][] = [
      ["x".repeat(1_048_576), 128 * 1_048_576],
      [`${"x".repeat(1_048_575)}\n`, 128 * 1_048_575],
    ];
    for (const [piece, skipped] of pieces) {
      const decoder = new SseDecoder({ onEvent: () => {}, maxEventBytes: 10, onTooLarge: () => true });
      decoder.push(bytesOf("data: 1234567890\n"));
      const bytes = bytesOf(piece);
      for (let i = 0; i < 127; i++) decoder.push(bytes);
      const left = 128 * 1_048_576 - 11 - (skipped / 128) * 127;
      decoder.push(bytesOf("x".repeat(left)));
      expect(thrown(() => decoder.push(bytesOf("x"))).code).toBe("EVENT_TOO_LARGE");
    }
  });
});
