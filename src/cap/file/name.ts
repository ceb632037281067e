/** File names for keys: different for different keys on every file system, and never a path. */
import { createHash } from "node:crypto";
import { ValidationError } from "../../core/errors.js";

const LONGEST = 180;

/**
 * Every byte but a-z, 0-9, `-` and `_` as `%xx`, so that neither dots and slashes nor upper case, which some file
 * systems do not tell from lower case, get into a name. A long key becomes its SHA-256.
 *
 * @throws ValidationError `INVALID_KEY_TEXT` for an empty key, or one with half a surrogate pair.
 */
export function fileNameOf(key: string): string {
  const halfPair = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(key);
  if (key === "" || halfPair) {
    throw new ValidationError("a key must be a text of at least one character", { code: "INVALID_KEY_TEXT" });
  }
  const bytes = new TextEncoder().encode(key);
  let name = "";
  for (const byte of bytes) {
    const letter = String.fromCharCode(byte);
    name += /[a-z0-9_-]/.test(letter) ? letter : `%${byte.toString(16).padStart(2, "0")}`;
  }
  // No short name holds an equals sign, so the two kinds cannot meet.
  return name.length <= LONGEST ? name : `sha256=${createHash("sha256").update(bytes).digest("hex")}`;
}
