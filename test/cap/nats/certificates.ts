/** X.509 certificates for tests, made here: just enough DER for an authority and what it signs. */
import type { KeyObject } from "node:crypto";
import { createSign, generateKeyPairSync } from "node:crypto";

const SEQUENCE = 0x30;
const oids = {
  commonName: "550403",
  ecdsaWithSha256: "2a8648ce3d040302",
  basicConstraints: "551d13",
  subjectAltName: "551d11",
} as const;

function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), body]);
}

const sequence = (...parts: readonly Uint8Array[]) => tlv(SEQUENCE, ...parts);
const oid = (name: keyof typeof oids) => tlv(0x06, Buffer.from(oids[name], "hex"));
const nameOf = (commonName: string) =>
  sequence(tlv(0x31, sequence(oid("commonName"), tlv(0x0c, Buffer.from(commonName)))));
const timeOf = (ms: number) =>
  tlv(0x17, Buffer.from(new Date(ms).toISOString().replace(/^\d\d|[-:T]|\.\d+/g, "")));
const extension = (name: keyof typeof oids, value: Uint8Array) =>
  sequence(oid(name), tlv(0x01, Buffer.from([0xff])), tlv(0x04, value));

/** A certificate with its key, PEM. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
}

interface Issuer extends Certified {
  readonly name: string;
  readonly private: KeyObject;
}

/** An authority, and what makes certificates that it signed. */
export interface Authority extends Certified {
  /** `names` are DNS names or IPv4 addresses. `daysLeft` below 0 makes one that has expired. */
  issue(names: readonly string[], options?: { readonly daysLeft?: number }): Certified;
}

const DAY = 86_400_000;
let serial = 1;

function certify(
  subject: string,
  extensions: readonly Uint8Array[],
  daysLeft: number,
  issuer?: Issuer,
): Issuer {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const now = Date.now();
  const algorithm = sequence(oid("ecdsaWithSha256"));
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.from([serial++ & 0x7f])),
    algorithm,
    nameOf(issuer?.name ?? subject),
    sequence(timeOf(now - 10 * DAY), timeOf(now + daysLeft * DAY)),
    nameOf(subject),
    publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(...extensions)),
  );
  const signature = createSign("sha256")
    .update(body)
    .sign(issuer?.private ?? privateKey);
  const der = sequence(body, algorithm, tlv(0x03, Buffer.from([0]), signature));
  const lines = der.toString("base64").match(/.{1,64}/g)!;
  return {
    name: subject,
    private: privateKey,
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  };
}

function alternativeName(name: string): Uint8Array {
  const isAddress = /^[\d.]+$/.test(name);
  return isAddress ? tlv(0x87, Buffer.from(name.split(".").map(Number))) : tlv(0x82, Buffer.from(name));
}

/** A new authority. */
export function makeAuthority(name: string): Authority {
  const isAuthority = extension("basicConstraints", sequence(tlv(0x01, Buffer.from([0xff]))));
  const root = certify(name, [isAuthority], 1);
  return {
    cert: root.cert,
    key: root.key,
    issue: (names, { daysLeft = 1 } = {}) => {
      const extensions = [extension("subjectAltName", sequence(...names.map(alternativeName)))];
      const { cert, key } = certify(names[0]!, extensions, daysLeft, root);
      return { cert, key };
    },
  };
}
