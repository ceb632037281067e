import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JobResult } from "../../gen/cap/index.js";
import { ErrorCode, JobResultSchema, JobStatus } from "../../gen/cap/index.js";
import type { ResultCache } from "../../src/cap/index.js";
import { MemoryResultCache } from "../../src/cap/index.js";
import { RedisResultCache } from "../../src/cap/redis/index.js";
import type { JobIdentity } from "../../src/cap/result-cache.js";
import { cachedBytes, readCached } from "../../src/cap/result-cache.js";
import { ProtocolError, UnsupportedError, ValidationError } from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { describeWithPeers, redisServer } from "../peers/ladder.ts";
import { startRedis } from "../peers/processes.ts";
import { req } from "../requirements/index.ts";

const job = (jobId: string, idempotencyKey = "", tenantId = "t", principalId = "p"): JobIdentity => ({
  jobId,
  idempotencyKey,
  tenantId,
  principalId,
});
const result = (jobId: string, text: string): JobResult =>
  create(JobResultSchema, {
    jobId,
    workerId: "w",
    status: JobStatus.FAILED,
    errorMessage: text,
    errorCodeEnum: ErrorCode.JOB_INVALID_INPUT,
    executionMs: 12n,
    resultRef: { uri: "redis://res:1", sha256: Uint8Array.of(0, 255) },
  });

function firstWins(open: () => ResultCache): void {
  it(req("cap.finished.first", "keeps the first result of a job and gives it from then on"), async () => {
    const store = open();
    expect(await store.find(job("a"))).toBeUndefined();
    const first = result("a", "one");
    expect(toBinary(JobResultSchema, await store.keep(job("a"), first))).toEqual(
      toBinary(JobResultSchema, first),
    );
    const second = await store.keep(job("a"), result("a", "two"));
    expect(cachedBytes(second)).toEqual(cachedBytes(first));
    expect(cachedBytes((await store.find(job("a")))!)).toEqual(cachedBytes(first));
    await store.close();
  });

  it(
    req("cap.finished.first", "of any number that keep at the same time, all are given the same"),
    async () => {
      const store = open();
      const texts = Array.from({ length: 20 }, (_, i) => `text ${i}`);
      const kept = await Promise.all(
        texts.map((text, i) => store.keep(job(i % 2 ? "b1" : "b2", "together"), result("b", text))),
      );
      expect(new Set(kept.map(({ errorMessage }) => errorMessage)).size).toBe(1);
      expect((await store.find(job("b1")))?.errorMessage).toBe(kept[0]!.errorMessage);
      expect((await store.find(job("never seen", "together")))?.errorMessage).toBe(kept[0]!.errorMessage);
      await store.close();
    },
  );

  it(req("cap.finished.tenant", "an idempotency key is the tenant's own"), async () => {
    const store = open();
    await store.keep(job("c1", "key", "ann"), result("c1", "ann's"));
    expect(await store.find(job("c2", "key", "bob"))).toBeUndefined();
    expect((await store.keep(job("c2", "key", "bob"), result("c2", "bob's"))).errorMessage).toBe("bob's");
    expect((await store.find(job("c3", "key", "ann")))?.errorMessage).toBe("ann's");
    // Names cannot be put together so that they look like others.
    await store.keep(job("c4", 'y"]', 'x","'), result("c4", "odd"));
    expect(await store.find(job("c5", '","y"]', "x"))).toBeUndefined();
    await store.close();
  });

  it("a job whose result is there keeps it, whatever idempotency key it comes with", async () => {
    const store = open();
    await store.keep(job("d"), result("d", "first"));
    expect((await store.keep(job("d", "late"), result("d", "second"))).errorMessage).toBe("first");
    await store.close();
  });
}

describe("results as bytes", () => {
  it("are read as they were written, and refused when they are no result of a finished job", () => {
    const running = create(JobResultSchema, { jobId: "x", status: JobStatus.RUNNING });
    expect(() => readCached(cachedBytes(running))).toThrow(ProtocolError);
    expect(() => readCached(new Uint8Array())).toThrow(ProtocolError);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        let read: JobResult;
        try {
          read = readCached(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
          return;
        }
        expect(read.jobId).not.toBe("");
      }),
    );
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.string(),
        fc.bigInt({ min: 0n, max: 1n << 62n }),
        (id, t, ms) => {
          const given = { ...result(id, t), executionMs: ms };
          expect(readCached(cachedBytes(given))).toEqual(given);
        },
      ),
    );
  });
});

describe("MemoryResultCache", () => {
  firstWins(() => new MemoryResultCache());

  it(
    req("cap.finished.bounded", "forgets after its time, and the least used beyond its number"),
    async () => {
      const clock = new FakeClock();
      const store = new MemoryResultCache({ clock, ttlMs: 1000, maxEntries: 2 });
      await store.keep(job("a", "k"), result("a", "one"));
      await clock.advance(999);
      expect((await store.find(job("a")))?.errorMessage).toBe("one");
      await clock.advance(1);
      expect(await store.find(job("a", "k"))).toBeUndefined();
      expect((await store.keep(job("a", "k"), result("a", "two"))).errorMessage).toBe("two");
      await store.keep(job("b"), result("b", "b"));
      await store.find(job("a"));
      await store.keep(job("c"), result("c", "c"));
      expect(store.size).toBe(2);
      expect(await store.find(job("b"))).toBeUndefined();
      expect(await store.find(job("a"))).toBeDefined();
      await store.close();
      expect(store.size).toBe(0);
    },
  );

  it("says what is wrong with its options", () => {
    expect(() => new MemoryResultCache({ maxEntries: 0 })).toThrow(ValidationError);
    expect(() => new MemoryResultCache({ ttlMs: Number.NaN })).toThrow(ValidationError);
  });

  it("does not share its results with who gave or got them", async () => {
    const store = new MemoryResultCache();
    const given = result("a", "one");
    (await store.keep(job("a"), given)).errorMessage = "changed";
    given.errorMessage = "changed";
    expect((await store.find(job("a")))?.errorMessage).toBe("one");
  });
});

await describeWithPeers("RedisResultCache", [redisServer], ([path]) => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  let ioredis: Redis;
  const makeNodeRedis = () => createClient({ url: server.url });
  let nodeRedis: ReturnType<typeof makeNodeRedis>;
  let run = 0;
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
    "ioredis of its own": (options = {}) => new RedisResultCache({ url: server.url, ...options }),
    "an ioredis client": (options = {}) => new RedisResultCache({ client: ioredis, ...options }),
    "a node-redis client": (options = {}) => new RedisResultCache({ client: nodeRedis, ...options }),
  };

  describe.each(Object.keys(stores) as (keyof typeof stores)[])("with %s", (kind) => {
    firstWins(() => stores[kind]({ keyPrefix: `test:${++run}:` }));

    it(
      req("cap.finished.redis-keys", "documented keys, bytes of the JobResult, a time to live"),
      async () => {
        await ioredis.flushall();
        const store = stores[kind]();
        const kept = result("a", "one");
        await store.keep(job("a", "k", "t"), kept);
        const keys = ['agentwire:finished:job:["t","p","a"]', 'agentwire:finished:key:["t","k"]'];
        expect((await ioredis.keys("*")).sort()).toEqual(keys);
        for (const key of keys) {
          expect(new Uint8Array((await ioredis.getBuffer(key))!)).toEqual(toBinary(JobResultSchema, kept));
          const ttl = await ioredis.pttl(key);
          expect(ttl).toBeGreaterThan(86_000_000);
          expect(ttl).toBeLessThanOrEqual(86_400_000);
        }
        await store.close();
      },
    );

    it(req("cap.finished.junk", "junk is logged, counts as missing, and is replaced"), async () => {
      const lines: string[] = [];
      const logger = { debug() {}, info() {}, warn() {}, error: (message: string) => lines.push(message) };
      const store = stores[kind]({ keyPrefix: "junk:", logger });
      await ioredis.set('junk:job:["t","p","a"]', "\xff\xfe not a result");
      await ioredis.set('junk:key:["t","k"]', Buffer.from([1, 2, 3]));
      expect(await store.find(job("a", "k"))).toBeUndefined();
      expect(lines).toHaveLength(2);
      expect((await store.keep(job("a", "k"), result("a", "one"))).errorMessage).toBe("one");
      expect((await store.find(job("b", "k")))?.errorMessage).toBe("one");
      expect((await store.find(job("a")))?.errorMessage).toBe("one");
      await store.close();
    });
  });

  it("a worker that died between its two keys has still answered both", async () => {
    const store = new RedisResultCache({ client: ioredis, keyPrefix: "half:" });
    await ioredis.set('half:key:["t","k"]', Buffer.from(cachedBytes(result("a", "one"))));
    expect((await store.keep(job("a", "k"), result("a", "two"))).errorMessage).toBe("one");
    expect((await store.find(job("a")))?.errorMessage).toBe("one");
  });

  it("says what is wrong with its options and that it is closed", async () => {
    expect(() => new RedisResultCache({ ttlMs: 1.5 })).toThrow(ValidationError);
    expect(() => new RedisResultCache({ client: {} as never })).toThrow(UnsupportedError);
    const store = new RedisResultCache({ client: ioredis });
    await store.close();
    await expect(store.find(job("a"))).rejects.toMatchObject({ code: "CLOSED" });
    expect(await ioredis.ping()).toBe("PONG");
  });
});
