/** What the messages of every job go through must give what the general way gives. */
import type { DescFile } from "@bufbuild/protobuf";
import { create, createFileRegistry, createRegistry, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { BusPacket } from "../../gen/cap/index.js";
import * as gen from "../../gen/cap/index.js";
import { BusPacketSchema, JobResultSchema, protocol } from "../../gen/cap/index.js";
import { MemoryBus } from "../../src/cap/index.js";
import { createPacket, encodePacket, sealPacket } from "../../src/cap/packet.js";
import { Party } from "../../src/cap/party.js";
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

describe("bytes in memory that packets share", () => {
  const options = { isShared: true };
  const job = (text: string): BusPacket =>
    create(BusPacketSchema, {
      traceId: text,
      payload: { case: "jobRequest", value: { jobId: text, labels: { [text]: text } } },
    });

  it("are those of protobuf-es, for every length at which something changes, wherever they lie", () => {
    const lengths = [0, 1, 31, 32, 95, 96, 97, 127, 128, 129, 5_400, 8_191, 8_192, 16_383, 16_384, 50_000];
    const kept: [Uint8Array, string][] = [];
    for (const length of lengths) {
      for (const sign of ["a", "\u007f", "\u0080", "ß", "世"]) {
        for (const text of [sign.repeat(length), `a${sign.repeat(length)}`]) {
          const { bytes } = encodeCanonical(BusPacketSchema, job(text), options);
          const expected = toBase64(toBinary(BusPacketSchema, job(text)));
          expect(toBase64(bytes)).toBe(expected);
          kept.push([bytes, expected]);
        }
      }
    }
    for (let size = 0; size < 600; size++) {
      const { bytes } = encodeCanonical(BusPacketSchema, job("x".repeat(size % 130)), options);
      kept.push([bytes, toBase64(toBinary(BusPacketSchema, job("x".repeat(size % 130))))]);
    }
    for (const [bytes, expected] of kept) expect(toBase64(bytes)).toBe(expected);
  });

  it("are whole at the end of a chunk, whatever is left of it", () => {
    const chunk = 16 * 1024;
    const ends: [Uint8Array, string][] = [];
    for (let left = 0; left < 120; left++) {
      encodeCanonical(BusPacketSchema, job("x".repeat(chunk)), options); // the next one starts a chunk
      const filler = create(BusPacketSchema, { signature: new Uint8Array(chunk - left - 3) });
      expect(encodeCanonical(BusPacketSchema, filler, options).bytes.length).toBe(chunk - left);
      for (const text of ["ab", "é", "x".repeat(30)]) {
        const { bytes } = encodeCanonical(BusPacketSchema, job(text), options);
        ends.push([bytes, toBase64(toBinary(BusPacketSchema, job(text)))]);
      }
    }
    for (const [bytes, expected] of ends) expect(toBase64(bytes)).toBe(expected);
  });

  it("keep no memory of a large packet", () => {
    encodeCanonical(BusPacketSchema, job("x".repeat(100_000)), options);
    const { bytes } = encodeCanonical(BusPacketSchema, job("x"), options);
    expect(bytes.buffer.byteLength).toBe(16 * 1024);
  });

  it("are right after somebody transferred them away", () => {
    const { bytes } = encodeCanonical(BusPacketSchema, job("gone"), options);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    const next = encodeCanonical(BusPacketSchema, job("next"), options);
    expect(toBase64(next.bytes)).toBe(toBase64(toBinary(BusPacketSchema, job("next"))));
  });

  it("are right after a text that has no UTF-8 form, short or long", () => {
    for (const text of ["\ud800", `${"x".repeat(20_000)}\udc00`]) {
      const invalid = { code: "INVALID_TEXT", details: { field: "trace_id" } };
      expect(() => encodeCanonical(BusPacketSchema, job(text), options)).toThrow(
        expect.objectContaining({ ...invalid, details: expect.objectContaining(invalid.details) }),
      );
      const { bytes } = encodeCanonical(BusPacketSchema, job("good"), options);
      expect(toBase64(bytes)).toBe(toBase64(toBinary(BusPacketSchema, job("good"))));
    }
  });

  it("are not what a user gets to keep", async () => {
    const value = { jobId: "j", topic: "job.t" };
    const packet = createPacket({ case: "jobRequest", value }, { senderId: "client-1" });
    for (const bytes of [encodePacket(packet), await sealPacket(packet, { sessionToken: "s" })]) {
      expect(bytes.buffer.byteLength).toBe(bytes.length);
    }
  });
});

describe("what a bus is given", () => {
  const sent = async (copies: boolean) => {
    const published: Uint8Array[] = [];
    const publish = (_: string, data: Uint8Array) => void published.push(data);
    const bus = { ...new MemoryBus().connect(), publish, copies, subscribe: vi.fn(), onStatus: vi.fn() };
    const party = new Party({ bus: bus as never, senderId: "client-1", logger: false });
    for (const jobId of ["a", "b"])
      await party.send("job.x", { case: "jobRequest", value: { jobId, topic: "job.x" } });
    return published;
  };

  it("has memory of its own, so that a bus may keep it, transfer it, and send it to another thread", async () => {
    for (const data of await sent(false)) expect(data.buffer.byteLength).toBe(data.length);
  });

  it("lies with other messages only for a bus that copies it", async () => {
    const [first, second] = await sent(true);
    expect(first!.buffer).toBe(second!.buffer);
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
