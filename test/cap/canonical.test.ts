import {
  create,
  createFileRegistry,
  createRegistry,
  equals,
  fromBinary,
  type JsonValue,
  toBinary,
} from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BusPacketSchema,
  HandshakeSchema,
  HeartbeatSchema,
  type JobPriority,
  JobRequestSchema,
  RuleSchema,
} from "../../gen/cap/index.js";
import { decodeMessage } from "../../src/cap/wire/decode.js";
import { encodeCanonical } from "../../src/cap/wire/encode.js";
import { sortKeys } from "../../src/cap/wire/writer.js";
import { req } from "../requirements/index.ts";
import { runs } from "../runs.ts";
import { messageOf } from "./arbitrary.ts";
import { toBase64 } from "./vectors.ts";

const RUNS = 10_000;
const registry = createRegistry(BusPacketSchema);
const anyPacket = messageOf(BusPacketSchema, 4) as fc.Arbitrary<
  ReturnType<typeof create<typeof BusPacketSchema>>
>;

describe("random messages", () => {
  it(req("cap.canonical.roundtrip", "10,000 are read back equal by protobuf-es"), () => {
    fc.assert(
      fc.property(anyPacket, fc.constantFrom("spec", "upb"), (packet, mapOrder) => {
        const { bytes } = encodeCanonical(BusPacketSchema, packet, { mapOrder });
        expect(
          equals(BusPacketSchema, fromBinary(BusPacketSchema, bytes), packet, { registry, unknown: true }),
        ).toBe(true);
      }),
      { numRuns: runs(RUNS) },
    );
  });

  it("are decoded as protobuf-es decodes them, and say whether the map orders differ", () => {
    fc.assert(
      fc.property(anyPacket, fc.constantFrom("spec" as const, "upb" as const), (packet, mapOrder) => {
        const { bytes, ordersDiffer } = encodeCanonical(BusPacketSchema, packet, { mapOrder });
        const decoded = decodeMessage(BusPacketSchema, bytes);
        expect(decoded).toEqual(fromBinary(BusPacketSchema, bytes));
        const other = mapOrder === "spec" ? "upb" : "spec";
        const { bytes: otherBytes } = encodeCanonical(BusPacketSchema, decoded, { mapOrder: other });
        expect(toBase64(bytes) === toBase64(otherBytes)).toBe(!ordersDiffer);
      }),
      { numRuns: runs(3000) },
    );
  });

  it(req("cap.canonical.equivalent", "have one canonical form whatever order their maps came in"), () => {
    fc.assert(
      fc.property(anyPacket, (packet) => {
        const canonical = encodeCanonical(BusPacketSchema, packet).bytes;
        const loose = decodeMessage(BusPacketSchema, toBinary(BusPacketSchema, packet));
        const again = encodeCanonical(BusPacketSchema, loose).bytes;
        expect(toBase64(again)).toBe(toBase64(canonical));
      }),
      { numRuns: runs(3000) },
    );
  });

  it("have the same canonical form after a change that leaves the message the same", () => {
    const withLabels = fc.dictionary(fc.string({ minLength: 1, maxLength: 6 }), fc.string({ maxLength: 6 }), {
      minKeys: 2,
    });
    fc.assert(
      fc.property(withLabels, (labels) => {
        const request = create(JobRequestSchema, { jobId: "j", labels });
        const { bytes } = encodeCanonical(JobRequestSchema, request);
        const doubled = Uint8Array.of(...bytes, ...bytes);
        const decoded = decodeMessage(JobRequestSchema, doubled);
        expect(toBase64(encodeCanonical(JobRequestSchema, decoded).bytes)).toBe(toBase64(bytes));
      }),
    );
  });
});

describe("what is easy to get wrong", () => {
  const heartbeat = (init: object) =>
    toBase64(encodeCanonical(HeartbeatSchema, create(HeartbeatSchema, init)).bytes);
  const hex = (text: string) => Buffer.from(text, "hex").toString("base64");

  it(req("cap.canonical.bytes", "negative zero is written, zero is not"), () => {
    expect(heartbeat({ cpuLoad: 0 })).toBe("");
    expect(heartbeat({ cpuLoad: -0 })).toBe(hex("2500000080"));
    expect(heartbeat({ cpuLoad: 1 })).toBe(hex("250000803f"));
    expect(heartbeat({ activeJobs: -0 })).toBe(""); // whole numbers have one zero
    const budget = create(JobRequestSchema, {
      budget: { deadlineMs: 0 as never, maxInputTokens: -0 as never },
    });
    expect(toBase64(encodeCanonical(JobRequestSchema, budget).bytes)).toBe(hex("6200"));
  });

  it("negative numbers and enums take ten bytes", () => {
    expect(heartbeat({ activeJobs: -1 })).toBe(hex("30ffffffffffffffffff01"));
    const request = encodeCanonical(
      JobRequestSchema,
      create(JobRequestSchema, { priority: -2 as JobPriority }),
    );
    expect(toBase64(request.bytes)).toBe(hex("18feffffffffffffffff01"));
  });

  it("maps keep both halves of an entry, false and empty ones too", () => {
    const bytes = encodeCanonical(
      HandshakeSchema,
      create(HandshakeSchema, { capabilities: { "": false } }),
    ).bytes;
    expect(toBase64(bytes)).toBe(hex("22040a001000"));
  });

  it("a key called __proto__ survives both ways", () => {
    const labels = JSON.parse('{"__proto__":"1","a":"2"}') as Record<string, string>;
    const { bytes } = encodeCanonical(JobRequestSchema, create(JobRequestSchema, { labels }));
    const message = decodeMessage(JobRequestSchema, bytes);
    expect(Object.entries(message.labels)).toEqual([
      ["__proto__", "1"],
      ["a", "2"],
    ]);
    expect(Object.getPrototypeOf(message.labels)).toBe(Object.prototype);
  });

  it(
    req("cap.canonical.unknown", "unknown fields stay and move behind the known ones, at every level"),
    () => {
      const request = encodeCanonical(JobRequestSchema, create(JobRequestSchema, { jobId: "j" })).bytes;
      const unknown = Uint8Array.of(0xa2, 0x1f, 1, 7); // field 500
      const nested = Uint8Array.of(...unknown, ...request);
      const packet = Uint8Array.of(...unknown, 0x52, nested.length, ...nested, 0x0a, 1, 0x74);
      const decoded = decodeMessage(BusPacketSchema, packet);
      const expected = Uint8Array.of(0x0a, 1, 0x74, 0x52, nested.length, ...request, ...unknown, ...unknown);
      expect(toBase64(encodeCanonical(BusPacketSchema, decoded).bytes)).toBe(toBase64(expected));
    },
  );

  it.each([
    ["an int32 that is not whole", { activeJobs: 1.5 }, "active_jobs: must be a value of type int32, is 1.5"],
    ["an int32 out of range", { activeJobs: 2 ** 31 }, "active_jobs"],
    ["an int32 as text", { activeJobs: "5" }, "active_jobs: must be a value of type int32, is string"],
    ["an int32 as a bigint", { activeJobs: 5n }, "active_jobs: must be a value of type int32, is 5n"],
    ["an int32 as a boolean", { activeJobs: true }, "active_jobs: must be a value of type int32, is boolean"],
    ["a float out of range", { cpuLoad: 1e300 }, "cpu_load"],
    ["text with half a character", { pool: "a\ud83d" }, "pool: text has a lone surrogate"],
    ["a map key with half a character", { labels: { "\udc00": "" } }, "labels: text has a lone surrogate"],
    ["a map value of another type", { labels: { a: 1 } }, "labels: must be a value of type string, is 1"],
    [
      "a list item of another type",
      { capabilities: [null] },
      "capabilities: must be a value of type string, is null",
    ],
  ])(req("cap.canonical.values", "%s is refused by name"), (_, init, text) => {
    expect(() => heartbeat(init)).toThrow(text);
  });

  it.each([
    ["null", null, "budget: must be a message, is null"],
    ["a number", 5, "budget: must be a message, is 5"],
    ["a text", "secret", "budget: must be a message, is string"],
    [
      "another message",
      create(JobRequestSchema),
      "budget: must be a cordum.agent.v1.Budget message, is Object",
    ],
    ["an object that is no message", {}, "budget: must be a cordum.agent.v1.Budget message, is Object"],
  ])(req("cap.canonical.values", "%s in place of a message is refused by name"), (_, budget, text) => {
    const message = { ...create(JobRequestSchema), budget: budget as never };
    expect(() => encodeCanonical(JobRequestSchema, message)).toThrow(
      expect.objectContaining({ code: "INVALID_FIELD", message: text }),
    );
  });

  it.each([
    ["labels", new Map([["a", "b"]]), "labels: must be an object, is Map"],
    ["labels", 5, "labels: must be an object, is 5"],
    ["labels", "xy", "labels: must be an object, is string"],
    ["labels", null, "labels: must be an object, is null"],
    ["labels", ["a"], "labels: must be an object, is Array"],
    ["capabilities", "ab", "capabilities: must be a list, is string"],
    ["capabilities", null, "capabilities: must be a list, is null"],
    ["capabilities", new Set(["a"]), "capabilities: must be a list, is Set"],
  ])(req("cap.canonical.values", "loses nothing of what is no map or list: %s"), (name, value, text) => {
    const message = { ...create(HeartbeatSchema), [name]: value };
    expect(() => encodeCanonical(HeartbeatSchema, message)).toThrow(
      expect.objectContaining({ code: "INVALID_FIELD", message: text }),
    );
  });

  it("only a message of the type is written", () => {
    for (const [given, found] of [
      [undefined, "undefined"],
      [{}, "Object"],
      ["x", "string"],
      [create(JobRequestSchema), "Object"],
    ] as const)
      expect(() => encodeCanonical(BusPacketSchema, given as never)).toThrow(
        `must be a cordum.agent.v1.BusPacket message, is ${found}`,
      );
  });

  it("a getter that encodes another message changes nothing of this one", () => {
    const message = create(JobRequestSchema, { jobId: "outer", topic: "t", labels: { a: "1", ab: "2" } });
    const expected = encodeCanonical(JobRequestSchema, message, { mapOrder: "upb" });
    const inner = create(JobRequestSchema, { jobId: "inner" });
    const get = () => encodeCanonical(JobRequestSchema, inner) && "t";
    Object.defineProperty(message, "topic", { get });
    expect(encodeCanonical(JobRequestSchema, message, { mapOrder: "upb" })).toEqual(expected);
  });

  it("bytes are a Uint8Array and nothing like one", () => {
    for (const signature of [[1, 2], new ArrayBuffer(2), { length: 2 }, "AQI", null] as never[]) {
      const packet = { ...create(BusPacketSchema), signature };
      expect(() => encodeCanonical(BusPacketSchema, packet)).toThrow(
        "signature: must be a value of type bytes",
      );
    }
  });

  it("names the whole path of a nested value", () => {
    const packet = create(BusPacketSchema, {
      payload: { case: "jobRequest", value: { budget: { deadlineMs: 2n ** 63n } } },
    });
    expect(() => encodeCanonical(BusPacketSchema, packet)).toThrow(
      "job_request.budget.deadline_ms: must be a value of type int64",
    );
  });
});

describe("the messages of a fork", () => {
  const { STRING, INT32, MESSAGE } = FieldDescriptorProto_Type;
  const { OPTIONAL, REPEATED } = FieldDescriptorProto_Label;
  const one = (name: string, number: number, type: FieldDescriptorProto_Type = STRING) => ({
    name,
    number,
    type,
    label: OPTIONAL,
  });
  const entry = (type: FieldDescriptorProto_Type) => ({
    name: "MEntry",
    field: [one("key", 1, type), one("value", 2)],
    options: { mapEntry: true },
  });
  const map = (message: string) => ({
    ...{ name: "m", number: 1, type: MESSAGE, label: REPEATED, typeName: `.fork.${message}.MEntry` },
  });
  const file = create(FileDescriptorProtoSchema, {
    ...{ name: "fork.proto", package: "fork", syntax: "proto3" },
    messageType: [
      { name: "Declared", field: [one("late", 3), one("early", 1), one("middle", 2, INT32)] },
      { name: "Texts", field: [map("Texts")], nestedType: [entry(STRING)] },
      { name: "Numbers", field: [map("Numbers")], nestedType: [entry(INT32)] },
    ],
  });
  const fork = createFileRegistry(file, () => undefined);
  const bytesOf = (name: string, init: Record<string, unknown>) => {
    const schema = fork.getMessage(`fork.${name}`)!;
    return encodeCanonical(schema, create(schema, init)).bytes;
  };

  it("are written in the order of their numbers, whatever order they are declared in", () => {
    const bytes = bytesOf("Declared", { late: "c", middle: 2, early: "a" });
    expect([...bytes]).toEqual([0x0a, 1, 0x61, 0x10, 2, 0x1a, 1, 0x63]);
  });

  it("have maps with text keys only", () => {
    expect([...bytesOf("Texts", { m: { a: "b" } })]).toEqual([0x0a, 6, 0x0a, 1, 0x61, 0x12, 1, 0x62]);
    expect(() => bytesOf("Numbers", { m: { 1: "b" } })).toThrow("only maps with string keys");
  });
});

describe("map order", () => {
  const key = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("", "a", "ab", "\uD7FF", "\uFFFD", "😀", "\uE000"),
  );

  it("is the order of the UTF-8 bytes", () => {
    fc.assert(
      fc.property(fc.uniqueArray(key, { maxLength: 40 }), (keys) => {
        const byBytes = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(sortKeys([...keys], "spec")).toEqual(byBytes);
      }),
      { numRuns: runs(2000) },
    );
    expect(sortKeys(["1", "abc", "", "10", "a", "b", "ab"], "upb")).toEqual([
      "10",
      "1",
      "abc",
      "ab",
      "a",
      "b",
      "",
    ]);
  });
});

describe("google.protobuf.Struct", () => {
  it(
    req("cap.canonical.messages", "goes there and back as JSON, and is written as protobuf-es writes it"),
    () => {
      const json = fc.dictionary(
        fc.string(),
        fc.jsonValue({ noUnicodeString: false }) as fc.Arbitrary<JsonValue>,
      );
      fc.assert(
        fc.property(json, (match) => {
          const rule = create(RuleSchema, { id: "r", match });
          const { bytes } = encodeCanonical(RuleSchema, rule);
          expect(equals(RuleSchema, fromBinary(RuleSchema, bytes), rule)).toBe(true);
          expect(decodeMessage(RuleSchema, bytes)).toEqual(fromBinary(RuleSchema, bytes));
        }),
        { numRuns: runs(1000) },
      );
    },
  );

  it("refuses what is no JSON", () => {
    const rule = create(RuleSchema, { id: "r" });
    rule.match = { a: [1n as never] };
    expect(() => encodeCanonical(RuleSchema, rule)).toThrow("match: must be JSON, holds a bigint");
  });
});
