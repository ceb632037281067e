/**
 * `tsx scripts/check-production.ts <folder>`: the verdicts of both backends on the official `production-signing-v1.json`,
 * which is not part of this repository. Exit code 1 when one differs.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defaultCrypto } from "../src/cap/crypto/backend.js";
import { nobleCrypto } from "../src/cap/crypto/noble.js";
import { openProduction, takeApart } from "../src/cap/production/index.js";
import { keysById } from "../src/cap/trust/config.js";

interface Vector {
  readonly raw_base64: string;
  readonly unsigned_base64: string;
  readonly signature_base64: string;
  readonly preimage_digest_hex: string;
  readonly body_digest_hex?: string;
  readonly public_key_pem: string;
}

const [folder] = process.argv.slice(2);
if (folder === undefined)
  throw new Error("usage: tsx scripts/check-production.ts <folder with production-signing-v1.json>");
const vector = JSON.parse(readFileSync(join(folder, "production-signing-v1.json"), "utf8")) as Vector;
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "base64"));
const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
const raw = bytes(vector.raw_base64);

for (const crypto of [defaultCrypto(), nobleCrypto]) {
  const { signed, unsigned, signature } = takeApart(raw);
  const now = Date.UTC(2099, 0, 1) - 60_000;
  const trust = {
    audience: "sys.job.vector",
    tenantId: "tenant-vector",
    senderId: "worker-vector",
    keys: keysById("keys", { "vector-key": vector.public_key_pem }, { crypto }),
    clock: { now: () => now, monotonic: () => 0, setTimeout: () => 0, clearTimeout: () => {} },
  };
  const opens = async (data: Uint8Array) =>
    openProduction(data, trust).then(
      () => true,
      () => false,
    );
  const damaged = raw.map((byte, at) => (at === 20 ? byte ^ 1 : byte));
  const checks = {
    unsigned: Buffer.from(unsigned).equals(bytes(vector.unsigned_base64)),
    signature: Buffer.from(signature).equals(bytes(vector.signature_base64)),
    "preimage digest": sha256(signed) === vector.preimage_digest_hex,
    "body digest": sha256(unsigned) === (vector.body_digest_hex ?? sha256(unsigned)),
    "opens the packet": await opens(raw),
    "refuses it damaged": !(await opens(damaged)),
  };
  console.log(`${crypto.name}: body digest ${sha256(unsigned)}`);
  for (const [name, holds] of Object.entries(checks)) console.log(`  ${holds ? "ok  " : "FAIL"} ${name}`);
  if (Object.values(checks).includes(false)) process.exitCode = 1;
}
