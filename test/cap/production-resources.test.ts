/** Resources behind structured references, and replay stores that workers share. */
import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ResourceRef } from "../../gen/cap/index.js";
import { InMemoryBlobStore } from "../../src/cap/index.js";
import { MemoryReplayStore, type ReplayStore, Resources } from "../../src/cap/production/index.js";
import { blobResolver, checkBeside } from "../../src/cap/production/resource.js";
import { RedisReplayStore } from "../../src/cap/redis/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { describeWithPeers, redisServer } from "../peers/ladder.ts";
import { type Running, startRedis } from "../peers/processes.ts";
import { req } from "../requirements/index.ts";

const bytes = new TextEncoder().encode('{"n":1}');
const put = { resolverId: "redis", name: "ctx:1", mediaType: "application/json", purpose: "job.context" };

async function make() {
  const clock = new FakeClock();
  const store = new InMemoryBlobStore();
  const resources = new Resources({ redis: blobResolver(store) }, { clock });
  const ref = await resources.put(bytes, { ...put, ttlMs: 60_000 });
  return { clock, store, resources, ref };
}

describe("resources", () => {
  it(req("cap.production.resource", "are put, referred to and handed over as they were"), async () => {
    const { resources, ref } = await make();
    expect(ref).toMatchObject({
      resolverId: "redis",
      uri: "redis://ctx:1",
      sizeBytes: 7n,
      purpose: "job.context",
    });
    const expected = { maxBytes: 7, mediaType: "application/json", purpose: "job.context" };
    expect(await resources.get(ref, expected)).toEqual(bytes);
  });

  it.each<[string, (ref: ResourceRef) => ResourceRef, object, string]>([
    ["another digest", (ref) => ({ ...ref, sha256: new Uint8Array(32) }), {}, "another SHA-256"],
    ["another size", (ref) => ({ ...ref, sizeBytes: 8n }), {}, "has 7 bytes, its reference says 8"],
    ["another type than expected", (ref) => ref, { mediaType: "text/plain" }, "expected text/plain"],
    ["another purpose than expected", (ref) => ref, { purpose: "job.result" }, "expected job.result"],
    ["more bytes than wanted", (ref) => ref, { maxBytes: 6 }, "larger than 6"],
    ["a resolver nobody installed", (ref) => ({ ...ref, resolverId: "s3" }), {}, "resolver is not installed"],
    ["nothing behind it", (ref) => ({ ...ref, uri: "redis://gone" }), {}, "no resource at redis://gone"],
  ])(req("cap.production.resource", "are not handed over: %s"), async (_, change, expected, message) => {
    const { resources, ref } = await make();
    await expect(resources.get(change(ref), expected)).rejects.toThrow(message);
  });

  it(req("cap.production.resource", "are not handed over once their time is over, nor fetched"), async () => {
    const { resources, ref, clock, store } = await make();
    await clock.advance(60_000);
    store.get = () => expect.unreachable();
    await expect(resources.get(ref)).rejects.toThrow("resource expiry is not in the future");
    await expect(resources.put(bytes, { ...put, mediaType: "Text" })).rejects.toThrow(
      "media type is not canonical",
    );
  });

  it("beside a legacy pointer must be the same key of the same resolver", async () => {
    const { ref } = await make();
    expect(() => checkBeside("redis://ctx:1", ref)).not.toThrow();
    expect(() => checkBeside("", ref)).not.toThrow();
    expect(() => checkBeside("redis://ctx:2", ref)).toThrow("legacy and structured references differ");
    expect(() => checkBeside("redis://ctx:1", { ...ref, resolverId: "s3" })).toThrow(
      "uses a different resolver",
    );
  });
});

const entry = (id: number, digest: number) => ({
  tenantId: "t",
  audience: "job.echo",
  senderId: "s",
  messageId: new Uint8Array(16).fill(id),
  digest: new Uint8Array(32).fill(digest),
  untilMs: Date.now() + 60_000,
});

function admitsOnce(open: () => ReplayStore): void {
  it(
    req("cap.production.admission", "admits a message once; another one under its id is a conflict"),
    async () => {
      const store = open();
      expect(await store.admit(entry(1, 1))).toBe("first");
      expect(await store.admit(entry(1, 1))).toBe("duplicate");
      expect(await store.admit(entry(1, 2))).toBe("conflict");
      expect(await store.admit({ ...entry(1, 1), tenantId: "other" })).toBe("first");
      expect(await store.admit(entry(2, 1))).toBe("first");
      const many = await Promise.all(Array.from({ length: 20 }, async () => store.admit(entry(3, 3))));
      expect(many.filter((verdict) => verdict === "first")).toHaveLength(1);
      expect(many.filter((verdict) => verdict === "duplicate")).toHaveLength(19);
      await expect(async () => store.admit({ ...entry(4, 1), untilMs: Date.now() })).rejects.toThrow(
        "in the future",
      );
    },
  );
}

describe("a replay store in memory", () => {
  admitsOnce(() => new MemoryReplayStore());

  it(
    req("cap.production.admission", "refuses what it cannot note, and forgets what has expired"),
    async () => {
      const clock = new FakeClock();
      const store = new MemoryReplayStore({ clock, maxEntries: 2 });
      const at = (id: number, ms: number) => ({ ...entry(id, 1), untilMs: clock.now() + ms });
      expect([store.admit(at(1, 1000)), store.admit(at(2, 2000))]).toEqual(["first", "first"]);
      expect(() => store.admit(at(3, 1000))).toThrow("the replay store is full");
      expect(store.admit(at(1, 1000))).toBe("duplicate");
      await clock.advance(1001);
      expect(store.admit(at(3, 1000))).toBe("first");
    },
  );
});

await describeWithPeers("replay stores in a real Redis", [redisServer], ([path]) => {
  let server: Running & { readonly url: string };
  beforeAll(async () => {
    server = await startRedis(path!);
  });
  afterAll(async () => server?.stop());

  describe("with ioredis", () => {
    let client: Redis;
    beforeAll(() => {
      client = new Redis(server.url);
    });
    afterAll(() => client.disconnect());
    admitsOnce(() => new RedisReplayStore({ client, keyPrefix: "a:" }));

    it("forgets a packet when it has expired", async () => {
      const store = new RedisReplayStore({ client, keyPrefix: "ttl:" });
      await store.admit(entry(9, 1));
      const [key] = await client.keys("ttl:*");
      expect(await client.pttl(key!)).toBeGreaterThan(50_000);
      expect(await client.pttl(key!)).toBeLessThanOrEqual(60_000);
    });
  });

  describe("with node-redis", () => {
    const client = createClient({ url: "redis://127.0.0.1" });
    const made: { client?: ReturnType<typeof createClient> } = {};
    beforeAll(async () => {
      made.client = createClient({ url: server.url });
      await made.client.connect();
    });
    afterAll(() => made.client?.destroy());
    admitsOnce(() => new RedisReplayStore({ client: made.client ?? client, keyPrefix: "b:" }));
  });

  it("a server that is gone refuses, and admits nothing", async () => {
    const store = new RedisReplayStore({ url: "redis://127.0.0.1:1/0", timeoutMs: 500, logger: false });
    await expect(store.admit(entry(1, 1))).rejects.toThrow();
    await store.close();
  });
});
