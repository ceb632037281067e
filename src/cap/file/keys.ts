/** Trusted keys from a folder. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { errorText, ValidationError } from "../../core/errors.js";
import { type CryptoOptions, KeyRing } from "../crypto/key-ring.js";

/** `<sender>.pub.pem`, and for a further key of the same sender `<sender>.2.pub.pem`. */
const NAME = /^(.+?)(?:\.\d+)?\.pub\.pem$/;

/**
 * Reads the public keys of a folder: `<sender>.pub.pem`, and `<sender>.2.pub.pem` for a sender with several. Other files
 * are ignored. Change the ring with `add` and `remove`; the folder is read once.
 *
 * @throws ValidationError `INVALID_KEY` for a folder or file that cannot be read, a folder without keys, and a file that
 * is not a public key.
 */
export async function loadKeyRing(folder: string, options: CryptoOptions = {}): Promise<KeyRing> {
  const ring = new KeyRing({}, options);
  let found = 0;
  try {
    for (const file of (await readdir(folder)).sort()) {
      const sender = NAME.exec(file)?.[1];
      if (sender === undefined) continue;
      ring.add(sender, await readFile(join(folder, file), "utf8"));
      found++;
    }
  } catch (cause) {
    throw new ValidationError(`keys of ${folder}: ${errorText(cause)}`, { code: "INVALID_KEY", cause });
  }
  if (found > 0) return ring;
  throw new ValidationError(`${folder} holds no keys: expected files named <sender>.pub.pem`, {
    code: "INVALID_KEY",
  });
}
