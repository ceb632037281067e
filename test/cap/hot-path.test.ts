/** What the messages of every job go through must give what the general way gives. */
import type { DescFile } from "@bufbuild/protobuf";
import { create, createFileRegistry, createRegistry } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BusPacket } from "../../gen/cap/index.js";
import * as gen from "../../gen/cap/index.js";
import { BusPacketSchema, JobResultSchema, protocol } from "../../gen/cap/index.js";
import { decodeMessage } from "../../src/cap/wire/decode.js";
import { encodeCanonical } from "../../src/cap/wire/encode.js";
import { planOf } from "../../src/cap/wire/plan.js";
import { messageOf } from "./arbitrary.ts";
import { toBase64 } from "./vectors.ts";

function isFile(value: unknown): value is DescFile {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "file";
}

describe("blank messages from literals", () => {
  const types = createRegistry(...Object.values(gen).filter(isFile), TimestampSchema);
  it.each(Object.entries(protocol.blanks))(
    "are those of protobuf-es, property by property: %s",
    (name, blank) => {
      const desc = types.getMessage(name)!;
      expect(blank()).toEqual(create(desc));
      expect(Object.keys(blank())).toEqual(Object.keys(create(desc)));
      expect(planOf(desc).blank).toBe(blank);
    },
  );

  it("share nothing that could be written to", () => {
    const make = protocol.blanks["cordum.agent.v1.JobRequest"];
    const [first, second] = [make(), make()];
    first.labels.a = "1";
    expect(second.labels).toEqual({});
    const makeResult = protocol.blanks["cordum.agent.v1.JobResult"];
    const results = [makeResult(), makeResult()];
    results[0]!.artifactPtrs.push("x");
    expect(results[1]!.artifactPtrs).toEqual([]);
  });

  it("are not used for a type of the same name that has more fields", () => {
    const file = create(FileDescriptorProtoSchema, {
      name: "later.proto",
      package: "cordum.agent.v1",
      syntax: "proto3",
      messageType: [
        {
          name: "Budget",
          field: [
            { name: "notes", jsonName: "notes", number: 1, type: 9, label: 3 },
            { name: "limit", jsonName: "limit", number: 2, type: 4, label: 1 },
          ],
        },
      ],
    });
    const later = createFileRegistry(file, () => undefined).getMessage("cordum.agent.v1.Budget")!;
    const bytes = encodeCanonical(later, create(later, { notes: ["a", "b"], limit: 7n })).bytes;
    expect(decodeMessage(later, bytes)).toMatchObject({ notes: ["a", "b"], limit: 7n });
  });
});

describe("canonical bytes", () => {
  it("stay what they are while others are made", () => {
    const anyPacket = messageOf(BusPacketSchema, 4) as fc.Arbitrary<BusPacket>;
    fc.assert(
      fc.property(fc.array(anyPacket, { maxLength: 12 }), (packets) => {
        const kept = packets.map((packet) => encodeCanonical(BusPacketSchema, packet).bytes);
        const texts = kept.map(toBase64);
        for (const packet of packets) encodeCanonical(BusPacketSchema, packet);
        expect(kept.map(toBase64)).toEqual(texts);
      }),
      { numRuns: 200 },
    );
  });

  it("are right after a message that could not be encoded", () => {
    const good = create(BusPacketSchema, { traceId: "t" });
    const { bytes } = encodeCanonical(BusPacketSchema, good);
    const bad = create(BusPacketSchema, {
      traceId: "t",
      payload: { case: "jobRequest", value: { labels: { a: 1 as never } } },
    });
    expect(() => encodeCanonical(BusPacketSchema, bad)).toThrow("job_request.labels");
    expect(toBase64(encodeCanonical(BusPacketSchema, good).bytes)).toBe(toBase64(bytes));
  });

  it("have a place for a skipped field, whatever follows it", () => {
    const packet = create(BusPacketSchema, { traceId: "t", authToken: "a", signature: Uint8Array.of(1) });
    const whole = encodeCanonical(BusPacketSchema, packet).bytes;
    const { bytes, skippedAt } = encodeCanonical(BusPacketSchema, packet, { skip: 14 });
    const parts = [bytes.subarray(0, skippedAt), Uint8Array.of(0x72, 1, 1), bytes.subarray(skippedAt)];
    expect(Buffer.concat(parts).toString("base64")).toBe(toBase64(whole));
  });

  it("have a buffer of their own", () => {
    const { bytes } = encodeCanonical(BusPacketSchema, create(BusPacketSchema, { traceId: "t" }));
    expect(bytes.buffer.byteLength).toBe(bytes.length);
  });
});

describe("whole numbers of 64 bits", () => {
  it("are written as protobuf-es reads them, on both sides of every border", () => {
    for (let bit = 0n; bit < 64n; bit++) {
      for (const near of [-1n, 0n, 1n]) {
        const executionMs = BigInt.asIntN(64, (1n << bit) + near);
        const { bytes } = encodeCanonical(JobResultSchema, create(JobResultSchema, { executionMs }));
        const wide = BigInt.asUintN(64, executionMs);
        const expected: number[] = [];
        for (let rest = wide; rest > 0n; rest >>= 7n)
          expected.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
        expect([...bytes]).toEqual(executionMs === 0n ? [] : [5 << 3, ...expected]);
      }
    }
  });
});
