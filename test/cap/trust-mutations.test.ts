/** Damaged packets of both profiles: none is taken for a genuine one. */
import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { IdentityBindingSchema } from "../../gen/cap/index.js";
import { generateKeyPair, toSigningKey } from "../../src/cap/index.js";
import { createPacket, encodePacket } from "../../src/cap/packet.js";
import { openProduction, sealProduction } from "../../src/cap/production/index.js";
import { keysById } from "../../src/cap/trust/config.js";
import { acceptChallenge, acceptResult } from "../../src/cap/trust/handshake.js";
import { decodeTrustPacket } from "../../src/cap/trust/messages.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { trustHandshake } from "./trust-handshake.ts";

const COUNT = 10_000;

/** Numbers below `n`, the same in every run. */
function randomFrom(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

/** One to three changes: bits, bytes, cuts, repeats, moves, longer varints, fields at the end. */
function mutated(bytes: Uint8Array, random: (n: number) => number): Uint8Array {
  let out = [...bytes];
  for (let changes = 1 + random(3); changes > 0; changes--) {
    const at = random(out.length);
    const size = 1 + random(8);
    const kinds: (() => void)[] = [
      () => (out[at]! ^= 1 << random(8)),
      () => (out[at] = random(256)),
      () => out.splice(at, size),
      () => out.splice(at, 0, ...out.slice(at, at + size)),
      () => out.splice(at, 0, random(256)),
      () => (out = out.slice(0, Math.max(1, at))),
      () => out.splice(random(out.length), 0, ...out.splice(at, size)),
      () => out.splice(at, 1, out[at]! | 0x80, 0),
      () => out.push((1 + random(30)) << 3, random(128)),
      () => out.push(0xc2, 0x3e, 1, random(256)),
    ];
    kinds[random(kinds.length)]!();
    if (out.length === 0) out = [0];
  }
  return Uint8Array.from(out);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

async function isTaken(open: () => Promise<unknown>): Promise<boolean> {
  return open().then(
    () => true,
    () => false,
  );
}

it(req("cap.production.vectors", `takes none of ${COUNT} damaged production packets`), {
  timeout: 120_000,
}, async () => {
  const clock = new FakeClock();
  const { privateKeyPem, publicKeyPem } = generateKeyPair();
  const value = { jobId: "j-1", topic: "job.echo", contextPtr: "redis://ctx:1", labels: { a: "1", b: "2" } };
  const packet = createPacket({ case: "jobRequest", value }, { senderId: "s-1", clock });
  packet.identity = create(IdentityBindingSchema, { tenantId: "t-1" });
  const options = { key: toSigningKey(privateKeyPem), keyId: "k", audience: "job.echo", clock };
  const genuine = await sealProduction(packet, options);
  const trust = {
    audience: "job.echo",
    tenantId: "t-1",
    senderId: "s-1",
    keys: keysById("keys", { k: publicKeyPem }),
    clock,
  };
  expect(await isTaken(() => openProduction(genuine, trust))).toBe(true);
  const random = randomFrom(17);
  let tried = 0;
  const taken: string[] = [];
  while (tried < COUNT) {
    const bytes = mutated(genuine, random);
    if (same(bytes, genuine)) continue;
    tried++;
    if (await isTaken(() => openProduction(bytes, trust))) taken.push(Buffer.from(bytes).toString("hex"));
  }
  expect(taken).toEqual([]);
});

it(req("cap.trust.vectors", `takes none of ${COUNT} damaged trust packets that are another message`), {
  timeout: 120_000,
}, async () => {
  const { clock, trust, asked, challenge, genuine: handshake } = await trustHandshake();
  const phases = [
    [
      handshake.challenge,
      (bytes: Uint8Array) => acceptChallenge(trust, asked, decodeTrustPacket(bytes), clock.now()),
    ],
    [
      handshake.result,
      (bytes: Uint8Array) => acceptResult(trust, challenge, "", decodeTrustPacket(bytes), clock.now()),
    ],
  ] as const;
  const random = randomFrom(18);
  const taken: string[] = [];
  let tried = 0;
  let reencoded = 0;
  while (tried < COUNT) {
    const [genuine, accept] = phases[tried % 2]!;
    const bytes = mutated(genuine, random);
    if (same(bytes, genuine)) continue;
    tried++;
    if (!(await isTaken(async () => accept(bytes)))) continue;
    reencoded++;
    if (!same(encodePacket(decodeTrustPacket(bytes)), genuine))
      taken.push(Buffer.from(bytes).toString("hex"));
  }
  expect(taken).toEqual([]);
  expect(reencoded).toBeGreaterThan(0); // other bytes of the same message, which are genuine
});
