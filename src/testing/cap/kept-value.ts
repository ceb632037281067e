import type { BlobStore } from "../../cap/blob-store.js";

/** What is kept under a key: JSON decoded, else the bytes; undefined when nothing is there. */
export async function keptValue(store: BlobStore, key: string): Promise<unknown> {
  const bytes = await store.get(key);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return bytes;
  }
}
