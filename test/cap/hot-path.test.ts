/** What the messages of every job go through must give what the general way gives. */
import type { DescFile } from "@bufbuild/protobuf";
import { create, createFileRegistry, createRegistry } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BusPacket } from "../../gen/cap/index.js";
import * as gen from "../../gen/cap/index.js";
import { BusPacketSchema, JobResultSchema, protocol } from "../../gen/cap/index.js";
import { cutBytes } from "../../src/cap/wire/block.js";
import { decodeCanonical } from "../../src/cap/wire/canonical-decode.js";
import { encodeCanonical } from "../../src/cap/wire/canonical-encode.js";
import { planOf } from "../../src/cap/wire/field-plan.js";
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
    expect(decodeCanonical(later, bytes).message).toMatchObject({ notes: ["a", "b"], limit: 7n });
  });
});

describe("momentary bytes", () => {
  it("are the canonical ones, and stay so while others are made", () => {
    const anyPacket = messageOf(BusPacketSchema, 4) as fc.Arbitrary<BusPacket>;
    fc.assert(
      fc.property(fc.array(anyPacket, { maxLength: 12 }), (packets) => {
        const momentary = packets.map((packet) =>
          encodeCanonical(BusPacketSchema, packet, { momentary: true }),
        );
        const kept = packets.map((packet) => encodeCanonical(BusPacketSchema, packet));
        expect(momentary.map(({ bytes }) => toBase64(bytes))).toEqual(
          kept.map(({ bytes }) => toBase64(bytes)),
        );
        expect(momentary.map(({ skippedAt }) => skippedAt)).toEqual(kept.map(({ skippedAt }) => skippedAt));
      }),
      { numRuns: 500 },
    );
  });

  it("never overlap, are zero at first, and have a buffer of their own when there are many", () => {
    const cut = Array.from({ length: 3000 }, (_, i) => cutBytes(i));
    for (const [i, bytes] of cut.entries()) {
      expect(bytes.length).toBe(i);
      expect(bytes.every((byte) => byte === 0)).toBe(true);
      bytes.fill((i % 255) + 1);
    }
    for (const [i, bytes] of cut.entries()) expect(bytes.every((byte) => byte === (i % 255) + 1)).toBe(true);
    expect(cut[2999]!.buffer.byteLength).toBe(2999);
  });

  it("are not what users get", () => {
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
