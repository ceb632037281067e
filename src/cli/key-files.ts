/** Keys of CAP senders, from PEM files. */
import { toSigningKey } from "../cap/crypto/key-ring.js";
import { errorText, ValidationError } from "../core/errors.js";
import type { Args } from "./command.js";
import { readBytes } from "./input.js";

/** Public keys in PEM by sender; under `undefined` those that were given without one. */
export type KeyFiles = ReadonlyMap<string | undefined, readonly string[]>;

/** Reads a private key in PEM. @throws ValidationError */
export async function readPrivateKey(path: string): Promise<string> {
  const pem = await readPem(path);
  check(path, () => toSigningKey(pem));
  return pem;
}

/** The public key in a PEM file; of a private key, its public half. @throws ValidationError */
export async function readPublicKey(path: string): Promise<string> {
  const pem = await readPem(path);
  if (!/-----BEGIN (?:EC )?PRIVATE KEY-----/.test(pem)) return pem;
  return check(path, () => toSigningKey(pem).publicKeyPem);
}

/** Reads `sender=path` and plain `path` values of an option. @throws ValidationError */
export async function readKeyFiles(args: Args, option: string): Promise<KeyFiles> {
  const keys = new Map<string | undefined, string[]>();
  for (const text of args.texts(option)) {
    const at = text.indexOf("=");
    const sender = at < 1 ? undefined : text.slice(0, at);
    const pem = await readPublicKey(at < 1 ? text : text.slice(at + 1));
    keys.set(sender, [...(keys.get(sender) ?? []), pem]);
  }
  return keys;
}

/** The keys that name a sender, in the form that every party takes. Undefined when there are none. */
export function publicKeysOf(files: KeyFiles): ReadonlyMap<string, readonly string[]> | undefined {
  if (files.size === 0) return undefined;
  const nameless = files.get(undefined);
  if (nameless !== undefined) {
    throw new ValidationError("a key needs its sender here: --trust SENDER=PEM", { code: "INVALID_KEY" });
  }
  return files as ReadonlyMap<string, readonly string[]>;
}

async function readPem(path: string): Promise<string> {
  const text = new TextDecoder().decode(await readBytes(path));
  if (text.includes("-----BEGIN ")) return text;
  throw new ValidationError(`${path} holds no PEM text`, { code: "INVALID_KEY" });
}

function check<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ValidationError(`${path}: ${errorText(error)}`, {
      code: "INVALID_KEY",
    });
  }
}
