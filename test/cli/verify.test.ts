import { createHash, createSign, sign as nodeSign } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type BusPacket,
  BusPacketSchema,
  IdentityBindingSchema,
  JobRequestSchema,
} from "../../gen/cap/index.js";
import { generateKeyPair, toSigningKey } from "../../src/cap/crypto/key-ring.js";
import { KeyRing } from "../../src/cap/index.js";
import {
  canonicalBytes,
  createPacket,
  decodePacket,
  encodePacket,
  signPacket,
} from "../../src/cap/packet.js";
import { sealProduction } from "../../src/cap/production/index.js";
import { openPacket } from "../../src/cap/verify.js";
import type { Verdict } from "../../src/cli/packet/verdict.js";
import { fromBase64, keyFile, negative, packets, senderKeys } from "../cap/vectors.ts";
import { req } from "../requirements/index.ts";
import { file, folder, json, run } from "./cli.ts";

const keys = join(import.meta.dirname, "../vectors/cap/keys");
const all = ["client", "worker", "scheduler"].flatMap((name) => [
  "--key",
  `${name}-1=${keys}/${name}.pub.pem`,
]);
const trust = JSON.parse(readFileSync(join(import.meta.dirname, "../vectors/cap/trust.json"), "utf8")) as {
  readonly negative: readonly { name: string; phase: string; now: string; packet_b64: string }[];
};
const ring = new KeyRing(senderKeys);
const given = {
  all,
  empty: ["--key", `somebody-else=${keys}/client.pub.pem`],
  "all+p384": [...all, "--key", `p384=${keys}/p384.pub.pem`, "--allow-p384"],
};

async function verdict(bytes: Uint8Array, ...options: string[]): Promise<Verdict & { code: number }> {
  const argv = ["verify", "-", "--format", "raw", ...options];
  const { code, err, ok, result } = await json(argv, { input: bytes });
  const found: Verdict = result;
  expect([err, ok]).toEqual(["", found.ok]);
  return { ...found, code };
}

describe("verify", () => {
  it.each(packets)(req("cli.verify.verdict", "$name: the recorded verdict"), async (vector) => {
    const { ok, code, problem } = await verdict(fromBase64(vector.packet_b64), ...all);
    expect([ok, code]).toEqual([vector.accepted_with_keys, vector.accepted_with_keys ? 0 : 1]);
    if (!ok) expect(["broken_rule", "wrong_version", "unknown_payload"]).toContain(problem);
  });

  const reasons: Record<string, string> = {
    empty: "malformed",
    garbage: "malformed",
    json_text: "malformed",
    truncated_1: "malformed",
    truncated_7: "malformed",
    truncated_811: "malformed",
    other_sender: "sender_changed",
    unknown_sender: "unknown_sender",
    unsigned: "missing_signature",
    unsigned_empty_keymap: "missing_signature",
    good_empty_keymap: "unknown_sender",
    sig_p1363: "signature_not_der",
    sig_trailing_byte: "signature_has_more_bytes",
    sig_prehash_double: "hashed_twice",
    sig_sha512: "other_hash",
    sig_wrong_key: "wrong_key",
    auth_token_added: "token_changed",
    unknown_oneof_member: "unknown_payload",
    invalid_utf8: "malformed",
    group_wire_type: "unknown_fields_dropped",
  };

  it.each(negative)(req("cli.verify.reason", "$name: the recorded verdict, and why"), async (vector) => {
    const found = await verdict(fromBase64(vector.packet_b64), ...given[vector.public_keys]);
    expect(found.ok).toBe(vector.accepted_with_keys);
    expect(found.code).toBe(found.ok ? 0 : 1);
    expect(found.problem).toBe(found.ok ? undefined : (reasons[vector.name] ?? "wrong_signature"));
    if (vector.name === "good_empty_keymap")
      expect(found.text).toContain("made with the key of somebody-else");
  });

  const prefixes = createPacket(
    { case: "jobRequest", value: { jobId: "j", topic: "job.x", labels: { env: "a", env_name: "b" } } },
    { senderId: "client-1" },
  );
  const client = toSigningKey(keyFile("client.pkcs8.pem"));
  const signed = (packet: BusPacket, over: Uint8Array): BusPacket => ({
    ...packet,
    signature: new Uint8Array(nodeSign("sha256", over, keyFile("client.pkcs8.pem"))),
  });

  it(
    req("cli.verify.reason", "the other map order: accepted, and refused where only one is wanted"),
    async () => {
      const { bytes } = await signPacket(prefixes, client, "upb");
      expect(await verdict(bytes, ...all)).toMatchObject({
        ok: true,
        signedOver: "upb order",
        advice: expect.any(String),
      });
      expect(await verdict(bytes, ...all, "--map-order", "spec")).toMatchObject({
        ok: false,
        problem: "map_order",
      });
      expect(await verdict(bytes, ...all, "--map-order", "upb")).toMatchObject({ ok: true });
      const spec = await signPacket(prefixes, client, "spec");
      expect(await verdict(spec.bytes, ...all, "--map-order", "upb")).toMatchObject({ problem: "map_order" });
      expect(await verdict(spec.bytes, ...all)).toMatchObject({ ok: true, signedOver: "spec order" });
    },
  );

  it(req("cli.verify.reason", "bytes that are not canonical, signed as they were"), async () => {
    const plain = create(BusPacketSchema, { ...prefixes, payload: { case: undefined } });
    const [head, payload] = [encodePacket(plain), encodePacket(prefixes).slice(encodePacket(plain).length)];
    const reversed = Buffer.concat([payload, head]);
    const { signature } = signed(prefixes, reversed);
    const bytes = Buffer.concat([reversed, Uint8Array.of(0x72, signature.length), signature]);
    expect(await verdict(bytes, ...all)).toMatchObject({ ok: false, problem: "not_canonical" });
    expect(await verdict(bytes, ...all, "--accept-raw-order")).toMatchObject({
      ok: true,
      signedOver: "received bytes",
    });
  });

  it(req("cli.verify.reason", "unknown fields that the signer dropped, at any depth"), async () => {
    const { signature } = signed(prefixes, canonicalBytes(prefixes).bytes);
    const bytes = Buffer.concat([encodePacket({ ...prefixes, signature }), Uint8Array.of(0xf8, 0x7f, 1)]);
    expect(await verdict(bytes, ...all)).toMatchObject({ problem: "unknown_fields_dropped" });
  });

  describe("profiles", () => {
    const scheduler = toSigningKey(keyFile("scheduler.pkcs8.pem"));
    const request = createPacket(
      { case: "jobRequest", value: { jobId: "j", topic: "job.x", tenantId: "t-1" } },
      { senderId: "scheduler-1" },
    );
    request.identity = create(IdentityBindingSchema, { tenantId: "t-1" });
    const seal = (packet: BusPacket, key = scheduler) =>
      sealProduction(packet, { key, keyId: "k-1", audience: "job.x" });
    const changed = (packet: BusPacket, change: Partial<BusPacket>) => encodePacket({ ...packet, ...change });

    it.each<[string, () => Promise<Uint8Array>, string[], string | undefined]>([
      ["genuine", () => seal(request), ["--subject", "job.x", "--tenant", "t-1"], undefined],
      ["genuine as far as is known", () => seal(request), [], undefined],
      ["another subject", () => seal(request), ["--subject", "job.y"], "wrong_audience"],
      ["another tenant", () => seal(request), ["--tenant", "t-2"], "wrong_tenant"],
      ["too late", () => seal(request), ["--at", "2036-01-01T00:00:00Z"], "expired"],
      ["too early", () => seal(request), ["--at", "2025-01-01T00:00:00Z"], "lifetime_too_long"],
      ["another key", () => seal(request, client), [], "wrong_key"],
      [
        "a mirror that differs",
        () => {
          const value = create(JobRequestSchema, { jobId: "j", topic: "job.x", tenantId: "t-2" });
          return seal({ ...request, payload: { case: "jobRequest", value } });
        },
        [],
        "identity_mismatch",
      ],
      [
        "changed",
        async () => changed(decodePacket(await seal(request)), { traceId: "x" }),
        [],
        "wrong_signature",
      ],
      [
        "signed as an ordinary packet",
        async () => {
          const sealed = decodePacket(await seal(request));
          return (await signPacket({ ...sealed, signature: new Uint8Array() }, scheduler)).bytes;
        },
        [],
        "other_domain",
      ],
      [
        "with a field nobody knows",
        async () => Buffer.concat([await seal(request), Uint8Array.of(0xc2, 0x3e, 1, 7)]),
        [],
        "malformed",
      ],
    ])(req("cli.verify.reason", "CAP-PRODUCTION: %s"), async (_, make, options, problem) => {
      const found = await verdict(await make(), ...all, ...options);
      expect(found.problem).toBe(problem);
      if (problem === undefined) expect(found.signedOver).toBe("CAP-PRODUCTION");
      if (problem === undefined && options.length === 0)
        expect(found.advice).toContain("--subject and --tenant");
    });

    it(req("cli.verify.reason", "a topic, a role and a replay, of ordinary packets and others"), async () => {
      const { bytes } = await signPacket(prefixes, client);
      expect(await verdict(bytes, ...all, "--subject", "job.y")).toMatchObject({ problem: "wrong_topic" });
      expect(await verdict(bytes, ...all, "--subject", "worker.w-1.jobs")).toMatchObject({ ok: true });
      const asClient = ["--role", "client-1=client", "--subject"];
      expect(await verdict(bytes, ...all, ...asClient, "sys.job.submit")).toMatchObject({ ok: true });
      expect(await verdict(bytes, ...all, ...asClient, "job.x")).toMatchObject({ problem: "wrong_role" });
      const before = file("before.bin", bytes);
      expect(await verdict(bytes, ...all, "--earlier", before)).toMatchObject({ problem: "replayed" });
      const other = await signPacket(prefixes, client);
      expect(await verdict(other.bytes, ...all, "--earlier", before)).toMatchObject({ ok: true });
      const sealed = await seal(request);
      const earlier = file("earlier.b64", Buffer.from(sealed).toString("base64"));
      expect(await verdict(sealed, ...all, "--earlier", earlier)).toMatchObject({ problem: "replayed" });
      const { code, err } = await run(["verify", "x", "--key", "k", "--role", "client-1=king"]);
      expect([code, err]).toEqual([2, expect.stringContaining("--role must be SENDER=client")]);
    });

    it.each(
      trust.negative.filter(({ phase, name }) => phase === "challenge" && !/^(oversize|empty)$/.test(name)),
    )(req("cli.verify.reason", "worker trust: $name"), async ({ name, packet_b64, now }) => {
      const found = await verdict(fromBase64(packet_b64), ...all, "--at", now);
      const reasons: Record<string, string> = {
        unsigned: "missing_signature",
        tamper_tenant: "wrong_signature",
        short_server_nonce: "broken_rule",
        second_pinned_key: "wrong_key",
        sender_other: "unknown_sender",
        token_in_challenge: "broken_rule",
        version_2: "broken_rule",
        lifetime_61s: "broken_rule",
        expired_at_bound: "expired",
        skew_plus_60_1us: "expired",
        unknown_field: "broken_rule",
        generic_signature: "other_domain",
        wrong_phase_domain: "wrong_signature",
        p1363_signature: "wrong_signature",
      };
      expect(found.problem).toBe(reasons[name]);
      if (found.ok) expect(found.signedOver).toBe("worker trust");
    });
  });

  it(req("cli.verify.reason", "both profiles take keys on P-256 only, whatever is allowed"), async () => {
    const p384 = (sender: string) => ["--key", `${sender}=${keys}/p384.pub.pem`, "--allow-p384"];
    const sealed = await sealProduction(createPacket({ case: "alert", value: {} }, { senderId: "s" }), {
      key: toSigningKey(generateKeyPair().privateKeyPem),
      keyId: "k",
      audience: "sys.alert",
    });
    expect(await verdict(sealed, ...p384("s"))).toMatchObject({ problem: "wrong_curve" });
    const { packet_b64, now } = trust.negative.find(({ name }) => name === "unsigned")!;
    const message = decodePacket(fromBase64(packet_b64));
    const signed = encodePacket({ ...message, signature: new Uint8Array([1]) });
    const found = await verdict(signed, ...p384(message.senderId), "--at", now);
    expect(found).toMatchObject({ problem: "wrong_curve" });
  });

  it("has a verdict on anything: bytes changed, cut, doubled or made up", async () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .tuple(fc.constantFrom(...packets, ...negative), fc.nat(), fc.nat(255), fc.nat())
        .map(([{ packet_b64 }, at, byte, end]) => {
          const bytes = fromBase64(packet_b64);
          if (bytes.length === 0) return bytes;
          bytes[at % bytes.length] = byte;
          return bytes.subarray(0, bytes.length - (end % 3));
        }),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (bytes) => {
        const found = await verdict(bytes, ...all);
        expect(found.code).toBe(found.ok ? 0 : 1);
        expect(found.ok).toBe(found.problem === undefined);
        const accepted = await openPacket(bytes, { keys: ring }).then(
          () => true,
          () => false,
        );
        expect(found.ok).toBe(accepted);
        const decoded = await run(["decode", "-", "--format", "raw", "--json"], { input: bytes });
        expect(decoded.code === 1 || found.problem !== "malformed").toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("a key without a sender is tried for every sender", async () => {
    const { bytes } = await signPacket(prefixes, client);
    expect((await verdict(bytes, "--key", `${keys}/client.pub.pem`)).ok).toBe(true);
    expect((await verdict(bytes, "--key", `${keys}/worker.pub.pem`)).problem).toBe("wrong_signature");
    const rotated = ["--key", `client-1=${keys}/worker.pub.pem`, "--key", `client-1=${keys}/client.pub.pem`];
    expect((await verdict(bytes, ...rotated)).ok).toBe(true);
  });

  it("says what is wrong in words, and what is wrong with a key", async () => {
    const text = await run(["verify", negative.find(({ name }) => name === "sig_p1363")!.packet_b64, ...all]);
    expect(text.out).toMatch(/^NOT VERIFIED \(signature_not_der\): .+\n {2}sender +client-1\n/);
    const fine = await run(["verify", packets[0]!.packet_b64, ...all], { color: true });
    expect(fine.out).toContain("\u001b[32mverified\u001b[39m");
    expect((await run(["verify", packets[0]!.packet_b64])).code).toBe(2);
    const cases: [string, RegExp][] = [
      [file("k", "hello"), /is not a PEM file/],
      [`${keys}/p384.pub.pem`, /the key of every sender cannot be used: .*P-384/],
      ["a=/no/such/key", /no such file/],
      [`a=${keys}/client.pkcs8.pem`, /contains a private key: pass the public key/],
    ];
    for (const [key, problem] of cases) {
      const { code, err } = await run(["verify", packets[0]!.packet_b64, "--key", key]);
      expect([code, err]).toEqual([1, expect.stringMatching(problem)]);
    }
    const frame = await run(["verify", "-", ...all], { input: '{"type":"ack"}' });
    expect([frame.code, frame.err]).toEqual([
      1,
      expect.stringContaining("expected a CAP packet, found json"),
    ]);
  });
});

/** JSON has no -0, ProtoJSON has. */
function protoJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => (Object.is(member, -0) ? "-0" : member));
}

describe("sign", () => {
  const usable = packets.filter(({ accepted_with_keys }) => accepted_with_keys);

  it.each(usable)(
    req("cli.sign", "$name: from ProtoJSON, over the recorded bytes, and it verifies"),
    async (vector) => {
      const argv = ["sign", "-", "--key", `${keys}/${vector.key}.pkcs8.pem`, "--map-order", "upb"];
      const { code, result } = await json(argv, { input: protoJson(vector.json) });
      expect(code).toBe(0);
      const { packet, sha256 } = result as { packet: string; sha256: string };
      expect(sha256).toBe(vector.sha256_hex);
      expect((await verdict(fromBase64(packet), ...all)).ok).toBe(true);
    },
  );

  it("takes ProtoJSON as text and a record of tap, and refuses an empty input", async () => {
    const key = ["--key", `${keys}/client.pkcs8.pem`, "--sender", "client-1"];
    const text = '{"jobRequest":{"jobId":"j","topic":"job.x"}}';
    const { out } = await run(["sign", text, ...key]);
    expect((await verdict(fromBase64(out), ...all)).ok).toBe(true);
    expect((await run(["decode", text])).out).toContain("CAP packet: jobRequest");
    const record = JSON.stringify({ protocol: "cap", raw: out.trim() });
    const again = await run(["sign", record, ...key]);
    expect((await verdict(fromBase64(again.out), ...all)).ok).toBe(true);
    for (const argv of [["decode"], ["sign", ...key], ["verify", ...all]]) {
      const { code, err } = await run(argv, { input: "" });
      expect([code, err]).toEqual([1, expect.stringContaining("the input is empty")]);
    }
  });

  it("signs bytes anew, keeps unknown fields, and writes base64, hex or a file", async () => {
    const { packet_b64 } = negative.find(({ name }) => name === "unknown_nested")!;
    const key = ["--key", `${keys}/worker.sec1.pem`, "--sender", "worker-1"];
    const base64 = await run(["sign", packet_b64, ...key]);
    expect((await verdict(fromBase64(base64.out), ...all)).ok).toBe(true);
    expect((await run(["decode", base64.out.trim()])).out).toMatch(/unknown field +job_request\./);
    const hex = await run(["sign", packet_b64, ...key, "--as", "hex"]);
    expect((await verdict(Buffer.from(hex.out.trim(), "hex"), ...all)).ok).toBe(true);
    const out = join(folder(), "signed.bin");
    expect((await run(["sign", packet_b64, ...key, "--out", out])).out).toContain("signed");
    expect((await verdict(new Uint8Array(readFileSync(out)), ...all)).ok).toBe(true);
    expect((await run(["sign", packet_b64, ...key, "--out", out])).err).toContain("already exists");
  });

  it("fills in what every packet has, refuses what breaks a rule, and warns of the two orders", async () => {
    const key = ["--key", `${keys}/client.pkcs8.pem`];
    const job = { jobRequest: { jobId: "j", topic: "job.x", labels: { a: "1", ab: "2" } } };
    const argv = ["sign", "-", ...key, "--sender", "client-1"];
    const { code, out, err } = await run(argv, { input: JSON.stringify(job) });
    expect([code, err]).toEqual([0, expect.stringContaining("map keys share a prefix")]);
    expect((await verdict(fromBase64(out), ...all)).signedOver).toBe("spec order");
    const exact = await run([...argv, "--exact"], { input: JSON.stringify(job) });
    expect([exact.code, exact.err]).toEqual([1, expect.stringContaining("trace_id")]);
    const nobody = await run(["sign", "-", ...key], { input: JSON.stringify(job) });
    expect([nobody.code, nobody.err]).toEqual([1, expect.stringContaining("sender_id: must not be empty")]);
    expect((await run(["sign", "-"], { input: "{}" })).code).toBe(2);
    expect((await run(["sign", "-", ...key, "--as", "raw"], { input: "{}" })).code).toBe(2);
    const wrong = await run(["sign", "-", "--key", `${keys}/client.pub.pem`], { input: "{}" });
    expect([wrong.code, wrong.err]).toEqual([
      1,
      expect.stringContaining('expected a PEM block "PRIVATE KEY"'),
    ]);
  });
});

describe("keygen", () => {
  it(req("cli.keygen", "makes a pair that signs and verifies, mode 0600"), async () => {
    const name = join(folder(), "client-9");
    const { code, out, result } = await json(["keygen", name]);
    const { privateKey, publicKey } = result as { privateKey: string; publicKey: string };
    expect([code, privateKey, publicKey]).toEqual([0, `${name}.key.pem`, `${name}.pub.pem`]);
    for (const path of [privateKey, publicKey]) expect(statSync(path).mode & 0o777).toBe(0o600);
    const pem = readFileSync(privateKey, "utf8");
    expect(pem).toContain("-----BEGIN PRIVATE KEY-----");
    expect(out).not.toContain(pem.split("\n")[1]);
    expect(createSign("sha256").update("x").sign(pem).length).toBeGreaterThan(60);
    const job = JSON.stringify({ jobRequest: { jobId: "j", topic: "job.x" } });
    const signed = await run(["sign", "-", "--key", privateKey, "--sender", "c"], { input: job });
    expect((await verdict(fromBase64(signed.out), "--key", `c=${publicKey}`)).ok).toBe(true);
  });

  it(req("cli.keygen", "overwrites neither file, and leaves no half of a pair"), async () => {
    const name = join(folder(), "k");
    await run(["keygen", name]);
    const digest = () =>
      createHash("sha256")
        .update(readFileSync(`${name}.key.pem`))
        .digest("hex");
    const before = digest();
    const again = await run(["keygen", name]);
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("already exists")]);
    expect(digest()).toBe(before);
    const half = join(folder(), "h");
    writeFileSync(`${half}.pub.pem`, "mine");
    expect((await run(["keygen", half])).code).toBe(1);
    expect([existsSync(`${half}.key.pem`), readFileSync(`${half}.pub.pem`, "utf8")]).toEqual([false, "mine"]);
    expect((await run(["keygen"])).code).toBe(2);
    expect((await run(["keygen", join(folder(), "no/such/folder")])).code).toBe(1);
  });
});
