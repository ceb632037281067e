/** What the messages of every job go through must give what the general way gives. */
import type { DescMessage } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BusPacket } from "../../gen/cap/index.js";
import { BusPacketSchema, JobRequestSchema, JobResultSchema } from "../../gen/cap/index.js";
import { encodeCanonical } from "../../src/cap/index.js";
import { cutBytes } from "../../src/cap/wire/block.js";
import { blankPacket, blankRequest, blankResult } from "../../src/cap/wire/hot-blanks.js";
import { messageOf } from "./arbitrary.ts";
import { toBase64 } from "./vectors.ts";

describe("blank messages from literals", () => {
  const cases: [string, DescMessage, () => object][] = [
    ["BusPacket", BusPacketSchema, blankPacket],
    ["JobRequest", JobRequestSchema, blankRequest],
    ["JobResult", JobResultSchema, blankResult],
  ];
  it.each(cases)("are those of protobuf-es, property by property: %s", (_, desc, blank) => {
    expect(blank()).toEqual(create(desc));
    expect(Object.keys(blank())).toEqual(Object.keys(create(desc)));
  });

  it("share nothing that could be written to", () => {
    const [first, second] = [blankRequest(), blankRequest()];
    first.labels.a = "1";
    expect(second.labels).toEqual({});
    const results = [blankResult(), blankResult()];
    results[0]!.artifactPtrs.push("x");
    expect(results[1]!.artifactPtrs).toEqual([]);
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
