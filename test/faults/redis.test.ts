/** Redis that is silent, fails over to a replica, or is a Cluster. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterEach, expect, it } from "vitest";
import { natsAgent } from "../../src/cap/nats/index.js";
import { pingRedis, RedisBlobStore, RedisResultCache } from "../../src/cap/redis/index.js";
import { readRedisUrl } from "../../src/cap/redis/url.js";
import { type AgentwireError, TimeoutError, UpstreamError, ValidationError } from "../../src/core/errors.js";
import { describeWithPeers, natsServer, redisServer } from "../peers/ladder.ts";
import { freePort, start, startNats } from "../peers/processes.ts";
import { silentServer } from "./silent-server.ts";
import { full } from "./sizes.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
const failure = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error as AgentwireError,
  );
const until = async (holds: () => boolean | Promise<boolean>) => {
  while (!(await holds())) await pause(20);
};
const bytes = (text: string) => new TextEncoder().encode(text);
const quiet = { env: {}, logger: false } as const;
/** Writes that a client confirmed, that failed, and that were lost. */
const print = (...cells: readonly unknown[]) => process.stdout.write(`| ${cells.join(" | ")} |\n`);

it("reads the URL of a server, of Sentinels and of a Cluster", () => {
  expect(readRedisUrl("redis://h")).toMatchObject({
    kind: "server",
    hosts: [{ host: "h", port: 6379 }],
    db: 0,
  });
  expect(readRedisUrl("rediss://u:p%40@[::1]:7/3")).toMatchObject({
    hosts: [{ host: "::1", port: 7 }],
    username: "u",
    password: "p@",
    db: 3,
    secure: true,
  });
  expect(readRedisUrl("redis+sentinel://:pw@a,b:1/mymaster/2")).toEqual({
    kind: "sentinel",
    hosts: [
      { host: "a", port: 26379 },
      { host: "b", port: 1 },
    ],
    username: "",
    password: "pw",
    master: "mymaster",
    db: 2,
    secure: false,
  });
  expect(readRedisUrl("rediss+cluster://a:1,b:2")).toMatchObject({ kind: "cluster", secure: true });
  for (const bad of [
    "http://h",
    "redis://",
    "redis://h/x",
    "redis://a,b",
    "redis+sentinel://a",
    "redis+cluster://a/1",
    "redis://u:hunter2%@h",
    "redis://u:hunter2@h:port",
    "redis://h/1/2",
  ]) {
    const error = (() => {
      try {
        return readRedisUrl(bad);
      } catch (thrown) {
        return thrown as AgentwireError;
      }
    })();
    expect(error, bad).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ code: "INVALID_REDIS_URL" });
    expect(String(error)).not.toContain("hunter2");
  }
});

async function silentRedis() {
  const { port, sockets, close } = await silentServer();
  cleanups.push(close);
  return { url: `redis://127.0.0.1:${port}`, sockets };
}

it("a silent server: every call ends in time, and no socket is left", async () => {
  const { url, sockets } = await silentRedis();
  expect(await failure(pingRedis({ url, ...quiet, connectTimeoutMs: 100 }))).toBeInstanceOf(TimeoutError);
  await until(() => sockets.size === 0);
  const store = new RedisBlobStore({ url, ...quiet, timeoutMs: 100 });
  expect(await failure(store.get("k"))).toBeInstanceOf(TimeoutError);
  const late = await failure(store.set("k", bytes("v")));
  expect(late).toBeInstanceOf(TimeoutError);
  expect(late?.retryable).toBe(true);
  await store.close();
  const finished = new RedisResultCache({ url, ...quiet, timeoutMs: 100 });
  expect(
    await failure(finished.find({ jobId: "j", tenantId: "", principalId: "", idempotencyKey: "" })),
  ).toBeInstanceOf(TimeoutError);
  await finished.close();
  await until(() => sockets.size === 0);
});

await describeWithPeers("an agent and a silent Redis", [natsServer], ([path]) => {
  it("the start fails in time and leaves nothing", async () => {
    const nats = await startNats(path!);
    cleanups.push(() => nats.stop());
    const { url, sockets } = await silentRedis();
    const agent = natsAgent({ natsUrl: nats.url, redisUrl: url, ioTimeoutMs: 300, ...quiet });
    agent.job("job.x", () => ({}));
    expect(await failure(agent.start())).toBeDefined();
    await agent.close();
    await until(() => sockets.size === 0);
  });
});

await describeWithPeers("more than one Redis", [redisServer], ([path]) => {
  const folder = () => {
    const made = mkdtempSync(join(tmpdir(), "agentwire-redis-"));
    cleanups.push(() => rmSync(made, { recursive: true, force: true }));
    return made;
  };
  const serve = async (args: readonly string[]) => {
    const port = await freePort();
    const common = ["--bind", "127.0.0.1", "--port", String(port), "--save", "", "--appendonly", "no"];
    const server = start(path!, [...common, "--dir", folder(), ...args]);
    cleanups.push(() => server.stop("SIGKILL"));
    await server.until(/ready to accept connections/i);
    const admin = new Redis(port, "127.0.0.1", { retryStrategy: () => null });
    admin.on("error", () => {});
    cleanups.push(() => admin.disconnect());
    return { ...server, port, admin };
  };

  it("a Sentinel failover in the middle of writes: none is lost", async () => {
    const master = await serve([]);
    const replica = await serve([
      ...["--replicaof", "127.0.0.1", String(master.port)],
      ...["--repl-diskless-sync", "no"],
    ]);
    await until(async () => (await replica.admin.info("replication")).includes("master_link_status:up"));
    const port = await freePort();
    const file = join(folder(), "sentinel.conf");
    writeFileSync(
      file,
      [
        `port ${port}`,
        "bind 127.0.0.1",
        `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`,
        "sentinel down-after-milliseconds mymaster 1000",
        "sentinel failover-timeout mymaster 4000",
        "",
      ].join("\n"),
    );
    const sentinel = start(path!, [file, "--sentinel"]);
    cleanups.push(() => sentinel.stop("SIGKILL"));
    await sentinel.until(/\+slave/);
    const store = new RedisBlobStore({
      url: `redis+sentinel://127.0.0.1:${port}/mymaster`,
      ...quiet,
      timeoutMs: 20_000,
    });
    cleanups.push(() => store.close());
    const written: string[] = [];
    const failed: string[] = [];
    let stop = false;
    const writers = Array.from({ length: 4 }, async (_, w) => {
      for (let i = 0; !stop; i++) {
        const key = `k-${w}-${i}`;
        await store.set(key, bytes(key)).then(
          () => written.push(key),
          (error: unknown) => failed.push(String(error)),
        );
        await pause(5);
      }
    });
    await until(() => written.length > 100);
    await master.admin.call("WAIT", "1", "1000"); // asynchronous replication may lose what nobody has copied
    await master.stop("SIGKILL");
    const before = written.length;
    await until(() => written.length > before + 100);
    stop = true;
    await Promise.all(writers);
    const kept = await Promise.all(written.slice(before).map((key) => store.get(key)));
    const lost = kept.filter((value) => value === undefined).length;
    if (full) print("master of a Sentinel killed", written.length, failed.length, lost);
    expect(failed).toEqual([]);
    expect(lost).toBe(0);
  });

  it("a Cluster: by URL and by option, and a single node says what to do", async () => {
    const nodes: Awaited<ReturnType<typeof serve>>[] = [];
    for (let i = 0; i < 3; i++) {
      nodes.push(await serve(["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]));
    }
    const slots = 16_384;
    for (const [i, { admin }] of nodes.entries()) {
      const [from, to] = [Math.ceil((i * slots) / 3), Math.ceil(((i + 1) * slots) / 3)];
      await admin.call("CLUSTER", "ADDSLOTS", ...Array.from({ length: to - from }, (_, k) => from + k));
      if (i > 0) await admin.call("CLUSTER", "MEET", "127.0.0.1", nodes[0]!.port);
    }
    await until(async () => {
      const states = await Promise.all(nodes.map(({ admin }) => admin.call("CLUSTER", "INFO")));
      return states.every((state) => String(state).includes("cluster_state:ok"));
    });
    const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`);
    for (const options of [
      { url: `redis+cluster://${hosts.join(",")}` },
      { url: `redis://${hosts[0]}`, cluster: true },
    ]) {
      const store = new RedisBlobStore({ ...options, ...quiet });
      const keys = Array.from({ length: 200 }, (_, i) => `k-${i}`);
      await Promise.all(keys.map((key) => store.set(key, bytes(key))));
      const values = await Promise.all(keys.map((key) => store.get(key)));
      const missing = values.filter((value) => value === undefined).length;
      if (full) print(`Cluster, ${options.url.split(":")[0]}`, keys.length, 0, missing);
      expect(values.map((value) => new TextDecoder().decode(value))).toEqual(keys);
      await store.close();
      expect(await pingRedis({ ...options, ...quiet })).toBeGreaterThan(0);
    }
    const single = new RedisBlobStore({ url: `redis://${hosts[0]}`, ...quiet });
    cleanups.push(() => single.close());
    const errors = await Promise.all(
      Array.from({ length: 20 }, (_, i) => failure(single.set(`k-${i}`, bytes("x")))),
    );
    const moved = errors.find((error) => error !== undefined);
    expect(moved).toBeInstanceOf(UpstreamError);
    expect(moved).toMatchObject({ code: "REDIS_REPLY", details: { reply: "MOVED" } });
    expect(moved?.message).toContain("redis+cluster://");
  });

  it("a replica says that it is one, and that a retry may help", async () => {
    const master = await serve([]);
    const replica = await serve(["--replicaof", "127.0.0.1", String(master.port)]);
    const store = new RedisBlobStore({ url: `redis://127.0.0.1:${replica.port}`, ...quiet });
    cleanups.push(() => store.close());
    const error = await failure(store.set("k", bytes("x")));
    expect(error).toMatchObject({ code: "REDIS_REPLY", retryable: true, details: { reply: "READONLY" } });
    expect(error?.message).toContain("redis+sentinel://");
  });
});
