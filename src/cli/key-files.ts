/** Keys of CAP senders, from PEM files. */
import { toSigningKey } from "../cap/crypto/key-ring.js";
import { errorText, ValidationError } from "../core/errors.js";
import { readBytes } from "./input.js";

/** Public keys in PEM by sender; `undefined` holds those without a sender. */
export type KeyFiles = ReadonlyMap<string | undefined, readonly string[]>;

/** Reads a private key in PEM. @throws ValidationError */
export async function readPrivateKey(path: string): Promise<string> {
  const pem = await readPem(path);
  try {
    toSigningKey(pem);
    return pem;
  } catch (error) {
    throw new ValidationError(`${path}: ${errorText(error)}`, { code: "INVALID_KEY" });
  }
}

/** Reads a public key in PEM. @throws ValidationError, also for a private key */
export async function readPublicKey(path: string): Promise<string> {
  const pem = await readPem(path);
  if (!pem.includes("PRIVATE KEY-----")) return pem;
  const text = `${path} contains a private key: pass the public key of the sender (NAME.pub.pem)`;
  throw new ValidationError(text, { code: "INVALID_KEY" });
}

/** Reads the keys of `sender=path` and plain `path` values. @throws ValidationError */
export async function readKeyFiles(values: readonly string[] = []): Promise<KeyFiles> {
  const keys = new Map<string | undefined, string[]>();
  for (const text of values) {
    const [sender, path] = senderAndPath(text);
    keys.set(sender, [...(keys.get(sender) ?? []), await readPublicKey(path)]);
  }
  return keys;
}

/** The parts of `sender=path`, or of a plain `path`. */
export function senderAndPath(text: string): readonly [sender: string | undefined, path: string] {
  const at = text.indexOf("=");
  return at < 1 ? [undefined, text] : [text.slice(0, at), text.slice(at + 1)];
}

/** The keys in the form of the `publicKeys` option. Undefined if there are none. */
export function publicKeysOf(files: KeyFiles): ReadonlyMap<string, readonly string[]> | undefined {
  if (files.size === 0) return undefined;
  const nameless = files.get(undefined);
  if (nameless !== undefined) {
    throw new ValidationError("--trust requires the sender of the key: --trust SENDER=PEM", {
      code: "INVALID_KEY",
    });
  }
  return files as ReadonlyMap<string, readonly string[]>;
}

async function readPem(path: string): Promise<string> {
  const text = new TextDecoder().decode(await readBytes(path));
  if (text.includes("-----BEGIN ")) return text;
  throw new ValidationError(`${path} is not a PEM file`, { code: "INVALID_KEY" });
}
