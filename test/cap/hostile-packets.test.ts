/** Packets made to be expensive or to be read in two ways. */
import { describe, expect, it } from "vitest";
import { BusPacketSchema, JobRequestSchema, RuleSchema } from "../../gen/cap/index.js";
import { MalformedPacketError } from "../../src/cap/index.js";
import { decodePacket, encodePacket } from "../../src/cap/packet.js";
import { decodeMessage } from "../../src/cap/wire/decode.js";
import { encodeCanonical } from "../../src/cap/wire/encode.js";
import { req } from "../requirements/index.ts";
import { toBase64 } from "./vectors.ts";

const MANY = 8 * 1024 * 1024 - 16;

/** `bytes` over and over again, up to about `size`. */
function repeated(bytes: readonly number[], size = MANY): Uint8Array {
  const all = new Uint8Array(size - (size % bytes.length));
  for (let i = 0; i < all.length; i++) all[i] = bytes[i % bytes.length]!;
  return all;
}

/** A length-delimited field around `content`. */
function field(number: number, content: Uint8Array): Uint8Array {
  const head: number[] = [];
  for (const value of [(number << 3) | 2, content.length]) {
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) head.push((rest % 128) | 0x80);
    head.push(rest);
  }
  const bytes = new Uint8Array(head.length + content.length);
  bytes.set(head);
  bytes.set(content, head.length);
  return bytes;
}

const text = (value: string) => new TextEncoder().encode(value);
const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

describe("8 MiB of one kind of field", () => {
  it.each([
    ["unknown fields", repeated([0xc0, 0x3e, 0])],
    ["unknown fields in the payload", field(10, repeated([0xc0, 0x3e, 0]))],
    [
      "unknown fields in a group",
      join(Uint8Array.of(0xc3, 0x3e), repeated([0xc0, 0x3e, 0], 300_000), Uint8Array.of(0xc4, 0x3e)),
    ],
    ["known fields of another wire type", repeated([0x08, 0])],
    ["empty sub-messages in a list", field(11, repeated([0x6a, 0]))],
    ["empty texts in a list", field(11, repeated([0x42, 0]))],
    ["empty map entries", field(10, repeated([0x7a, 0]))],
    ["numbers in a packed list", field(17, field(3, repeated([1])))],
    ["numbers in a list that is not packed", field(17, repeated([0x18, 1]))],
    ["one sub-message over and over", repeated([0x1a, 0])],
  ])(req("cap.packet.bounds", "%s is refused before anything is made of it"), (_, bytes) => {
    expect(() => decodePacket(bytes)).toThrow("more than 65536 fields");
    expect(() => decodePacket(bytes)).toThrow(MalformedPacketError);
  });

  it("is taken when it is one text, or as many fields as a packet may have", () => {
    const request = field(10, join(field(1, new Uint8Array(1 << 20).fill(0x61))));
    const long = decodePacket(request).payload;
    expect(long.case === "jobRequest" && long.value.jobId.length).toBe(1 << 20);
    const texts = (count: number) => field(11, repeated([0x42, 0], 2 * count)); // and the field around them
    const many = decodePacket(texts(65_535)).payload;
    expect(many.case === "jobResult" && many.value.artifactPtrs.length).toBe(65_535);
    expect(() => decodePacket(texts(65_536))).toThrow("more than 65536 fields");
  });
});

describe("a length", () => {
  const traceId = (...length: number[]) => join(Uint8Array.of(0x0a, ...length), text("t"));

  it.each([
    ["of five bytes with the value 1", [0x81, 0x80, 0x80, 0x80, 0], "t"],
    ["of five bytes with bits beyond the 32nd", [0x81, 0x80, 0x80, 0x80, 0x10], "a length is too large"],
    [
      "of five bytes, the last one just too large",
      [0x81, 0x80, 0x80, 0x80, 0x0f],
      "in the middle of a field",
    ],
    ["of six bytes with the value 1", [0x81, 0x80, 0x80, 0x80, 0x80, 0], "a length is too large"],
    ["of ten bytes with the value 1", [0x81, ...new Array<number>(8).fill(0x80), 0], "a length is too large"],
  ])(req("cap.packet.bounds", "%s is read as one, or refused"), (_, length, expected) => {
    if (expected === "t") expect(decodePacket(traceId(...length)).traceId).toBe("t");
    else expect(() => decodePacket(traceId(...length))).toThrow(expected);
  });

  it("that ends a packed list in the middle of a number is refused", () => {
    const list = (content: number[], ...behind: number[]) =>
      field(17, join(field(3, Uint8Array.of(...content)), Uint8Array.of(...behind)));
    expect(() => decodePacket(list([1, 0x80], 1))).toThrow("a packed list ends in the middle of a number");
    expect(() => decodePacket(list([1, 0x80]))).toThrow(MalformedPacketError);
    const packed = decodePacket(list([1, 2])).payload;
    expect(packed.case).toBeDefined();
    expect(decodePacket(field(17, Uint8Array.of(0x18, 1, 0x18, 2))).payload).toEqual(packed);
  });
});

describe("a map entry", () => {
  it("whose key reaches beyond it is refused", () => {
    const entry = field(15, Uint8Array.of(0x0a, 2, 0x61)); // a key of two bytes, of which the entry has one
    const bytes = join(entry, Uint8Array.of(0x62));
    expect(() => decodeMessage(JobRequestSchema, bytes)).toThrow("a map entry reaches beyond its end");
  });
});

describe("a message nested too deep", () => {
  it(req("cap.packet.bounds", "is refused, of groups and of sub-messages"), () => {
    const groups = (levels: number) =>
      Uint8Array.of(...new Uint8Array(levels).fill(0x0b), ...new Uint8Array(levels).fill(0x0c));
    expect(decodePacket(groups(99)).$unknown).toHaveLength(1);
    expect(() => decodePacket(groups(100))).toThrow("recursion depth");
    // job_request { labels { groups } }
    const inEntry = (levels: number) => field(10, field(15, groups(levels)));
    expect(decodePacket(inEntry(98)).payload.value).toMatchObject({ $unknown: [{ no: 15 }] });
    expect(() => decodePacket(inEntry(99))).toThrow("recursion depth");
    // rule.match { fields { value { struct_value { fields … } } } }
    let struct = new Uint8Array(0);
    const wrap = () => new Uint8Array(field(1, field(2, field(5, struct))));
    for (let i = 0; i < 48; i++) struct = wrap();
    expect(decodeMessage(RuleSchema, field(8, struct)).match).toBeDefined();
    for (let i = 0; i < 3; i++) struct = wrap();
    expect(() => decodeMessage(RuleSchema, field(8, struct))).toThrow("more than 100 levels");
  });
});

describe("a record that is not what its field says", () => {
  const decoded = (bytes: Uint8Array) => decodeMessage(BusPacketSchema, bytes);

  it(req("cap.canonical.unknown", "of another wire type is kept as an unknown field, at every level"), () => {
    // job_request { job_id: 7 (varint), topic: "t", meta { capability: 1 (varint), tenant_id: "x" } }, trace_id: 5
    const meta = field(16, join(Uint8Array.of(0x28, 1), field(1, text("x"))));
    const bytes = join(
      field(10, join(Uint8Array.of(0x08, 7), field(2, text("t")), meta)),
      Uint8Array.of(0x08, 5),
    );
    const message = decoded(bytes);
    expect(message.traceId).toBe("");
    expect(message.$unknown).toEqual([{ no: 1, wireType: 0, data: Uint8Array.of(5) }]);
    expect(message.payload.value).toMatchObject({
      jobId: "",
      topic: "t",
      $unknown: [{ no: 1, wireType: 0, data: Uint8Array.of(7) }],
      meta: { tenantId: "x", $unknown: [{ no: 5, wireType: 0, data: Uint8Array.of(1) }] },
    });
    const again = field(16, join(field(1, text("x")), Uint8Array.of(0x28, 1)));
    const request = field(10, join(field(2, text("t")), again, Uint8Array.of(0x08, 7)));
    expect(toBase64(encodePacket(message))).toBe(toBase64(join(request, Uint8Array.of(0x08, 5))));
  });

  it("in parts is merged, and the last member of a oneof wins", () => {
    const strange = Uint8Array.of(0x08, 5);
    const request = (content: Uint8Array) => field(10, content);
    const parts = join(strange, request(field(1, text("j"))), request(field(2, text("t"))));
    expect(decoded(parts).payload).toMatchObject({
      case: "jobRequest",
      value: { jobId: "j", topic: "t" },
    });
    const other = join(
      request(field(1, text("a"))),
      field(16, field(1, text("c"))),
      request(field(2, text("t"))),
    );
    expect(decoded(join(strange, other)).payload).toMatchObject({ value: { jobId: "", topic: "t" } });
    expect(decoded(other).payload).toMatchObject({ value: { jobId: "", topic: "t" } });
    const member = (key: string) => field(1, join(field(1, text(key)), field(2, field(3, text("v")))));
    const rule = join(field(8, member("a")), field(8, member("b")));
    expect(decodeMessage(RuleSchema, rule).match).toEqual({ a: "v", b: "v" });
  });

  it("of a map entry with unknown fields in it is kept whole, and not put into the map", () => {
    const entry = join(field(1, text("k")), field(2, text("v")), Uint8Array.of(0x18, 1));
    const good = field(15, join(field(1, text("a")), field(2, text("b"))));
    const message = decodeMessage(JobRequestSchema, join(field(15, entry), good));
    expect(message.labels).toEqual({ a: "b" });
    expect(message.$unknown).toEqual([{ no: 15, wireType: 2, data: Uint8Array.of(entry.length, ...entry) }]);
    expect(toBase64(encodeCanonical(JobRequestSchema, message).bytes)).toBe(
      toBase64(join(good, field(15, entry))),
    );
  });
});
