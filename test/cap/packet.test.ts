import { create } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BusPacketSchema, JobStatus, WorkerHandshakeResultSchema } from "../../gen/cap/index.js";
import { toSigningKey } from "../../src/cap/crypto/key-ring.js";
import {
  CAPError,
  generateKeyPair,
  InvalidInputError,
  KeyRing,
  MalformedPacketError,
  SignatureInvalidError,
  SignatureMissingError,
  UnknownPayloadError,
  VersionMismatchError,
} from "../../src/cap/index.js";
import {
  assertValidPacket,
  createPacket,
  decodePacket,
  encodePacket,
  type PayloadInit,
  sealPacket,
  signPacket,
} from "../../src/cap/packet.js";
import { openPacket, verifyPacket } from "../../src/cap/verify.js";
import { timestampMs } from "../../src/cap/wire/well-known.js";
import { ProtocolError, ValidationError } from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { runs } from "../runs.ts";
import { toBase64 } from "./vectors.ts";

const job: PayloadInit = {
  case: "jobRequest",
  value: { jobId: "j-1", topic: "job.echo", labels: { a: "1", b: "2" } },
};
const pair = generateKeyPair();
const other = generateKeyPair();
const key = toSigningKey(pair.privateKeyPem);
const packet = () => createPacket(job, { senderId: "client-1", traceId: "t-1" });

describe("createPacket", () => {
  it(req("cap.packet.create", "fills in the envelope"), () => {
    const clock = new FakeClock({ now: 1_760_000_000_123 });
    const made = createPacket(job, { senderId: "client-1", clock });
    expect(made.protocolVersion).toBe(1);
    expect(made.senderId).toBe("client-1");
    expect(made.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect([made.createdAt?.seconds, made.createdAt?.nanos]).toEqual([1_760_000_000n, 123_000_000]);
    assertValidPacket(made);
  });

  it("gives every packet a trace id of its own", () => {
    expect(createPacket(job, { senderId: "s" }).traceId).not.toBe(
      createPacket(job, { senderId: "s" }).traceId,
    );
  });
});

describe("sealPacket and openPacket", () => {
  const keys = new KeyRing({ "client-1": pair.publicKeyPem });

  it(req("cap.sign.bytes", "a sealed packet opens with the sender's key and is unchanged"), async () => {
    const sent = packet();
    const opened = await openPacket(await sealPacket(sent, { key }), { keys });
    expect({ ...opened, signature: new Uint8Array(0) }).toEqual(sent);
    expect(opened.signature[0]).toBe(0x30); // DER
  });

  it(
    req("cap.packet.token", "the token is part of what is signed, and the caller's packet stays as it was"),
    async () => {
      const sent = packet();
      const opened = await openPacket(await sealPacket(sent, { key, sessionToken: "tok" }), { keys });
      expect(opened.authToken).toBe("tok");
      expect(sent.authToken).toBe("");
      const signed = await openPacket(await sealPacket(sent, { key }));
      await expect(sealPacket(signed, { sessionToken: "tok" })).rejects.toThrow(
        "session token change requires re-signing",
      );
      expect(toBase64(await sealPacket(signed, { sessionToken: "" }))).toBe(toBase64(encodePacket(signed)));
    },
  );

  it(req("cap.verify.rotation", "any key of the sender will do"), async () => {
    const both = new KeyRing({ "client-1": [other.publicKeyPem, pair.publicKeyPem] });
    const bytes = await sealPacket(packet(), { key });
    await expect(openPacket(bytes, { keys: both })).resolves.toBeDefined();
    const old = new KeyRing(new Map([["client-1", [other.publicKeyPem]]]));
    await expect(openPacket(bytes, { keys: old })).rejects.toBeInstanceOf(SignatureInvalidError);
  });

  it.each([
    ["no signature", {}, "client-1", SignatureMissingError, "missing_signature"],
    ["an unknown sender", { key }, "client-2", SignatureInvalidError, "unknown_sender"],
    [
      "a sender called like a member of Object",
      { key },
      "constructor",
      SignatureInvalidError,
      "unknown_sender",
    ],
    [
      "another key",
      { key: toSigningKey(other.privateKeyPem) },
      "client-1",
      SignatureInvalidError,
      "wrong_signature",
    ],
  ] as const)(req("cap.verify.reasons", "refuses %s"), async (_, seal, senderId, type, problem) => {
    const bytes = await sealPacket(createPacket(job, { senderId }), seal);
    const error = await openPacket(bytes, { keys }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(type);
    expect(error).toBeInstanceOf(ProtocolError);
    expect((error as SignatureInvalidError).details).toEqual({ problem, sender: senderId });
  });

  it(req("cap.verify.raw", "takes a signature over the order of arrival only when asked to"), async () => {
    // As older Go signs: the token (18) before the payload (10).
    const full = encodePacket({ ...packet(), authToken: "tok" });
    const token = Uint8Array.of(0x92, 0x01, 3, ...new TextEncoder().encode("tok"));
    const head = full.subarray(0, full.length - token.length);
    const signedBytes = Uint8Array.of(...token, ...head);
    const signature = await key.sign(signedBytes);
    const bytes = Uint8Array.of(...signedBytes, 0x72, signature.length, ...signature);
    await expect(openPacket(bytes, { keys })).rejects.toBeInstanceOf(SignatureInvalidError);
    const opened = await openPacket(bytes, { keys, acceptRawOrder: true });
    expect(opened.authToken).toBe("tok");
    expect(await verifyPacket(opened, bytes, keys, { acceptRawOrder: true })).toBe("raw");
  });

  it.each(["spec", "upb"] as const)(
    req("cap.sign.bytes", "a signature over maps in the order of %s is told apart where the orders differ"),
    async (mapOrder) => {
      const prefixes = {
        case: "jobRequest",
        value: { jobId: "j", topic: "job.x", labels: { a: "1", ab: "2" } },
      };
      const sent = createPacket(prefixes as PayloadInit, { senderId: "client-1" });
      let differing = 0;
      const bytes = await sealPacket(sent, { key, mapOrder, onOrdersDiffer: () => differing++ });
      expect(differing).toBe(1);
      expect(await verifyPacket(decodePacket(bytes), bytes, keys)).toBe(mapOrder);
      await sealPacket(packet(), { key, mapOrder, onOrdersDiffer: () => differing++ });
      expect(differing).toBe(1);
      expect(toBase64(encodePacket(decodePacket(bytes), mapOrder))).toBe(toBase64(bytes));
      await expect(openPacket(await sealPacket(sent, { key, mapOrder }), { keys })).resolves.toBeDefined();
    },
  );

  it.each([1, 127, 128, 300])("a signature of %d bytes stands where its field belongs", async (length) => {
    const signature = new Uint8Array(length).fill(7);
    const signing = { publicKeyPem: "", sign: () => signature };
    const bytes = await sealPacket(packet(), { key: signing, sessionToken: "tok" });
    expect(decodePacket(bytes)).toMatchObject({ signature, authToken: "tok", senderId: "client-1" });
    expect(toBase64(encodePacket(decodePacket(bytes)))).toBe(toBase64(bytes));
  });

  it(
    req("cap.packet.token", "stays where none is given, and a packet with another is signed again"),
    async () => {
      const tokens = ["one", undefined, "two"];
      const seal = { key, sessionToken: () => tokens.shift() };
      const first = await openPacket(await sealPacket(packet(), seal), { keys });
      const second = await openPacket(await sealPacket(first, seal), { keys });
      const third = await openPacket(await sealPacket(second, seal), { keys });
      expect([first, second, third].map(({ authToken }) => authToken)).toEqual(["one", "one", "two"]);
      expect(decodePacket(await sealPacket(first)).authToken).toBe("one");
      expect(decodePacket(await sealPacket(packet(), { sessionToken: "tok" })).authToken).toBe("tok");
    },
  );

  it(req("cap.verify.rotation", "keys that sign and verify elsewhere give the same verdicts"), async () => {
    const elsewhere = (pem: string) => {
      const local = new KeyRing({ x: pem }).of("x")[0]!.key;
      return { verify: async (data: Uint8Array, signature: Uint8Array) => local.verify(data, signature) };
    };
    const signing = { publicKeyPem: key.publicKeyPem, sign: async (data: Uint8Array) => key.sign(data) };
    const bytes = await sealPacket(packet(), { key: signing });
    const [good, bad] = [elsewhere(pair.publicKeyPem), elsewhere(other.publicKeyPem)];
    const both = new KeyRing({ "client-1": [bad, good] });
    expect(await verifyPacket(decodePacket(bytes), bytes, both)).toBe("spec");
    const wrong = openPacket(bytes, { keys: new KeyRing({ "client-1": bad }) });
    await expect(wrong).rejects.toMatchObject({ details: { problem: "wrong_signature" } });
  });

  it(req("cap.verify.reasons", "an error shows no more than 256 characters of a sender's id"), async () => {
    const bytes = encodePacket(createPacket(job, { senderId: "s".repeat(10_000) }));
    const error = await verifyPacket(decodePacket(bytes), bytes, keys).catch((e: unknown) => e);
    expect((error as SignatureMissingError).details).toMatchObject({ sender: "s".repeat(256) });
  });
});

describe("a time on the bus", () => {
  const [first, last] = [-62_135_596_800n, 253_402_300_799n];
  it.each([
    [first, 0, Number(first) * 1000],
    [last, 999_999_999, Number(last) * 1000 + 999.999999],
    [1n, 500_000, 1000.5],
  ])("of %s s and %s ns counts", (seconds, nanos, ms) => {
    expect(timestampMs(timestamp(seconds, nanos))).toBe(ms);
  });

  it.each([
    [first - 1n, 0],
    [last + 1n, 0],
    [1n, -1],
    [1n, 1_000_000_000],
  ])("of %s s and %s ns is none", (seconds, nanos) => {
    expect(timestampMs(timestamp(seconds, nanos))).toBeUndefined();
  });

  it("that is missing is none", () => expect(timestampMs(undefined)).toBeUndefined());

  const timestamp = (seconds: bigint, nanos: number) => create(TimestampSchema, { seconds, nanos });
});

describe("broken rules", () => {
  it.each([
    ["version 2", { protocolVersion: 2 }, VersionMismatchError, ProtocolError],
    ["no payload", { payload: { case: undefined } }, UnknownPayloadError, ProtocolError],
    ["no sender", { senderId: "" }, InvalidInputError, ValidationError],
  ] as const)(req("cap.validate.errors", "%s"), async (_, change, type, decision) => {
    const bad = { ...packet(), ...change } as ReturnType<typeof packet>;
    for (const attempt of [sealPacket(bad, { key }), openPacket(encodePacket(bad))]) {
      const error = await attempt.then(
        () => undefined,
        (e: unknown) => e,
      );
      expect(error).toBeInstanceOf(type);
      expect(error).toBeInstanceOf(decision);
      expect((error as InvalidInputError).details).toMatchObject({
        issues: [{ message: expect.any(String) }],
      });
    }
  });

  it(req("cap.validate.errors", "the version comes first where several rules are broken"), () => {
    const bad = { ...packet(), protocolVersion: 2, senderId: "", payload: { case: undefined } };
    expect(() => assertValidPacket(bad)).toThrow(VersionMismatchError);
    expect(() => assertValidPacket({ ...bad, protocolVersion: 1 })).toThrow(UnknownPayloadError);
  });

  it("worker trust phases are no ordinary packets", () => {
    const phase = create(BusPacketSchema, { ...packet(), payload: { case: undefined } });
    phase.payload = { case: "workerHandshakeResult", value: create(WorkerHandshakeResultSchema) };
    expect(() => assertValidPacket(phase)).toThrow("worker trust phase");
    expect(() => assertValidPacket(phase)).toThrow(UnknownPayloadError);
  });

  it("a job may have any priority of the protocol, CRITICAL (3) included, and no other", () => {
    const broken = (priority: number) => {
      const value = { jobId: "j", topic: "job.echo", priority };
      return () => assertValidPacket(createPacket({ case: "jobRequest", value }, { senderId: "c" }));
    };
    for (const priority of [0, 1, 2, 3]) expect(broken(priority)).not.toThrow();
    for (const priority of [-1, 4]) expect(broken(priority)).toThrow(`priority: invalid value ${priority}`);
  });

  it("a job result must come from its worker", () => {
    const value = { jobId: "j", status: JobStatus.SUCCEEDED, workerId: "w-2" };
    const bad = createPacket({ case: "jobResult", value }, { senderId: "w-1" });
    expect(() => assertValidPacket(bad)).toThrow("job_result.worker_id: must equal sender_id");
  });
});

describe("bytes that are no packet", () => {
  const good = encodePacket(packet());

  it(req("cap.packet.malformed", "every cut is refused or leaves a packet that breaks a rule"), () => {
    for (let size = 0; size < good.length; size++) {
      let error: unknown;
      try {
        assertValidPacket(decodePacket(good.slice(0, size)));
      } catch (e) {
        error = e;
      }
      expect(error, `first ${size} bytes`).toBeInstanceOf(CAPError);
    }
  });

  it(req("cap.packet.malformed", "too many bytes are refused unread"), () => {
    expect(() => decodePacket(new Uint8Array(9 * 1024 * 1024))).toThrow("larger than 8388608");
    expect(() => decodePacket(good, good.length - 1)).toThrow(MalformedPacketError);
    expect(decodePacket(good, good.length).senderId).toBe("client-1");
  });

  it(req(
    "cap.packet.malformed",
    "100,000 random and mutated inputs give a packet or a MalformedPacketError",
  ), () => {
    const garbage = fc.uint8Array({ maxLength: 200 });
    const mutated = fc
      .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
      .map((changes) => {
        const bytes = good.slice();
        for (const [at, value] of changes) bytes[at] = value;
        return bytes;
      });
    let refused = 0;
    fc.assert(
      fc.property(fc.oneof(garbage, mutated), (bytes) => {
        try {
          encodePacket(decodePacket(bytes));
        } catch (error) {
          refused++;
          if (!(error instanceof MalformedPacketError)) throw error;
        }
      }),
      { numRuns: runs(100_000) },
    );
    expect(refused).toBeGreaterThan(runs(1000));
  }, 300_000);

  it.each([
    ["groups without end", Uint8Array.of(0xf3, 0x3f)],
    ["an end of a group alone", Uint8Array.of(0x0c)],
    ["field number 0", Uint8Array.of(0x02, 0x00)],
    ["a length beyond the end", Uint8Array.of(0x52, 0xff, 0xff, 0xff, 0xff, 0x0f)],
    ["an endless varint", new Uint8Array(11).fill(0xff)],
    ["200 nested groups", new Uint8Array(200).fill(0x0b)],
    ["text that is not UTF-8", Uint8Array.of(0x0a, 1, 0xff)],
    ["a surrogate in UTF-8", Uint8Array.of(0x0a, 3, 0xed, 0xa0, 0x80)],
  ])(req("cap.packet.malformed", "%s"), (_, bytes) => {
    expect(() => decodePacket(bytes)).toThrow(MalformedPacketError);
  });
});

describe("a field that reaches beyond its message", () => {
  it("is refused, also when it is unknown", () => {
    // job_request of 3 bytes, in it field 500 with one byte of content, which stands behind the 3.
    const bytes = Uint8Array.of(0x52, 3, 0xa2, 0x1f, 1, 0x41);
    expect(() => decodePacket(bytes)).toThrow("a field reaches beyond its message");
    expect(decodePacket(Uint8Array.of(0x52, 4, 0xa2, 0x1f, 1, 0x41)).payload.case).toBe("jobRequest");
  });
});

describe("a packet in a Buffer", () => {
  it("is decoded into bytes of its own", () => {
    const packet = createPacket({ case: "heartbeat", value: { workerId: "w" } }, { senderId: "w" });
    const buffer = Buffer.from(encodePacket({ ...packet, signature: Uint8Array.of(1, 2, 3) }));
    const { signature } = decodePacket(buffer);
    buffer.fill(0);
    expect(signature).toEqual(Uint8Array.of(1, 2, 3));
    expect(signature.constructor).toBe(Uint8Array);
  });
});

it("a key that is still a PEM text, and keys that are no ring, are refused by name", async () => {
  const value = { jobId: "j", topic: "job.x" };
  const packet = createPacket({ case: "jobRequest", value }, { senderId: "s" });
  const bytes = encodePacket(packet);
  const pem = "-----BEGIN PRIVATE KEY-----" as never;
  const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["key must be", () => sealPacket(packet, { key: pem })],
    ["key must be", () => signPacket(packet, pem)],
    ["keys must be", () => openPacket(bytes, { keys: { s: pem } as never })],
    ["keys must be", () => verifyPacket(packet, bytes, { s: pem } as never)],
  ];
  for (const [text, call] of calls)
    await expect(call()).rejects.toMatchObject({
      name: "ValidationError",
      message: expect.stringContaining(text),
    });
});
