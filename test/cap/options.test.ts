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
  submitAndWait,
  submitJob,
} from "../../src/cap/index.js";
import { openJetStream } from "../../src/cap/jetstream/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
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

  it.each<[string, readonly unknown[]]>([
    ["bus", [{}, "nats://h", { publish() {}, subscribe() {} }]], // the last one: a bare NATS connection
    ["store", [{}, "redis://h", { get() {} }]],
    ["durable", [{}, true, { publish() {} }]],
    ["dedupe", [{}, true, new Map()]],
    ["concurrency", [0, -1, 1.5]],
    ["maxDeliver", [-1, 1.5]],
    ["backoffMs", ["1s", -1, Number.NaN, {}]],
    ["workerId", ["", 7]],
    ["senderId", ["", 7]],
    ["labels", [{ a: 1 }, ["gpu"], "gpu"]],
    ["capabilities", [{ gpu: "yes" }, ["gpu"]]],
    ["metrics", [3, "on"]],
    ["load", [5, {}]],
    ["heartbeat", [5, {}]],
    ["exposeErrors", ["yes", 1]],
    ["granularStatus", ["yes", 1]],
    ["region", [7]],
    ["heartbeatToken", [7, {}]],
    ["middleware", [{}, () => 1]],
    ["logger", ["debug", 1]],
    ["clock", [{}, Date, { now: Date.now }]],
  ])("an agent refuses a %s that it could not work with", async (name, values) => {
    const parts = { bus: bus(), store: new InMemoryBlobStore(), logger: false as const };
    for (const value of values) await refused(name, () => new Agent({ ...parts, [name]: value }));
  });

  it("says what an option has to offer, and no bound that was not crossed", async () => {
    const parts = { bus: bus(), store: new InMemoryBlobStore(), logger: false as const };
    const message = async (options: object) =>
      ((await refusal(() => new Agent({ ...parts, ...options }))) as Error).message;
    expect(await message({ dedupe: {} })).toBe(
      "dedupe must be an object with find, keep, or a function, found a value of type object",
    );
    expect(await message({ concurrency: 0 })).toBe(
      "concurrency must be a whole number of at least 1, found 0",
    );
    expect(await message({ concurrency: 1e300 })).toBe(
      "concurrency must be a whole number of at least 1 and at most 9007199254740991, found 1e+300",
    );
  });

  it("a topic refuses a wait between attempts that is none", async () => {
    for (const backoffMs of ["1s", -1, {}] as never[]) {
      const agent = new Agent({ bus: bus(), store: new InMemoryBlobStore(), logger: false });
      await refused("backoffMs", () => agent.job("job.x", { backoffMs }, () => 1));
    }
  });

  it("runWorker refuses a signal that is none, and a subject that is none, before it connects", async () => {
    let connected = 0;
    const connect = () => {
      connected++;
      return bus();
    };
    const parts = { bus: connect, subject: "job.x", handler: () => ({}), logger: false as const };
    for (const signal of [{}, "now", new AbortController()] as never[])
      await refused("signal", () => runWorker({ ...parts, signal }));
    for (const subject of ["", "job x", undefined, 7] as never[])
      expect(await refusal(() => runWorker({ ...parts, subject }))).toMatchObject({
        code: "INVALID_SUBJECT",
      });
    expect(connected).toBe(0);
  });

  it("streams refuse what no server would take", async () => {
    await refused("bus", () => openJetStream(undefined as never));
    const parts = { publish() {}, subscribe() {}, status: () => (async function* () {})() } as never;
    for (const [name, values] of Object.entries({
      storage: ["ram", 1],
      replicas: [0, 6, 9, 1.5, "3"],
      startFrom: ["old", 0],
      createStreams: ["yes", 1],
      againMs: [-1, "5"],
    }))
      for (const value of values) await refused(name, () => openJetStream(parts, { [name]: value }));
  });

  it("a client refuses what cannot be submitted or cancelled", async () => {
    await using client = await openJobClient({ bus: bus(), senderId: "c", logger: false });
    for (const submission of [null, undefined, 7] as never[]) {
      await refused("the submission", () => client.submit(submission));
      await refused("the submission", () => client.submitAndWait(submission));
      await refused("the submission", () => client.start(submission));
    }
    for (const request of [null, undefined, 7] as never[]) {
      await refused("request", () => submitAndWait({ bus: bus(), senderId: "c", request }));
      await refused("request", () => submitJob({ bus: bus(), senderId: "c", request }));
    }
    await refused("the options", () => submitAndWait(null as never));
    for (const topic of ["job.>", "job.*", "job x"])
      for (const submit of [
        () => client.submit({ topic }),
        () => submitJob({ bus: bus(), senderId: "c", request: { topic } }),
      ])
        expect(await refusal(submit)).toMatchObject({ code: "INVALID_SUBJECT" });
    await refused("jobId", () => client.cancel(""));
    await refused("jobId", () => client.progress("").next());
    for (const store of [{}, "redis://h"] as never[])
      await refused("store", () => openJobClient({ bus: bus(), senderId: "c", logger: false, store }));
  });

  it("a list without a NATS server is not the default server", async () => {
    expect(await refusal(() => connectNats({ servers: [] }))).toMatchObject({ code: "INVALID_URL" });
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
