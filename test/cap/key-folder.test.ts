/** Trusted keys from a folder, and a key that an agent changes while it runs. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SUBJECT_RESULT } from "../../gen/cap/index.js";
import { toSigningKey } from "../../src/cap/crypto/key-ring.js";
import { loadKeyRing } from "../../src/cap/file/index.js";
import { Agent, generateKeyPair, InMemoryBlobStore, KeyRing, MemoryBus } from "../../src/cap/index.js";
import { createPacket, encodePacket, sealPacket } from "../../src/cap/packet.js";
import { Party } from "../../src/cap/party.js";
import { openPacket } from "../../src/cap/verify.js";
import { ValidationError } from "../../src/core/errors.js";

const [first, second, other] = [generateKeyPair(), generateKeyPair(), generateKeyPair()];
const request = { case: "jobRequest", value: { jobId: "j", topic: "job.x" } } as const;

describe("keys in a folder", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "agentwire-keys-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const verifies = async (keys: KeyRing, senderId: string, { privateKeyPem }: typeof first) => {
    const bytes = await sealPacket(createPacket(request, { senderId }), { key: toSigningKey(privateKeyPem) });
    return openPacket(bytes, { keys }).then(
      () => true,
      () => false,
    );
  };

  it("are trusted under the names of their files, several a sender", async () => {
    await writeFile(join(folder, "c.1.pub.pem"), first.publicKeyPem);
    await writeFile(join(folder, "c.2.pub.pem"), second.publicKeyPem);
    await writeFile(join(folder, "my.scheduler.pub.pem"), other.publicKeyPem);
    await writeFile(join(folder, "notes.txt"), "no key");
    const keys = await loadKeyRing(folder);
    expect(await verifies(keys, "c", first)).toBe(true);
    expect(await verifies(keys, "c", second)).toBe(true);
    expect(await verifies(keys, "c", other)).toBe(false);
    expect(await verifies(keys, "my.scheduler", other)).toBe(true);
    expect(keys.remove("c", first.publicKeyPem)).toBe(true);
    expect(await verifies(keys, "c", first)).toBe(false);
  });

  it.each([
    ["a folder without keys", async () => {}, "holds no keys"],
    ["a private key", () => writeFile(join(folder, "c.pub.pem"), first.privateKeyPem), '"PRIVATE KEY"'],
    ["a folder that is not there", () => rm(folder, { recursive: true }).then(() => {}), "ENOENT"],
  ])("%s is refused", async (_, prepare, text) => {
    const expected = folder;
    await prepare();
    const error = await loadKeyRing(expected).catch((thrown: unknown) => thrown as ValidationError);
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ code: "INVALID_KEY" });
    expect((error as ValidationError).message).toContain(text);
    folder = await mkdtemp(join(tmpdir(), "agentwire-keys-"));
  });
});

it("an agent signs with the key it was given last, before the start and while it runs", async () => {
  const memory = new MemoryBus();
  const bus = memory.connect();
  const keys = new KeyRing({ w: first.publicKeyPem });
  let heard = 0;
  const watcher = new Party({ bus: memory.connect(), senderId: "watcher", publicKeys: keys, logger: false });
  await watcher.receive(SUBJECT_RESULT, { onPacket: () => heard++ });
  const store = new InMemoryBlobStore();
  const agent = new Agent({ bus, store, workerId: "w", pool: "p", logger: false, goodbyeMs: 0 });
  agent.job("job.x", () => 1);
  agent.useKey(first.privateKeyPem);
  expect(() => agent.useKey("secret")).toThrow(expect.objectContaining({ code: "INVALID_KEY" }));
  await agent.start();
  const run = async () => {
    await bus.publish("job.x", encodePacket(createPacket(request, { senderId: "c" })));
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    return heard;
  };
  expect(await run()).toBe(1);
  agent.useKey(second.privateKeyPem);
  expect(await run()).toBe(1);
  keys.add("w", second.publicKeyPem);
  expect(await run()).toBe(2);
  await agent.close();
});
