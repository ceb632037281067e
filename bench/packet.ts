/** `pnpm bench packet`: the packet layer against protobuf-es and the bare crypto libraries. */
import * as nodeCryptoModule from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { p256 } from "@noble/curves/nist.js";
import { BusPacketSchema, IdentityBindingSchema } from "../gen/cap/index.js";
import { defaultCrypto } from "../src/cap/crypto/backend.js";
import { parsePrivatePem } from "../src/cap/crypto/key-form.js";
import { toSigningKey } from "../src/cap/crypto/key-ring.js";
import { generateKeyPair, KeyRing, nobleCrypto } from "../src/cap/index.js";
import {
  assertValidPacket,
  canonicalBytes,
  createPacket,
  decodePacket,
  encodePacket,
  sealPacket,
} from "../src/cap/packet.js";
import { MemoryReplayStore, type ReplayEntry, sealProduction } from "../src/cap/production/index.js";
import { ProductionProfile } from "../src/cap/production/profile.js";
import { resolveWorkerTrust } from "../src/cap/trust/config.js";
import { openPacket } from "../src/cap/verify.js";
import type { Measured } from "./measure.ts";
import { formatMeasured, measure } from "./measure.ts";

const packet = createPacket(
  {
    case: "jobRequest",
    value: {
      jobId: "job-0123456789ab",
      topic: "job.echo",
      priority: 2,
      contextPtr: "redis://ctx:job-0123456789ab",
      tenantId: "tenant-1",
      principalId: "principal-1",
      labels: { env: "prod", region: "eu-west", team: "search", "10": "a", "9": "b" },
      env: { A: "1", B: "2" },
      meta: { capability: "cap.x", riskTags: ["write"], idempotencyKey: "idem-1" },
      budget: { deadlineMs: 30_000n },
    },
  },
  { senderId: "client-1", traceId: "0123456789abcdef0123456789abcdef" },
);

/** A plain loop around a synchronous piece of work. */
function loop(work: () => unknown) {
  return (times: number): void => {
    for (let i = 0; i < times; i++) work();
  };
}

/** Runs asynchronous work with 16 in flight. */
function parallel(work: () => Promise<unknown>) {
  return async (times: number): Promise<void> => {
    for (let left = times; left > 0; left -= 16) {
      await Promise.all(Array.from({ length: Math.min(16, left) }, work));
    }
  };
}

/** Runs the benchmark and prints its tables. */
export default async function benchPacket(): Promise<Measured[]> {
  const { privateKeyPem, publicKeyPem } = defaultCrypto().generateKeyPair();
  const bytes = encodePacket(packet);
  const shuffled = toBinary(BusPacketSchema, packet); // its map holds "9" before "10"
  const codec = await measure([
    { name: "toBinary (protobuf-es, not canonical)", run: loop(() => toBinary(BusPacketSchema, packet)) },
    {
      name: "canonicalBytes",
      run: loop(() => canonicalBytes(packet)),
      against: "toBinary (protobuf-es, not canonical)",
    },
    { name: "fromBinary (protobuf-es)", run: loop(() => fromBinary(BusPacketSchema, bytes)) },
    {
      name: "decodePacket, finds out whether canonical",
      run: loop(() => decodePacket(bytes)),
      against: "fromBinary (protobuf-es)",
    },
    {
      name: "decodePacket + canonicalBytes, bytes not canonical",
      run: loop(() => canonicalBytes(decodePacket(shuffled))),
      against: "fromBinary (protobuf-es)",
    },
  ]);
  console.log(formatMeasured(`codec, one packet of ${bytes.length} bytes, one core`, codec));

  const key = toSigningKey(privateKeyPem);
  const keys = new KeyRing({ "client-1": publicKeyPem });
  const sealed = await sealPacket(packet, { key });
  const unsigned = canonicalBytes(packet).bytes;
  const keyObject = nodeCryptoModule.createPrivateKey(privateKeyPem);
  const publicObject = nodeCryptoModule.createPublicKey(publicKeyPem);
  const signature = nodeCryptoModule.sign("sha256", unsigned, keyObject);
  const rawSign = () =>
    new Promise((resolve) =>
      nodeCryptoModule.sign("sha256", unsigned, keyObject, (_, made) => resolve(made)),
    );
  const rawVerify = () =>
    new Promise((resolve) =>
      nodeCryptoModule.verify("sha256", unsigned, publicObject, signature, (_, valid) => resolve(valid)),
    );
  const signed = await measure([
    { name: "node:crypto sign, async", run: parallel(rawSign) },
    {
      name: "sealPacket",
      run: parallel(() => sealPacket(packet, { key })),
      against: "node:crypto sign, async",
    },
    { name: "node:crypto sign, sync", run: loop(() => nodeCryptoModule.sign("sha256", unsigned, keyObject)) },
    { name: "node:crypto verify, async", run: parallel(rawVerify) },
    {
      name: "openPacket",
      run: parallel(() => openPacket(sealed, { keys })),
      against: "node:crypto verify, async",
    },
    {
      name: "node:crypto verify, sync",
      run: loop(() => nodeCryptoModule.verify("sha256", unsigned, publicObject, signature)),
    },
  ]);
  console.log(formatMeasured("signatures with node:crypto, 16 in flight", signed));

  const production = await measureProduction(sealed, keys);
  console.log(formatMeasured("what admits a job: ordinary and CAP-PRODUCTION, one at a time", production));

  const nobleKey = toSigningKey(privateKeyPem, { crypto: nobleCrypto });
  const nobleKeys = new KeyRing({ "client-1": publicKeyPem }, { crypto: nobleCrypto });
  const { bytes: secret } = parsePrivatePem(privateKeyPem);
  const point = p256.getPublicKey(secret, false);
  const noble = await measure([
    { name: "noble sign", run: loop(() => p256.sign(unsigned, secret, { format: "der", lowS: false })) },
    {
      name: "sealPacket, noble",
      run: parallel(() => sealPacket(packet, { key: nobleKey })),
      against: "noble sign",
    },
    {
      name: "noble verify",
      run: loop(() => p256.verify(signature, unsigned, point, { format: "der", lowS: false })),
    },
    {
      name: "openPacket, noble",
      run: parallel(() => openPacket(sealed, { keys: nobleKeys })),
      against: "noble verify",
    },
  ]);
  console.log(formatMeasured("signatures with @noble/curves", noble));
  return [...codec, ...signed, ...production, ...noble];
}

/** A job under CAP-PRODUCTION: exact bytes, signature, rules, identity, replay store. */
async function measureProduction(sealed: Uint8Array, keys: KeyRing): Promise<Measured[]> {
  const scheduler = generateKeyPair();
  const workerTrust = {
    mode: "enforce" as const,
    expectedAgentId: "agent-1",
    tenantId: "tenant-1",
    proofKeyId: "worker-key",
    proofPrivateKey: generateKeyPair().privateKeyPem,
    schedulerPublicKeys: { "scheduler-key": scheduler.publicKeyPem },
    expectedSchedulerId: packet.senderId,
  };
  const memory = new MemoryReplayStore({ maxEntries: 2_000_000 });
  let next = 0;
  const replayStore = {
    admit(entry: ReplayEntry) {
      const messageId = entry.messageId.slice(); // one packet stands for many
      new DataView(messageId.buffer).setUint32(0, next++);
      return memory.admit({ ...entry, messageId });
    },
  };
  const profile = new ProductionProfile({ replayStore }, resolveWorkerTrust(workerTrust, "worker-1", {}));
  const identity = create(IdentityBindingSchema, { tenantId: "tenant-1", principalId: "principal-1" });
  const options = {
    key: toSigningKey(scheduler.privateKeyPem),
    keyId: "scheduler-key",
    audience: "job.echo",
  };
  const data = await sealProduction({ ...packet, identity }, options);
  const message = { subject: "job.echo", data };
  const oneByOne = (work: () => unknown) => async (times: number) => {
    for (let i = 0; i < times; i++) await work();
  };
  return measure([
    { name: "openPacket, one at a time", run: oneByOne(() => openPacket(sealed, { keys })) },
    {
      name: "CAP-PRODUCTION admission",
      run: oneByOne(() => profile.open(message, assertValidPacket)),
      against: "openPacket, one at a time",
    },
    { name: "sealPacket, one at a time", run: oneByOne(() => sealPacket(packet, options)) },
    {
      name: "CAP-PRODUCTION seal",
      run: oneByOne(() => sealProduction({ ...packet, identity }, options)),
      against: "sealPacket, one at a time",
    },
  ]);
}
