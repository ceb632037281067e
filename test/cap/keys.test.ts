import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { defaultCrypto, equalBytes } from "../../src/cap/crypto/backend.js";
import { toSigningKey } from "../../src/cap/crypto/key-ring.js";
import { generateKeyPair, KeyRing, MemoryBus, nobleCrypto } from "../../src/cap/index.js";
import { Party } from "../../src/cap/party.js";
import { ValidationError } from "../../src/core/errors.js";
import { req } from "../requirements/index.ts";
import { keyFile } from "./vectors.ts";

const data = new TextEncoder().encode("some bytes");

describe.each([defaultCrypto(), nobleCrypto])("keys with $name", (crypto) => {
  it.each(["client", "worker", "scheduler"])(
    req("cap.keys.formats", "%s: both private forms are the same key"),
    async (name) => {
      const publicPem = keyFile(`${name}.pub.pem`);
      const key = crypto.verifyingKey(publicPem);
      for (const form of ["pkcs8", "sec1"]) {
        const signing = crypto.signingKey(keyFile(`${name}.${form}.pem`));
        expect(signing.publicKeyPem.trim()).toBe(publicPem.trim());
        expect(await key.verify(data, await signing.sign(data))).toBe(true);
      }
    },
  );

  it("makes key pairs the other library understands, and signatures it verifies", async () => {
    for (const theirs of [defaultCrypto(), nobleCrypto]) {
      const pair = crypto.generateKeyPair();
      const signature = await theirs.signingKey(pair.privateKeyPem).sign(data);
      for (const verifier of [crypto, theirs]) {
        const key = verifier.verifyingKey(pair.publicKeyPem);
        expect(await key.verify(data, signature)).toBe(true);
        expect(await key.verify(data.slice(1), signature)).toBe(false);
        expect(await key.verify(data, new Uint8Array(0))).toBe(false);
      }
    }
  });

  it("verifies 200 signatures of the other library, with high and low s", async () => {
    const other = crypto === nobleCrypto ? defaultCrypto() : nobleCrypto;
    const signing = other.signingKey(keyFile("client.pkcs8.pem"));
    const key = crypto.verifyingKey(keyFile("client.pub.pem"));
    for (let i = 0; i < 200; i++) {
      const message = Uint8Array.of(i);
      expect(await key.verify(message, await signing.sign(message)), `${i}`).toBe(true);
    }
  });

  const wrong: [string, unknown][] = [
    ["nothing", undefined],
    ["a number", 7],
    ["text", "secret"],
    ["a damaged PEM", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"],
    ["a damaged public PEM", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"],
    ["a PEM without end", "-----BEGIN PRIVATE KEY-----\nAAAA"],
    ["a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
    ["a key on P-384", keyFile("p384.pkcs8.pem")],
    ["a public key on P-384", keyFile("p384.pub.pem")],
  ];
  it.each(wrong)(req("cap.keys.curve", "%s is no key"), (_, pem) => {
    expect(() => toSigningKey(pem as string, { crypto })).toThrow(ValidationError);
    expect(() => new KeyRing({ "client-1": pem as string }, { crypto })).toThrow(
      'public key of "client-1" cannot be used',
    );
  });

  it("a private key is no public key, nor the other way round", () => {
    expect(() => crypto.verifyingKey(keyFile("client.pkcs8.pem"))).toThrow(
      expect.objectContaining({ code: "INVALID_KEY" }),
    );
    expect(() => crypto.signingKey(keyFile("client.pub.pem"))).toThrow(
      expect.objectContaining({ code: "INVALID_KEY" }),
    );
  });

  it(req("cap.keys.secret", "nothing that holds a private key shows it"), () => {
    const { privateKeyPem } = generateKeyPair({ crypto });
    const secret = privateKeyPem.split("\n")[1]!;
    const key = toSigningKey(privateKeyPem, { crypto });
    const party = new Party({ bus: new MemoryBus().connect(), senderId: "s", privateKey: privateKeyPem });
    let thrown: unknown;
    try {
      crypto.signingKey(privateKeyPem.replace("\n", "\nAAAA"));
    } catch (error) {
      thrown = error;
    }
    const shown = [key, party, thrown]
      .map((value) => inspect(value, { depth: 20, showHidden: true }) + JSON.stringify(value))
      .join();
    expect(shown).not.toContain(secret);
    expect(inspect({ privateKeyPem }, { depth: 20 }), "the control leak is seen").toContain(secret);
    expect(thrown).toBeInstanceOf(ValidationError);
  });
});

it("a key ring holds each key once, whatever form it comes in, and lets go of one or all", () => {
  const [first, second] = [generateKeyPair().publicKeyPem, generateKeyPair().publicKeyPem];
  const ring = new KeyRing({ a: [first, { key: second, roles: ["client"] }], b: first, c: [] });
  const roles = () => ring.of("a").map((key) => key.roles);
  expect(roles()).toEqual([undefined, ["client"]]);
  ring.add("a", `\n${first.replaceAll("\n", "\\n")}`, { roles: ["worker"] });
  expect(roles()).toEqual([["client"], ["worker"]]);
  const parsed = defaultCrypto().verifyingKey(generateKeyPair().publicKeyPem);
  ring.add("a", parsed);
  ring.add("a", parsed, { roles: ["client"] });
  expect(roles()).toEqual([["client"], ["worker"], ["client"]]);
  expect([ring.remove("a", parsed), ring.remove("a", parsed)]).toEqual([true, false]);
  expect([ring.remove("a", first), roles()]).toEqual([true, [["client"]]]);
  expect([ring.remove("b", second), ring.of("b").length]).toEqual([false, 1]);
  expect([ring.remove("a"), ring.remove("a"), ring.of("a")]).toEqual([true, false, []]);
  for (const given of [null, 7, "pem"] as never[])
    expect(() => new KeyRing(given)).toThrow("publicKeys must be an object, a Map or a KeyRing, is ");
  expect(() => new KeyRing({ a: null as never })).toThrow('public key of "a" cannot be used');
});

it("bytes are equal if they are as long and hold the same", () => {
  const bytes = (...values: number[]) => Uint8Array.from(values);
  expect(equalBytes(bytes(1, 2), bytes(1, 2))).toBe(true);
  expect(equalBytes(bytes(), bytes())).toBe(true);
  for (const other of [bytes(1, 3), bytes(2, 1), bytes(1), bytes(1, 2, 0), bytes()])
    for (const [a, b] of [
      [bytes(1, 2), other],
      [other, bytes(1, 2)],
    ] as const)
      expect(equalBytes(a, b)).toBe(false);
  expect(equalBytes(bytes(0), bytes())).toBe(false);
});

it("a key ring refuses roles that there are not, and a sender without an id", () => {
  const { publicKeyPem } = generateKeyPair();
  const ring = new KeyRing();
  expect(() => ring.add("a", publicKeyPem, { roles: ["boss" as "client"] })).toThrow(
    'the roles of "a" must be a list of client, scheduler, worker',
  );
  expect(() => ring.add("", publicKeyPem)).toThrow("needs the id of its sender");
  expect(ring.of("a")).toEqual([]);
});
