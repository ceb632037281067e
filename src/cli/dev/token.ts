/** The token of the inspector page in a file of its own. */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { ValidationError } from "../../core/errors.js";
import { writeNew } from "../files.js";

/** The token in a file, which is created with mode 0600 if it does not exist. Undefined without a file. */
export async function readToken(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const kept = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new ValidationError(`cannot read --token-file ${path}: ${error.message}`, {
      code: "UNREADABLE_FILE",
    });
  });
  if (kept !== undefined) {
    if (/^[\w-]{20,200}$/.test(kept.trim())) return kept.trim();
    throw new ValidationError(`${path} holds no token: expected 20 to 200 letters, digits, - and _`, {
      code: "BAD_INPUT",
    });
  }
  const token = randomBytes(24).toString("base64url");
  await writeNew(path, `${token}\n`, { mode: 0o600 });
  return token;
}
