/** Key files as openssl, python cryptography and people make them: one verdict on both backends. */
import { execFileSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { defaultCrypto } from "../../src/cap/crypto/backend.js";
import { CURVES, der, Tag } from "../../src/cap/crypto/key-form.js";
import { nobleCrypto } from "../../src/cap/index.js";
import { req } from "../requirements/index.ts";
import { keyFile } from "./vectors.ts";

const backends = [defaultCrypto(), nobleCrypto];
const data = new TextEncoder().encode("some bytes");
const folder = join(import.meta.dirname, "key-forms");
const files = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")] as const);

/** What happens to a PEM text on its way through environments, forms and editors. */
const changes: Readonly<Record<string, (pem: string) => string>> = {
  "with the line ends of Windows": (pem) => pem.replaceAll("\n", "\r\n"),
  "on one line, with \\n spelled out": (pem) => pem.replaceAll("\n", "\\n"),
  "on one line in quotes, with \\r\\n spelled out": (pem) => `"${pem.replaceAll("\n", "\\r\\n")}"`,
  "on one line, with blanks for line ends": (pem) => pem.replaceAll("\n", " "),
  "on one line, without line ends": (pem) => pem.replaceAll("\n", ""),
  "without its last line end": (pem) => pem.trimEnd(),
  indented: (pem) => pem.replace(/^/gm, "    "),
  "with empty lines": (pem) => pem.replaceAll("\n", "\n\n"),
  "behind a byte order mark": (pem) => `\uFEFF${pem}`,
  "behind text": (pem) => `Key of client-1 (256 bit) - keep it\n${pem}`,
};
const changed = Object.entries(changes);

async function expectSigns(privatePem: string, publicPem: string): Promise<void> {
  for (const crypto of backends) {
    const signing = crypto.signingKey(privatePem);
    expect(signing.publicKeyPem.trim()).toBe(publicPem.trim());
    const verifying = crypto.verifyingKey(publicPem);
    expect(await verifying.verify(data, await signing.sign(data))).toBe(true);
  }
}

async function expectVerifies(publicPem: string): Promise<void> {
  for (const crypto of backends) {
    const signature = await crypto.signingKey(keyFile("client.pkcs8.pem")).sign(data);
    expect(await crypto.verifyingKey(publicPem).verify(data, signature)).toBe(true);
    expect(await crypto.verifyingKey(publicPem).verify(data.slice(1), signature)).toBe(false);
  }
}

describe("a private key", () => {
  const forms = files.filter(([name]) => name.endsWith(".key.pem"));

  it.each(forms)(req("cap.keys.files", "in %s is read"), async (_, pem) => {
    await expectSigns(pem, keyFile("client.pub.pem"));
  });

  it.each(changed)(req("cap.keys.files", "%s is read"), async (_, change) => {
    for (const form of ["pkcs8", "sec1"])
      await expectSigns(change(keyFile(`client.${form}.pem`)), keyFile("client.pub.pem"));
  });

  it("is found beside its public key, and the other way round", async () => {
    const both = keyFile("client.pub.pem") + keyFile("client.sec1.pem");
    await expectSigns(both, keyFile("client.pub.pem"));
    await expectVerifies(keyFile("client.sec1.pem") + keyFile("client.pub.pem"));
  });
});

describe("a public key", () => {
  const forms = files.filter(([name]) => name.endsWith(".pub.pem"));

  it.each(forms)(req("cap.keys.files", "in %s is read"), async (_, pem) => {
    await expectVerifies(pem);
  });

  it.each(changed)(req("cap.keys.files", "%s is read"), async (_, change) => {
    await expectVerifies(change(keyFile("client.pub.pem")));
  });
});

describe("what is not a usable key", () => {
  const pem = (label: string, hex: string) =>
    `-----BEGIN ${label}-----\n${Buffer.from(hex, "hex").toString("base64")}\n-----END ${label}-----\n`;
  const sec1 = (scalar: string) => {
    const octets = `04${(scalar.length / 2).toString(16).padStart(2, "0")}${scalar}`;
    const content = `020101${octets}a00a06082a8648ce3d030107`;
    return pem("EC PRIVATE KEY", `30${(content.length / 2).toString(16).padStart(2, "0")}${content}`);
  };
  const order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

  it("is told alike by both backends", async () => {
    const wrongPoint = files.find(([name]) => name === "compressed.pub.pem")![1];
    const cases: readonly (readonly [string, string])[] = [
      ["-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----", "is encrypted"],
      [
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----",
        "is encrypted",
      ],
      [wrongPoint, 'expected a PEM block "PRIVATE KEY" or "EC PRIVATE KEY", found "PUBLIC KEY"'],
      ["", "expected PEM text with a block -----BEGIN PRIVATE KEY-----"],
      ["-----BEGIN PRIVATE KEY-----\nAAAA", "a BEGIN line without its END line"],
      [
        "-----BEGIN EC PRIVATE KEY-----\\n \\r\nProc-Type: 4,ENCRYPTED\n-----END EC PRIVATE KEY-----",
        "is encrypted",
      ],
      [pem("PRIVATE KEY", "3005020101"), "is cut off"],
      [sec1("00"), "out of range"],
      [sec1(order), "out of range"],
      [pem("EC PRIVATE KEY", "3006020101040105"), "does not name its curve"],
    ];
    for (const crypto of backends) {
      for (const [text, problem] of cases) {
        expect(() => crypto.signingKey(text)).toThrow(
          expect.objectContaining({
            code: "INVALID_KEY",
            message: expect.stringContaining(problem) as string,
          }),
        );
      }
      // A scalar may be written with leading zeros, or without those it has.
      expect(crypto.signingKey(sec1("05")).publicKeyPem).toBe(
        crypto.signingKey(sec1(`00${"05".padStart(64, "0")}`)).publicKeyPem,
      );
    }
  });

  it("is one with its curve written out, of whose numbers one is another or has no digits", () => {
    const { p, b, n, Gx, Gy } = CURVES["P-256"];
    const bytes = (text: string) => [...Buffer.from(text, "hex")];
    const oid = (text: string) => der(Tag.oid, bytes(text));
    const a = (BigInt(`0x${p}`) - 3n).toString(16);
    const right = { field: "2a8648ce3d0101", p, a, b, g: `04${Gx}${Gy}`, n };
    const key = ({ field, p, a, b, g, n }: typeof right) => {
      const curve = der(
        Tag.sequence,
        der(Tag.integer, [1]),
        der(Tag.sequence, oid(field), der(Tag.integer, bytes(p))),
        der(Tag.sequence, der(Tag.octetString, bytes(a)), der(Tag.octetString, bytes(b))),
        der(Tag.octetString, bytes(g)),
        der(Tag.integer, bytes(n)),
      );
      const head = der(Tag.sequence, oid("2a8648ce3d0201"), curve);
      const body = [...head, ...der(Tag.bitString, bytes(`00${right.g}`))];
      const hex = Buffer.from(body).toString("hex");
      return pem("PUBLIC KEY", `3082${body.length.toString(16).padStart(4, "0")}${hex}`);
    };
    for (const crypto of backends) {
      expect(crypto.verifyingKey(key(right))).toBeDefined();
      for (const number of Object.keys(right)) {
        for (const value of ["", "00", right.n.replace(/.$/, "0")]) {
          const wrong = key({ ...right, [number]: value });
          expect(() => crypto.verifyingKey(wrong)).toThrow(expect.objectContaining({ code: "INVALID_KEY" }));
        }
      }
    }
  });

  it("is a point that is not on the curve, or a hybrid one with the wrong parity", () => {
    const hybrid = files.find(([name]) => name === "hybrid.pub.pem")![1];
    const der = Buffer.from(hybrid.replace(/-----[^-]+-----|\s/g, ""), "base64");
    const form = der.length - 65;
    for (const spoil of [() => (der[form]! ^= 1), () => (der[der.length - 1]! ^= 2)]) {
      spoil();
      for (const crypto of backends) {
        expect(() => crypto.verifyingKey(pem("PUBLIC KEY", der.toString("hex")))).toThrow(
          expect.objectContaining({ code: "INVALID_KEY" }),
        );
      }
      if (spoil.toString().includes("form")) spoil();
    }
  });
});

describe.skipIf(!hasOpenssl())("keys that openssl makes now", () => {
  const work = mkdtempSync(join(tmpdir(), "agentwire-"));
  afterAll(() => rmSync(work, { recursive: true }));
  const openssl = (...args: string[]) =>
    execFileSync("openssl", args, { cwd: work, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

  it(req("cap.keys.files", "are read in every form it writes"), async () => {
    writeFileSync(join(work, "k.pem"), openssl("ecparam", "-name", "prime256v1", "-genkey"));
    const privatePem = readFileSync(join(work, "k.pem"), "utf8");
    const publicPem = createPublicKey(privatePem).export({ type: "spki", format: "pem" }) as string;
    await expectSigns(privatePem, publicPem);
    for (const form of ["compressed", "hybrid", "uncompressed"]) {
      for (const encoding of ["named_curve", "explicit"]) {
        const as = ["-in", "k.pem", "-conv_form", form, "-param_enc", encoding];
        await expectSigns(openssl("ec", ...as), publicPem);
        writeFileSync(join(work, "form.pem"), openssl("ec", ...as));
        await expectSigns(openssl("pkcs8", "-topk8", "-nocrypt", "-in", "form.pem"), publicPem);
        const key = defaultCrypto().signingKey(privatePem);
        for (const crypto of backends) {
          const verifying = crypto.verifyingKey(openssl("ec", ...as, "-pubout"));
          expect(await verifying.verify(data, await key.sign(data))).toBe(true);
        }
      }
    }
    openssl("req", "-x509", "-new", "-key", "k.pem", "-subj", "/CN=x", "-days", "1", "-out", "c.pem");
    openssl("pkcs12", "-export", "-inkey", "k.pem", "-in", "c.pem", "-passout", "pass:p", "-out", "b.p12");
    await expectSigns(openssl("pkcs12", "-in", "b.p12", "-passin", "pass:p", "-nodes"), publicPem);
    await expectSigns(openssl("pkey", "-in", "k.pem", "-text"), publicPem);
  });
});

function hasOpenssl(): boolean {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
