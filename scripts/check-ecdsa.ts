/**
 * `tsx scripts/check-ecdsa.ts <folder>`: the verdicts of both backends on Wycheproof's ECDSA vectors, which are not
 * part of this repository. Takes every `ecdsa-*.json` of the folder; exit code 1 when a verdict differs.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defaultCrypto } from "../src/cap/crypto/backend.js";
import { nobleCrypto } from "../src/cap/crypto/noble.js";

interface Vectors {
  readonly testGroups: readonly {
    readonly publicKeyPem: string;
    readonly tests: readonly {
      readonly tcId: number;
      readonly comment: string;
      readonly msg: string;
      readonly sig: string;
      readonly result: "valid" | "invalid";
    }[];
  }[];
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: tsx scripts/check-ecdsa.ts <folder with ecdsa-*.json>");
const files = readdirSync(folder).filter((name) => /^ecdsa-.*\.json$/.test(name));
if (files.length === 0) throw new Error(`no ecdsa-*.json in ${folder}`);

for (const crypto of [defaultCrypto(), nobleCrypto]) {
  let total = 0;
  let right = 0;
  for (const file of files) {
    const { testGroups } = JSON.parse(readFileSync(join(folder, file), "utf8")) as Vectors;
    for (const { publicKeyPem, tests } of testGroups) {
      const key = crypto.verifyingKey(publicKeyPem, { allowP384: true });
      for (const { tcId, comment, msg, sig, result } of tests) {
        total++;
        const verdict = await key.verify(bytesOf(msg), bytesOf(sig));
        if (verdict === (result === "valid")) right++;
        else console.log(`${crypto.name}: ${file} ${tcId} is ${result}: ${comment}`);
      }
    }
  }
  console.log(`${crypto.name}: ${right} of ${total}`);
  if (right < total) process.exitCode = 1;
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
