/** Options that make no sense are refused where they are given, by name, whoever they are given to. */
import { describe, expect, it } from "vitest";
import {
  Agent,
  InMemoryBlobStore,
  limitedStore,
  MemoryBus,
  MemoryResultCache,
  openJobClient,
  runWorker,
} from "../../src/cap/index.js";
import { PacketLink } from "../../src/cap/packet/index.js";
import { ValidationError } from "../../src/core/errors.js";

const bus = () => new MemoryBus().connect();
const odd = [Number.NaN, "5", null, {}, true];
const named = (name: string) => new RegExp(`^${name} must be .+, found `);

/** The error of a call, thrown at once or later. */
async function refusal(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return "it was taken";
}

async function refused(name: string, call: () => unknown): Promise<void> {
  const error = await refusal(call);
  expect(error).toBeInstanceOf(ValidationError);
  expect((error as Error).message).toMatch(named(name));
}

describe("odd options", () => {
  it.each([
    "concurrency",
    "maxQueued",
    "graceMs",
    "resendForMs",
    "ioTimeoutMs",
    "goodbyeMs",
    "maxContextBytes",
    "maxResultBytes",
    "heartbeatIntervalMs",
    "abandonMs",
    "maxDeliver",
    "retries",
  ])("an agent refuses a %s that is not a number", async (name) => {
    const parts = { bus: bus(), store: new InMemoryBlobStore(), logger: false as const };
    for (const value of odd) await refused(name, () => new Agent({ ...parts, [name]: value }));
  });

  it("a topic refuses retries that are not a number", async () => {
    for (const retries of odd as number[]) {
      const agent = new Agent({ bus: bus(), store: new InMemoryBlobStore(), logger: false });
      await refused("retries", () => agent.job("job.x", { retries }, () => 1));
    }
  });

  it.each(["concurrency", "maxQueued", "graceMs", "resendForMs"])(
    "runWorker refuses a %s that is not a number",
    async (name) => {
      const parts = { bus: bus(), subject: "job.x", handler: () => ({}), logger: false as const };
      for (const value of odd) await refused(name, () => runWorker({ ...parts, [name]: value }));
    },
  );

  it("what has to be there is missed by name", async () => {
    const store = new InMemoryBlobStore();
    const none = {} as { bus: ReturnType<typeof bus>; store: InMemoryBlobStore };
    await refused("bus", () => new Agent({ ...none, store }));
    await refused("store", () => new Agent({ ...none, bus: bus() }));
    await refused("bus", () => runWorker({ ...none, subject: "job.x", handler: () => ({}) }));
    await refused("handler", () => runWorker({ bus: bus(), subject: "job.x" } as never));
    await refused("bus", () => openJobClient({ ...none, senderId: "c" }));
    await refused("bus", () => new PacketLink({ ...none, senderId: "c" }));
    await refused("senderId", () => openJobClient({ bus: bus() } as never));
    await refused("senderId", () => new Agent({ bus: bus(), store, senderId: 7 as never }));
    for (const options of [undefined, null, 1] as never[]) {
      await refused("the options", () => new Agent(options));
      await refused("the options", () => runWorker(options));
      await refused("the options", () => openJobClient(options));
      await refused("the options", () => new PacketLink(options));
    }
  });

  it("a peer refuses limits that would limit nothing", async () => {
    const parts = { bus: bus(), senderId: "w", publicKeys: {}, logger: false as const };
    for (const value of odd as number[]) {
      await refused("maxAgeMs", () => new PacketLink({ ...parts, maxAgeMs: value }));
      await refused("maxPacketBytes", () => new PacketLink({ ...parts, maxPacketBytes: value }));
      await refused("perMinute", () => new PacketLink({ ...parts, alerts: { perMinute: value } }));
      await refused("mapOrder", () => new PacketLink({ ...parts, mapOrder: value as never }));
    }
    for (const key of odd as never[]) {
      for (const options of [{ privateKey: key }, { publicKeys: { a: key } }]) {
        const error = await refusal(() => new PacketLink({ ...parts, ...options }));
        expect(error).toMatchObject({ name: "ValidationError", code: "INVALID_KEY" });
      }
    }
  });

  it("a client refuses waits and limits that are not numbers", async () => {
    const store = new InMemoryBlobStore();
    await using client = await openJobClient({ bus: bus(), senderId: "c", logger: false });
    const job = { topic: "job.x" };
    for (const value of odd as number[]) {
      await refused("timeoutMs", () => client.submitAndWait(job, { timeoutMs: value }));
      await refused("timeoutMs", () => client.start(job, { timeoutMs: value }));
      await refused("deadlineMs", () => client.submit({ ...job, deadlineMs: value }));
      await refused("concurrency", () => client.submitMany([job], { concurrency: value }));
      await refused("ioTimeoutMs", () =>
        openJobClient({ bus: bus(), senderId: "c", logger: false, ioTimeoutMs: value }),
      );
      await refused("maxReadBytes", () => limitedStore(store, { maxReadBytes: value }));
      await refused("maxEntries", () => new MemoryResultCache({ maxEntries: value }));
      await refused("ttlMs", () => new MemoryResultCache({ ttlMs: value }));
    }
    await refused("read", () => client.submitAndWait(job, { read: "text" as never }));
    expect(client.waiting).toBe(0);
  });
});
