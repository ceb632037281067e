import { mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileBlobStore } from "../../src/cap/file/index.js";
import { fileNameOf } from "../../src/cap/file/store.js";
import type { BlobStore } from "../../src/cap/index.js";
import {
  contextKey,
  getBytes,
  getJson,
  InMemoryBlobStore,
  InvalidInputError,
  JobNotFoundError,
  limitedStore,
  putArtifact,
  putValue,
  ResourceExhaustedError,
  resultKey,
} from "../../src/cap/index.js";
import {
  AbortError,
  ClosedError,
  TimeoutError,
  UnsupportedError,
  UpstreamError,
  ValidationError,
} from "../../src/core/errors.js";
import { loadPeer } from "../../src/core/optional-peer.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("values", () => {
  const store = new InMemoryBlobStore();

  it(
    req("cap.store.values", "JSON and bytes go in and come out as they were, behind one pointer"),
    async () => {
      const pointer = await putValue(store, contextKey("j"), { text: "é", list: [1, null] });
      expect(pointer).toBe("redis://ctx:j");
      expect(await getJson(store, pointer)).toEqual({ text: "é", list: [1, null] });
      const binary = new Uint8Array([0, 255, 128, 10]);
      expect(await getBytes(store, await putValue(store, resultKey("j"), binary))).toEqual(binary);
      expect(await getJson(store, await putValue(store, "null", null))).toBe(null);
    },
  );

  it(req("cap.store.artifacts", "artifacts lie under art:<id>"), async () => {
    expect(await putArtifact(store, bytes("x"), { id: "a" })).toBe("redis://art:a");
    const [one, two] = [await putArtifact(store, { n: 1 }), await putArtifact(store, { n: 2 })];
    expect(one).toMatch(/^redis:\/\/art:[0-9a-f-]{36}$/);
    expect([await getJson(store, one), await getJson(store, two)]).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it("says what is wrong with a pointer, a value that is not there, and bytes that are not JSON", async () => {
    await expect(getBytes(store, "s3://b/k")).rejects.toBeInstanceOf(InvalidInputError);
    await expect(getBytes(store, "redis://nothing")).rejects.toBeInstanceOf(JobNotFoundError);
    for (const [i, junk] of [bytes("{"), bytes(""), new Uint8Array([0x22, 0xff, 0x22])].entries()) {
      const pointer = await putValue(store, `junk-${i}`, junk);
      await expect(getJson(store, pointer)).rejects.toMatchObject({ code: "NOT_JSON" });
    }
    const cycle: unknown[] = [];
    cycle.push(cycle);
    for (const value of [cycle, 1n, undefined, () => 1]) {
      await expect(putValue(store, "bad", value)).rejects.toMatchObject({ code: "NOT_SERIALIZABLE" });
    }
    expect(await store.get("bad")).toBeUndefined();
  });
});

describe("limits", () => {
  it(req("cap.store.limits", "a value of exactly the limit passes, one byte more does not"), async () => {
    const inner = new InMemoryBlobStore();
    const store = limitedStore(inner, { maxReadBytes: 3, maxWriteBytes: 4 });
    await store.set("a", bytes("abcd"));
    await expect(store.get("a")).rejects.toBeInstanceOf(ResourceExhaustedError);
    await expect(store.set("b", bytes("abcde"))).rejects.toMatchObject({ code: "JOB_RESOURCE_EXHAUSTED" });
    expect(await inner.get("b")).toBeUndefined();
    await store.set("c", bytes("abc"));
    expect(await store.get("c")).toEqual(bytes("abc"));
    expect(await store.get("none")).toBeUndefined();
    const open = limitedStore(inner, { maxReadBytes: 0, maxWriteBytes: -1 });
    await open.set("d", new Uint8Array(2 ** 21 + 1));
    expect((await open.get("d"))?.length).toBe(2 ** 21 + 1);
    await expect(limitedStore(inner).get("d")).rejects.toBeInstanceOf(ResourceExhaustedError);
  });

  it(
    req("cap.store.timeout", "a store that does not answer is given up after 5 s, or by the signal"),
    async () => {
      const clock = new FakeClock();
      const stuck: BlobStore = {
        get: () => new Promise(() => {}),
        set: () => new Promise(() => {}),
        close: async () => {},
      };
      const store = limitedStore(stuck, { clock });
      const calls = [store.get("a"), store.set("a", bytes("x"))];
      const settled = Promise.allSettled(calls);
      await clock.advance(4_999);
      expect(clock.pending).toBe(2);
      await clock.advance(1);
      for (const result of await settled) {
        expect((result as PromiseRejectedResult).reason).toBeInstanceOf(TimeoutError);
      }
      const controller = new AbortController();
      const cut = limitedStore(stuck, { clock, timeoutMs: 0, signal: controller.signal }).get("a");
      controller.abort();
      await expect(cut).rejects.toBeInstanceOf(AbortError);
      expect(clock.pending).toBe(0);
    },
  );
});

describe("file store", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "agentwire-store-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it(req("cap.store.file", "keeps bytes under any key, and keys never lead out of the folder"), async () => {
    const inside = join(folder, "a/b");
    const store = new FileBlobStore({ folder: inside });
    const keys = [
      "ctx:job-1",
      "ctx/job-1",
      "../../outside",
      "/etc/passwd",
      "..",
      ".",
      "a\\b",
      "nul\0",
      "A",
      "a",
      "ключ",
      "x".repeat(300),
      "x".repeat(301),
      "%41",
      "con",
    ];
    for (const key of keys) expect(await store.get(key)).toBeUndefined();
    for (const key of keys) await store.set(key, bytes(`value of ${key}`));
    for (const key of keys) expect(await store.get(key)).toEqual(bytes(`value of ${key}`));
    expect(await readdir(inside)).toHaveLength(keys.length);
    expect(await readdir(folder)).toEqual(["a"]);
    expect(await new FileBlobStore({ folder: inside }).get("ctx:job-1")).toEqual(bytes("value of ctx:job-1"));
  });

  it("names are different for different keys, also where case does not count", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, unit: "binary" }),
        fc.string({ minLength: 1, unit: "binary" }),
        (a, b) => {
          const [one, two] = [fileNameOf(a), fileNameOf(b)];
          expect(one).toMatch(/^[a-z0-9_%=-]{1,180}$/);
          expect(one === two).toBe(a === b);
        },
      ),
    );
    for (const key of ["", "\ud800", "a\udc00b"]) expect(() => fileNameOf(key)).toThrow(ValidationError);
  });

  it("does not follow a link, and replaces one it writes to", async () => {
    const store = new FileBlobStore({ folder });
    const secret = join(folder, "secret.txt");
    await writeFile(secret, "secret");
    await symlink(secret, join(folder, fileNameOf("k")));
    await expect(store.get("k")).rejects.toBeInstanceOf(UpstreamError);
    await store.set("k", bytes("mine"));
    expect(await store.get("k")).toEqual(bytes("mine"));
    expect((await readdir(folder)).filter((name) => name.endsWith(".draft"))).toEqual([]);
  });

  it("a folder that cannot be made is an error of the store, and a closed store says so", async () => {
    await writeFile(join(folder, "file"), "");
    const store = new FileBlobStore({ folder: join(folder, "file") });
    await expect(store.set("k", bytes("x"))).rejects.toMatchObject({ code: "FILE_STORE" });
    await expect(store.get("k")).rejects.toMatchObject({ code: "FILE_STORE" });
    await store.close();
    await store.close();
    await expect(store.get("k")).rejects.toBeInstanceOf(ClosedError);
  });
});

describe("optional packages", () => {
  it(
    req(
      "cap.store.peer-missing",
      "a package that is not installed is named with the command that installs it",
    ),
    async () => {
      const missing = Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
      const load = loadPeer("ioredis", "the Redis store", () => Promise.reject(missing));
      await expect(load).rejects.toBeInstanceOf(UnsupportedError);
      await expect(load).rejects.toThrow("npm install ioredis");
      const broken = new Error("syntax");
      await expect(loadPeer("ioredis", "x", () => Promise.reject(broken))).rejects.toBe(broken);
      expect(await loadPeer("x", "x", async () => 1)).toBe(1);
    },
  );
});
