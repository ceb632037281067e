/** Inputs and outputs of jobs as files of one folder. */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ClosedError, UpstreamError } from "../../core/errors.js";
import type { BlobStore } from "../blob-store.js";
import { fileNameOf } from "./name.js";

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
