/** Our packets, judged by the official SDK; its packets, judged by ours. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import type { JobRequest } from "../../gen/cap/index.js";
import { JobRequestSchema } from "../../gen/cap/index.js";
import { toSigningKey } from "../../src/cap/crypto/key-ring.js";
import { KeyRing, nobleCrypto } from "../../src/cap/index.js";
import { canonicalBytes, createPacket, decodePacket, sealPacket } from "../../src/cap/packet.js";
import { openPacket } from "../../src/cap/verify.js";
import { messageOf } from "../cap/arbitrary.ts";
import { fromBase64, keyFile, toBase64 } from "../cap/vectors.ts";
import { req } from "../requirements/index.ts";
import { capPython, describeWithPeers } from "./ladder.ts";

const JUDGE = `
import base64, json, logging, sys
import cap.pb
from cap.packet_boundary import decode_packet, finalize_packet
from cap.pb.cordum.agent.v1 import buspacket_pb2
from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_pem_private_key
logging.disable(logging.CRITICAL)
job = json.load(open(sys.argv[1]))
keys = {s: load_pem_public_key(p.encode()) for s, p in job["public"].items()}
private = load_pem_private_key(job["private"].encode(), None)
verdicts, signed = [], []
for text in job["packets"]:
    packet = decode_packet(base64.b64decode(text), keys, logging.getLogger("x"))
    verdicts.append(packet is not None)
    if packet is not None:
        packet.sender_id = "worker-1"
        signed.append(base64.b64encode(finalize_packet(packet, private).SerializeToString(deterministic=True)).decode())
json.dump({"verdicts": verdicts, "signed": signed}, sys.stdout)
`;

/** `pnpm interop` tries ten times as many. */
const COUNT = process.env.AGENTWIRE_INTEROP === "full" ? 10_000 : 1_000;
const count = COUNT.toLocaleString("en");

const folder = mkdtempSync(join(tmpdir(), "agentwire-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The verdict of the official SDK on each packet, and those it took, signed anew by worker-1. */
function judge(python: string, packets: readonly Uint8Array[]): { verdicts: boolean[]; signed: string[] } {
  writeFileSync(join(folder, "judge.py"), JUDGE);
  const job = {
    public: { "client-1": keyFile("client.pub.pem") },
    private: keyFile("worker.pkcs8.pem"),
    packets: packets.map(toBase64),
  };
  writeFileSync(join(folder, "job.json"), JSON.stringify(job));
  const answer = execFileSync(python, [join(folder, "judge.py"), join(folder, "job.json")], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  return JSON.parse(answer) as { verdicts: boolean[]; signed: string[] };
}

/** Random signed job requests with awkward maps. */
async function randomPackets(count: number, seed: number): Promise<Uint8Array[]> {
  const requests = fc.sample(messageOf(JobRequestSchema, 3) as fc.Arbitrary<JobRequest>, {
    numRuns: count,
    seed,
  });
  const key = toSigningKey(keyFile("client.pkcs8.pem"));
  return Promise.all(
    requests.map((request) => {
      const value = { ...request, jobId: "j", topic: "job.x", priority: 1, stepIndex: 1 };
      delete value.budget;
      const packet = createPacket({ case: "jobRequest", value }, { senderId: "client-1" });
      return sealPacket(packet, { key, mapOrder: "upb" });
    }),
  );
}

await describeWithPeers("packets and cap-sdk-python 2.17.0", [capPython], ([python]) => {
  it(`${count} random packets with awkward maps verify on both sides`, { timeout: 600_000 }, async ({
    task,
  }) => {
    const sealed = await randomPackets(COUNT, 7);
    const { verdicts, signed } = judge(python!, sealed);
    expect(verdicts.filter((accepted) => !accepted)).toEqual([]);
    expect(signed).toHaveLength(COUNT);
    for (const crypto of [undefined, nobleCrypto]) {
      const keys = new KeyRing(
        { "worker-1": keyFile("worker.pub.pem") },
        crypto === undefined ? {} : { crypto },
      );
      for (const packet of signed.slice(0, crypto === undefined ? COUNT : 50)) {
        await expect(openPacket(fromBase64(packet), { keys })).resolves.toBeDefined();
      }
    }
    Object.assign(task.meta, {
      figures: { "verified there": verdicts.filter(Boolean).length, "verified here": signed.length },
    });
  });

  it(req("cap.peers.mutations", `${count} mutated packets: none is taken that says something else`), {
    timeout: 600_000,
  }, async ({ task }) => {
    const originals = await randomPackets(COUNT / 4, 11);
    const random = seeded(3);
    const mutants: { readonly bytes: Uint8Array; readonly of: Uint8Array }[] = [];
    while (mutants.length < COUNT) {
      const of = originals[mutants.length % originals.length]!;
      const bytes = mutate(of, random);
      if (Buffer.compare(bytes, of) !== 0) mutants.push({ bytes, of });
    }
    const { verdicts } = judge(
      python!,
      mutants.map(({ bytes }) => bytes),
    );
    const keys = new KeyRing({ "client-1": keyFile("client.pub.pem") });
    const found = { refused: 0, equivalent: 0, different: 0, onlyOurs: 0, onlyTheirs: 0 };
    for (const [i, { bytes, of }] of mutants.entries()) {
      const taken = await openPacket(bytes, { keys }).catch(() => undefined);
      if (taken === undefined) {
        found.refused++;
        if (verdicts[i]) found.onlyTheirs++;
        continue;
      }
      if (!verdicts[i]) found.onlyOurs++;
      const said = canonicalBytes(taken).bytes;
      if (Buffer.compare(said, canonicalBytes(decodePacket(of)).bytes) === 0) found.equivalent++;
      else found.different++;
    }
    expect(found).toMatchObject({ different: 0, onlyOurs: 0 });
    // Equivalent encodings are counted apart; there must be some, or nothing was tried.
    expect(found.equivalent).toBeGreaterThan(COUNT / 20);
    expect(found.refused).toBeGreaterThan(COUNT / 2);
    expect(found.onlyTheirs).toBe(0);
    const { refused, equivalent, different } = found;
    Object.assign(task.meta, {
      figures: {
        refused,
        "the same message in other bytes": equivalent,
        "accepted and different": different,
      },
    });
  });
});

/** A small generator with a seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One change: of a byte, of the length, of the order of top-level fields, or of how a number is written. */
function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  const pick = (below: number) => Math.floor(random() * below);
  const at = pick(bytes.length);
  switch (pick(8)) {
    case 0:
      return bytes.map((byte, i) => (i === at ? byte ^ (1 << pick(8)) : byte));
    case 1:
      return Uint8Array.from([...bytes.subarray(0, at), pick(256), ...bytes.subarray(at)]);
    case 2:
      return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1)]);
    case 3:
      return bytes.slice(0, at);
    case 4: {
      const fields = topLevel(bytes);
      fields.sort(() => random() - 0.5);
      return Uint8Array.from(fields.flatMap((field) => [...field]));
    }
    case 5: {
      const fields = topLevel(bytes);
      return Uint8Array.from([...fields, fields[pick(fields.length)]!].flatMap((field) => [...field]));
    }
    case 6: {
      // The first byte of a field's tag, written in two: allowed by protobuf, not canonical.
      const fields = topLevel(bytes);
      const chosen = pick(fields.length);
      return Uint8Array.from(
        fields.flatMap((field, i) =>
          i === chosen && field[0]! < 0x80 ? [field[0]! | 0x80, 0, ...field.subarray(1)] : [...field],
        ),
      );
    }
    default: {
      const fields = topLevel(bytes);
      fields.splice(pick(fields.length), 1);
      return Uint8Array.from(fields.flatMap((field) => [...field]));
    }
  }
}

/** The top-level fields of a packet, tags included. */
function topLevel(bytes: Uint8Array): Uint8Array[] {
  const fields: Uint8Array[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const start = at;
    const isLengthGiven = varint() % 8 === 2;
    const value = varint();
    if (isLengthGiven) at += value;
    fields.push(bytes.slice(start, at));
  }
  return fields;
}
