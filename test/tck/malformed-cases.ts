/**
 * Cases of bytes that a worker must not take for a job. Each is put on the subject of a real agent, followed by
 * a good job, which shows that the worker still lives and that nothing came of the bad one.
 */
import { create } from "@bufbuild/protobuf";
import { BusPacketSchema } from "../../gen/cap/index.js";
import { generateKeyPair, toSigningKey } from "../../src/cap/crypto/key-ring.js";
import type { JobRequestInit } from "../../src/cap/jobs/submission.js";
import { createPacket, encodePacket, SIGNATURE_FIELD, signPacket } from "../../src/cap/packet.js";
import { ProtocolError } from "../../src/core/errors.js";
import type { Case } from "./cases.ts";
import { verdict } from "./verdict.ts";
import { inWorld, MAX_PACKET_BYTES, TOPIC } from "./world.ts";

const BAD = "tck-bad";
const GOOD = "tck-good";
const SENDER = "tck-runner";

function request(value: JobRequestInit = {}): ReturnType<typeof createPacket> {
  const job = { jobId: BAD, topic: TOPIC, contextPtr: `redis://ctx:${GOOD}`, ...value };
  return createPacket({ case: "jobRequest", value: job }, { senderId: SENDER });
}

/** The packet of a job with other bytes behind it. */
function withTail(...tail: readonly number[]): Uint8Array {
  return Uint8Array.of(...encodePacket(request()), ...tail);
}

/** Puts bytes, then a good job. */
function refuses(what: string, bytes: () => Uint8Array): Case {
  return () =>
    inWorld(
      () => ({}),
      async (world) => {
        const errors: string[] = [];
        world.agent.on("refused", (error) => errors.push(error.name));
        const bad = bytes();
        await world.send({ jobId: GOOD }).then(() => world.result(GOOD)); // it works before
        world.put(bad);
        await world.send({ jobId: `${GOOD}-2` });
        await world.result(`${GOOD}-2`);
        return verdict(
          `${what} is refused`,
          {
            "the packet is refused": errors.length === 1,
            "no result is sent for it": world.results().length === 2,
            "the next job is done": world.agent.stats.succeeded === 2,
          },
          { bytes: bad.length, error: errors[0] ?? "none" },
        );
      },
    );
}

/**
 * Puts bytes that protobuf reads, with a signature over exactly these bytes. What is verified is the canonical
 * encoding of what was read, so the signature must not hold.
 */
function refusesSigned(what: string, bytes: () => Uint8Array): Case {
  return async () => {
    const { privateKeyPem, publicKeyPem } = await generateKeyPair();
    const key = toSigningKey(privateKeyPem);
    const signed = async (unsigned: Uint8Array) => {
      const signature = await key.sign(unsigned);
      const header = [(SIGNATURE_FIELD << 3) | 2, signature.length];
      return Uint8Array.of(...unsigned, ...header, ...signature);
    };
    const bad = await signed(bytes());
    const good = (await signPacket(request({ jobId: GOOD }), key)).bytes;
    return inWorld(
      () => ({}),
      async (world) => {
        const errors: string[] = [];
        world.agent.on("refused", (error) => errors.push(error.name));
        world.put(bad);
        world.put(good);
        const { status } = await world.result(GOOD);
        return verdict(
          `${what} under a signature is refused`,
          {
            "the packet is refused": errors.join() === "SignatureInvalidError",
            "no result is sent for it": world.results().length === 1,
            "the next job is answered": status !== undefined,
          },
          { bytes: bad.length, error: errors[0] ?? "none" },
        );
      },
      { publicKeys: { [SENDER]: publicKeyPem } },
    );
  };
}

const many = (count: number) => Array.from({ length: count }, (_, i) => `entry-${i}`);

/** Cases under `malformed/`. */
export const malformedCases: Readonly<Record<string, Case>> = {
  "malformed/truncated-wire": refuses("a packet that is cut off", () => encodePacket(request()).slice(0, -7)),
  // Field 2, whose length reaches beyond the end.
  "malformed/overlong-wire": refuses("a field that reaches beyond the packet", () =>
    withTail(0x12, 0x7f, 0x61),
  ),
  "malformed/non-minimal-encoding": refusesSigned("a number in more bytes than it needs", () => nonMinimal()),
  "malformed/duplicate-oneof": refusesSigned("a packet with two payloads", () => {
    const cancel = createPacket(
      { case: "jobCancel", value: { jobId: BAD, requestedBy: SENDER } },
      { senderId: SENDER },
    );
    return Uint8Array.of(...encodePacket(request()), ...payloadOf(encodePacket(cancel)));
  }),
  "malformed/empty-envelope": refuses("an envelope without a field", () => new Uint8Array()),
  "malformed/unsupported-protocol-version": refuses("version 2", () =>
    encodePacket({ ...request(), protocolVersion: 2 }),
  ),
  // Field 25 is reserved; no version has a payload there.
  "malformed/unknown-payload": refuses("a payload that nobody knows", () => {
    const { traceId, senderId, createdAt, protocolVersion } = request();
    const bare = create(BusPacketSchema, {
      traceId,
      senderId,
      protocolVersion,
      ...(createdAt === undefined ? {} : { createdAt }),
    });
    return Uint8Array.of(...encodePacket(bare), 0xca, 0x01, 0x02, 0x08, 0x01);
  }),
  "malformed/oversize-string": refuses("a text above the packet's limit", () =>
    encodePacket(request({ memoryId: "x".repeat(MAX_PACKET_BYTES + 1) })),
  ),
  "malformed/oversize-map": refuses("1001 labels", () =>
    encodePacket(request({ labels: Object.fromEntries(many(1001).map((name) => [name, "1"])) })),
  ),
  "malformed/oversize-repeated": refuses("1001 risk tags", () =>
    encodePacket(request({ meta: { riskTags: many(1001) } })),
  ),
};

/** The packet with its protocol version, the last of its fields before the payload, in two bytes. */
function nonMinimal(): Uint8Array {
  const bytes = encodePacket(request());
  const at = bytes.findIndex((byte, i) => byte === 0x20 && bytes[i + 1] === 0x01 && bytes[i + 2] === 0x52);
  if (at === -1) throw new ProtocolError("the packet has no protocol version where it was expected");
  return Uint8Array.of(...bytes.slice(0, at + 1), 0x81, 0x00, ...bytes.slice(at + 2));
}

/** The payload field of a packet with its tag: all behind the protocol version. */
function payloadOf(bytes: Uint8Array): Uint8Array {
  const at = bytes.findIndex((byte, i) => byte === 0x20 && bytes[i + 1] === 0x01);
  if (at === -1) throw new ProtocolError("the packet has no protocol version where it was expected");
  return bytes.slice(at + 2);
}
