/** Inputs and outputs of jobs as files of one folder. */
import { createHash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ClosedError, UpstreamError, ValidationError } from "../../core/errors.js";
import type { BlobStore } from "../blob-store.js";

/** Longest file name that spells its key. */
const LONGEST = 180;

/** Options of {@link FileBlobStore}. */
export interface FileBlobStoreOptions {
  /** The folder that contains the values. It is created if it does not exist. */
  readonly folder: string;
}

/**
 * A {@link BlobStore} in a folder, for peers on one machine. A value is there whole or not at all; keys never
 * lead out of the folder, and links in it are not followed.
 *
 * Calls reject with ValidationError `INVALID_KEY_TEXT`, ClosedError, or UpstreamError `FILE_STORE` for what the
 * file system refuses.
 */
export class FileBlobStore implements BlobStore {
  readonly #folder: string;
  #closed = false;

  constructor(options: FileBlobStoreOptions) {
    this.#folder = resolve(options.folder);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const path = this.#path(key);
    return asUpstream("read", async () => {
      try {
        const flag = constants.O_RDONLY | constants.O_NOFOLLOW;
        return new Uint8Array(await readFile(path, { flag }));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    });
  }

  async set(key: string, value: Uint8Array): Promise<void> {
    const path = this.#path(key);
    // Has a dot, which no key's name has.
    const draft = join(this.#folder, `${randomUUID()}.draft`);
    await asUpstream("write", async () => {
      await mkdir(this.#folder, { recursive: true });
      try {
        await writeFile(draft, value, { flag: "wx", mode: 0o600 });
        await rename(draft, path);
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #path(key: string): string {
    if (this.#closed) throw new ClosedError("the store is closed");
    return join(this.#folder, fileNameOf(key));
  }
}

async function asUpstream<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new UpstreamError(`the file store cannot ${what}: ${code}`, { code: "FILE_STORE", cause });
  }
}

/**
 * A file name for a key: different for different keys on every file system, and never a path.
 *
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
