import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { pointerFor, putValue } from "../../src/cap/index.js";
import { RedisBlobStore } from "../../src/cap/redis/index.js";
import { req } from "../requirements/index.ts";
import { capPython, describeWithPeers, redisServer } from "./ladder.ts";
import { startRedis } from "./processes.ts";

/** Reads every key with the official store, and writes what it read back in reverse under `back:<key>`. */
const SCRIPT = `
import asyncio, json, sys
from cap.runtime import RedisBlobStore
async def main():
    store = RedisBlobStore(sys.argv[1])
    for key in json.loads(sys.argv[2]):
        value = await store.get(key)
        await store.set("back:" + key, value[::-1])
    await store.close()
asyncio.run(main())
`;

await describeWithPeers("cap-sdk-python over redis", [redisServer, capPython], ([redis, python]) => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  beforeAll(async () => {
    server = await startRedis(redis!);
  });
  afterAll(() => server.stop());

  it(req("cap.store.interop", "the official store finds our values, and ours finds its own"), async () => {
    const store = new RedisBlobStore({ url: server.url });
    const values: Record<string, Uint8Array> = {
      "ctx:job-1": new TextEncoder().encode('{"text":"é"}'),
      "ctx/job-1": Uint8Array.from({ length: 256 }, (_, i) => i),
      "127.0.0.1:6379/ctx:1": new Uint8Array([0]),
      ключ: new Uint8Array([0xff, 0xfe]),
      "res:empty": new Uint8Array(),
    };
    for (const [key, value] of Object.entries(values)) {
      expect(await putValue(store, key, value)).toBe(pointerFor(key));
    }
    execFileSync(python!, ["-c", SCRIPT, server.url, JSON.stringify(Object.keys(values))]);
    for (const [key, value] of Object.entries(values)) {
      expect(await store.get(`back:${key}`), key).toEqual(value.slice().reverse());
    }
    await store.close();
  });
});
