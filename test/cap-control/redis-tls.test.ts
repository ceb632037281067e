import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { redisTlsFromEnv } from "../../src/cap/redis/connect.js";
import { pingRedis, RedisBlobStore } from "../../src/cap/redis/index.js";
import { redisCommands } from "../../src/cap/redis/session.js";
import { ClosedError, ConnectionError, UnsupportedError, ValidationError } from "../../src/core/errors.js";
import type { Logger } from "../../src/core/logger.js";
import { freePort } from "../peers/processes.ts";
import { req } from "../requirements/index.ts";

const tls = join(import.meta.dirname, "../peers/tls");
const file = (name: string) => join(tls, name);

describe("TLS from the environment", () => {
  it(
    req(
      "cap.store.tls-env",
      "CA, certificate with key, server name and insecure are read; never below TLS 1.2",
    ),
    async () => {
      expect(await redisTlsFromEnv({})).toEqual({ minVersion: "TLSv1.2", rejectUnauthorized: true });
      const all = await redisTlsFromEnv({
        REDIS_TLS_CA: file("ca.pem"),
        SSL_CERT_FILE: "/nowhere",
        REDIS_TLS_CERT: file("client.pem"),
        REDIS_TLS_KEY: file("client.key"),
        REDIS_TLS_SERVER_NAME: "redis.test",
        REDIS_TLS_INSECURE: "false",
      });
      expect(all).toMatchObject({
        minVersion: "TLSv1.2",
        servername: "redis.test",
        rejectUnauthorized: true,
      });
      expect(all.ca).toContain("BEGIN CERTIFICATE");
      expect(all.cert).toContain("BEGIN CERTIFICATE");
      expect(all.key).toContain("BEGIN PRIVATE KEY");
      expect((await redisTlsFromEnv({ SSL_CERT_FILE: file("ca.pem") })).ca).toBe(all.ca);
    },
  );

  it.each([
    ["1", false],
    ["true", false],
    ["TRUE", false],
    ["0", true],
    ["yes", true],
    ["", true],
  ])("REDIS_TLS_INSECURE=%s checks certificates: %s", async (value, expected) => {
    expect((await redisTlsFromEnv({ REDIS_TLS_INSECURE: value })).rejectUnauthorized).toBe(expected);
  });

  it("a certificate without its key, and a file that is not there, are refused", async () => {
    for (const env of [
      { REDIS_TLS_CERT: file("client.pem") },
      { REDIS_TLS_KEY: file("client.key") },
      { REDIS_TLS_CA: file("none.pem") },
    ]) {
      await expect(redisTlsFromEnv(env)).rejects.toMatchObject({ code: "INVALID_REDIS_TLS" });
    }
  });
});

describe("a Redis that is away", () => {
  it("is named, with the reason, by a call of the store and by a ping", async () => {
    const port = await freePort();
    const url = `redis://127.0.0.1:${port}`;
    await using store = new RedisBlobStore({ url, logger: false, timeoutMs: 60_000 });
    for (const call of [
      () => store.get("k"),
      () => pingRedis({ url, logger: false, connectTimeoutMs: 60_000 }),
    ]) {
      const error = await call().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConnectionError);
      expect(`${error}`).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}: .*ECONNREFUSED`));
    }
  });
});

describe("redis store without a server", () => {
  it("refuses what cannot be right before it connects, and never quotes the URL", async () => {
    for (const url of ["http://u:hunter2@h", "redis:", "hunter2", "redis://u:hunter2@h/x"]) {
      const error = await new RedisBlobStore({ url }).get("k").catch((error: unknown) => error);
      expect(error).toBeInstanceOf(ValidationError);
      expect(String(error)).not.toContain("hunter2");
    }
    expect(() => new RedisBlobStore({ ttlMs: 0 })).toThrow(ValidationError);
    expect(() => new RedisBlobStore({ ttlMs: 1.5 })).toThrow(ValidationError);
    expect(() => redisCommands({ set: () => 1 } as never)).toThrow(UnsupportedError);
  });

  it("a server that is not there is a ConnectionError, with no password in log or error", async () => {
    const logged: string[] = [];
    const log = (message: string, fields?: object) =>
      void logged.push(`${message} ${JSON.stringify(fields)}`);
    const logger: Logger = { debug: log, info: log, warn: log, error: log };
    const port = await freePort();
    const url = `redis://user:hunter2@127.0.0.1:${port}`;
    const store = new RedisBlobStore({ url, logger });
    const error = await store.get("k").catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ConnectionError);
    await store.close();
    await expect(store.get("k")).rejects.toBeInstanceOf(ClosedError);
    await expect(pingRedis({ url, logger })).rejects.toBeInstanceOf(ConnectionError);
    const { inspect } = await import("node:util");
    expect(inspect(error, { depth: 9, showHidden: true }) + logged.join() + inspect(store)).not.toContain(
      "hunter2",
    );
  });

  it("warns of a password in the clear, and of a certificate that nobody checks", async () => {
    const logged: string[] = [];
    const warn = (message: string) => void logged.push(message);
    const logger: Logger = { debug() {}, info() {}, warn, error() {} };
    const insecure = { env: { REDIS_TLS_INSECURE: "1" }, logger };
    const { connectRedis } = await import("../../src/cap/redis/connect.js");
    for (const options of [
      { url: "redis://:p@redis.test", logger },
      { url: "rediss://redis.test", ...insecure },
      { url: "redis://:p@127.0.0.1", logger },
      { url: "redis://redis.test", logger },
      { url: "redis://:p@other.test", logger, allowInsecure: true },
    ]) {
      (await connectRedis(options)).disconnect();
    }
    expect(logged).toEqual([
      "a password is sent unencrypted; use rediss://, or set allowInsecure",
      "the certificate of Redis is not checked: anybody on the way can read and change everything",
    ]);
  });
});
