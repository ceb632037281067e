import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { join } from "node:path";
import type { Server } from "node:tls";
import { createServer } from "node:tls";
import { Redis } from "ioredis";
import { createClient, RESP_TYPES } from "redis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { getBytes, getJson, putArtifact, putValue } from "../../src/cap/index.js";
import { pingRedis, RedisBlobStore } from "../../src/cap/redis/index.js";
import { ConnectionError, UpstreamError } from "../../src/core/errors.js";
import { req } from "../requirements/index.ts";
import { describeWithPeers, redisServer } from "./ladder.ts";
import { startRedis } from "./processes.ts";

const pem = (name: string) => readFileSync(join(import.meta.dirname, "tls", name));
const file = (name: string) => join(import.meta.dirname, "tls", name);
const anyBytes = Uint8Array.from({ length: 256 }, (_, i) => i);

await describeWithPeers("redis-server", [redisServer], ([path]) => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  let ioredis: Redis;
  const makeNodeRedis = () => createClient({ url: server.url });
  let nodeRedis: ReturnType<typeof makeNodeRedis>;
  beforeAll(async () => {
    server = await startRedis(path!);
    ioredis = new Redis(server.url);
    nodeRedis = makeNodeRedis();
    await nodeRedis.connect();
  });
  afterAll(async () => {
    ioredis.disconnect();
    nodeRedis.destroy();
    await server.stop();
  });

  const stores = {
    "ioredis of its own": () => new RedisBlobStore({ url: server.url }),
    "an ioredis client": () => new RedisBlobStore({ client: ioredis }),
    "a node-redis client": () => new RedisBlobStore({ client: nodeRedis }),
  };

  it.each(Object.keys(stores) as (keyof typeof stores)[])(
    req("cap.store.redis", "keeps any bytes under the key as it is: %s"),
    async (kind) => {
      const store = stores[kind]();
      const keys = [`ctx:${kind}`, `127.0.0.1:6379/ctx:${kind}`, "ключ", " space "];
      for (const key of keys) {
        await store.set(key, anyBytes);
        expect(await store.get(key)).toEqual(anyBytes);
        expect(await ioredis.getBuffer(key)).toEqual(Buffer.from(anyBytes));
        expect(await ioredis.pttl(key)).toBe(-1);
      }
      expect(await store.get("nothing there")).toBeUndefined();
      await store.set("empty", new Uint8Array());
      expect(await store.get("empty")).toEqual(new Uint8Array());
      const part = anyBytes.subarray(100, 110);
      await store.set("part", part);
      expect(await store.get("part")).toEqual(part);
      expect(await getJson(store, await putValue(store, "res:j", { é: [1] }))).toEqual({ é: [1] });
      expect(await getBytes(store, await putArtifact(store, anyBytes))).toEqual(anyBytes);
      await store.close();
      await expect(store.get("empty")).rejects.toMatchObject({ code: "CLOSED" });
      expect(await ioredis.ping()).toBe("PONG");
      expect(await nodeRedis.ping()).toBe("PONG");
    },
  );

  it.each(Object.keys(stores) as (keyof typeof stores)[])(
    req("cap.store.ttl", "a time to live is the store's, or that of the one value: %s"),
    async (kind) => {
      const store = stores[kind]();
      await store.set("one", anyBytes, { ttlMs: 60_000 });
      const left = await ioredis.pttl("one");
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(60_000);
      await store.set("one", anyBytes);
      expect(await ioredis.pttl("one")).toBe(-1);
      await store.close();
      const short = new RedisBlobStore({ url: server.url, ttlMs: 1_000 });
      await short.set("two", anyBytes);
      expect(await ioredis.pttl("two")).toBeGreaterThan(0);
      await short.close();
    },
  );

  it("calls of one turn travel together, and come back to their own callers", async () => {
    const store = new RedisBlobStore({ url: server.url });
    await store.get("warm");
    const ids = Array.from({ length: 200 }, (_, i) => `k-${i}`);
    await Promise.all(ids.map((id) => store.set(id, new TextEncoder().encode(id))));
    const values = await Promise.all(ids.map((id) => store.get(id)));
    expect(values.map((value) => new TextDecoder().decode(value))).toEqual(ids);
    await store.close();
  });

  it("what redis refuses is an UpstreamError, with either library", async () => {
    await ioredis.rpush("a-list", "x");
    for (const kind of Object.keys(stores) as (keyof typeof stores)[]) {
      const store = stores[kind]();
      const error = await store.get("a-list").catch((error: unknown) => error);
      expect(error, kind).toBeInstanceOf(UpstreamError);
      expect(error).toMatchObject({ code: "REDIS_REPLY" });
      await store.close();
    }
    expect(RESP_TYPES.BLOB_STRING).toBe(36);
  });

  it(req("cap.store.ping", "pingRedis answers with a time, and says when nobody is there"), async () => {
    expect(await pingRedis({ url: server.url })).toBeGreaterThan(0);
    expect(await pingRedis({ env: { REDIS_URL: server.url } })).toBeGreaterThan(0);
    const wrong = pingRedis({ url: server.url.replace("redis://", "redis://u:hunter2@") });
    const error = await wrong.catch((error: unknown) => error);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).not.toContain("hunter2");
  });

  it("a store whose server goes away says so, and works again when it is back", async () => {
    const own = await startRedis(path!);
    const store = new RedisBlobStore({ url: own.url });
    await store.set("a", anyBytes);
    await own.stop();
    await expect(store.get("a")).rejects.toBeInstanceOf(ConnectionError);
    const again = await startRedis(path!, { port: own.port });
    expect(await store.get("a").catch(() => store.get("a"))).toBeUndefined();
    await store.close();
    await again.stop();
  });

  const frontDoor = async (options: object, use: (url: string) => Promise<void>) => {
    const door: Server = createServer(
      { cert: pem("server.pem"), key: pem("server.key"), ...options },
      (socket) => {
        const inner = connect(server.port, "127.0.0.1");
        socket.on("error", () => inner.destroy());
        inner.on("error", () => socket.destroy());
        socket.pipe(inner).pipe(socket);
      },
    );
    door.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
    try {
      await use(`rediss://127.0.0.1:${(door.address() as AddressInfo).port}/0`);
    } finally {
      await new Promise((resolve) => door.close(resolve));
    }
  };
  const trusting = { REDIS_TLS_CA: file("ca.pem"), REDIS_TLS_SERVER_NAME: "redis.test" };

  it(
    req("cap.store.tls", "rediss:// speaks TLS with the CA and the server name of the environment"),
    async () => {
      await frontDoor({}, async (url) => {
        const store = new RedisBlobStore({ url, env: trusting });
        await store.set("tls", anyBytes);
        expect(await store.get("tls")).toEqual(anyBytes);
        await store.close();
        expect(await ioredis.getBuffer("tls")).toEqual(Buffer.from(anyBytes));
      });
    },
  );

  it("a server nobody vouches for is refused, unless nobody is to look", async () => {
    await frontDoor({}, async (url) => {
      await expect(pingRedis({ url, env: {} })).rejects.toBeInstanceOf(ConnectionError);
      const otherName = { ...trusting, REDIS_TLS_SERVER_NAME: "other.test" };
      await expect(pingRedis({ url, env: otherName })).rejects.toBeInstanceOf(ConnectionError);
      expect(await pingRedis({ url, env: { REDIS_TLS_INSECURE: "1" } })).toBeGreaterThan(0);
    });
  });

  it("a client certificate is shown where the server asks for one, and TLS 1.1 is not spoken", async () => {
    await frontDoor({ ca: pem("ca.pem"), requestCert: true, rejectUnauthorized: true }, async (url) => {
      await expect(pingRedis({ url, env: trusting })).rejects.toBeInstanceOf(ConnectionError);
      const env = { ...trusting, REDIS_TLS_CERT: file("client.pem"), REDIS_TLS_KEY: file("client.key") };
      expect(await pingRedis({ url, env })).toBeGreaterThan(0);
    });
    await frontDoor({ minVersion: "TLSv1", maxVersion: "TLSv1.1" }, async (url) => {
      await expect(pingRedis({ url, env: trusting })).rejects.toBeInstanceOf(ConnectionError);
    });
  });
});
