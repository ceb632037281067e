import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { contextKey, getBytes, getJson, limitedStore, putArtifact, putValue } from "agentwire/cap";
import { FileBlobStore } from "agentwire/cap/file";
import { RedisBlobStore } from "agentwire/cap/redis";

// With REDIS_URL, the values go where Cordum and the official SDKs read them.
const folder = await mkdtemp(join(tmpdir(), "blobs-"));
const store = limitedStore(
  process.env.REDIS_URL ? new RedisBlobStore({ ttlMs: 86_400_000 }) : new FileBlobStore({ folder }),
  { maxWriteBytes: 1024, timeoutMs: 2_000 },
);

const pointer = await putValue(store, contextKey("job-1"), { text: "hello" });
console.log(pointer, await getJson(store, pointer));

const image = await putArtifact(store, new Uint8Array([0x89, 0x50, 0x4e, 0x47]), { id: "image-1" });
console.log(image, (await getBytes(store, image)).length, "bytes");

await store.set("big", new Uint8Array(2000)).catch((error) => console.log(String(error)));

await store.close();
await rm(folder, { recursive: true });
