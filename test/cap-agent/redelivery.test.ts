/** How often a job of a stream is tried, and what its last delivery ends with. */
import { describe, expect, it } from "vitest";
import type { JobResult } from "../../gen/cap/index.js";
import { JobStatus, SUBJECT_DLQ } from "../../gen/cap/index.js";
import type { AgentOptions } from "../../src/cap/index.js";
import { InMemoryBlobStore, loggingMiddleware, MaxRetriesExceededError } from "../../src/cap/index.js";
import { jobError } from "../../src/cap/outcome.js";
import { req } from "../requirements/index.ts";
import { bench } from "./agent-bench.ts";
import { stream } from "./stream.ts";

async function durably(options: Partial<AgentOptions> = {}) {
  let told!: ReturnType<typeof stream>;
  const set = await bench({
    durable: (bus) => {
      told = stream(bus);
      return told.durable;
    },
    ...options,
  });
  const deliveries: number[] = [];
  set.agent.job("job.echo", (_, { delivery }) => {
    deliveries.push(delivery);
    return 1;
  });
  await set.agent.start();
  const dead = () =>
    set.heard
      .filter(({ subject }) => subject === SUBJECT_DLQ)
      .map(({ packet }) => packet.payload.value as JobResult);
  return { ...set, stream: told, deliveries, dead };
}

/** A store that fails to read, to write, or neither. */
function store() {
  const inner = new InMemoryBlobStore();
  const fault: { read?: Error; write?: Error } = {};
  return {
    fault,
    store: {
      get: async (key: string) => {
        if (fault.read !== undefined) throw fault.read;
        return inner.get(key);
      },
      set: async (key: string, value: Uint8Array) => {
        if (fault.write !== undefined && key.startsWith("res:")) throw fault.write;
        await inner.set(key, value);
      },
      close: async () => {},
    },
  };
}

describe("a store that is down", () => {
  it.each(["read", "write"] as const)(
    req("cap.agent.store-down", "(%s): the job is given back, later each time, then FAILED"),
    async (what) => {
      const { fault, store: faulty } = store();
      const {
        stream: told,
        send,
        results,
        dead,
        errors,
        agent,
      } = await durably({ store: faulty, maxDeliver: 8 });
      await faulty.set("ctx:j", new TextEncoder().encode("1"));
      fault[what] = new Error("redis: connection refused");
      for (let attempt = 1; attempt <= 8; attempt++) {
        told.setAttempt(attempt);
        await send({ contextPtr: "redis://ctx:j" });
      }
      expect(told.told.filter((line) => line.startsWith("back"))).toEqual(
        [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000].map((ms, i) => `back ${i + 1} ${ms}`),
      );
      expect(errors).toHaveLength(7);
      expect(results()).toMatchObject([
        { status: JobStatus.FAILED, errorCodeEnum: what === "read" ? 1002 : 1003 },
      ]);
      expect(dead()).toMatchObject([{ jobId: "j", workerId: "w-1", status: JobStatus.FAILED }]);
      expect(told.told).toContain("ack 8");
      expect(agent.inFlight).toBe(0);
    },
  );

  it(req("cap.agent.store-down", "and comes back: the job is done by a later delivery"), async () => {
    const { fault, store: faulty } = store();
    const { stream: told, send, results } = await durably({ store: faulty });
    await faulty.set("ctx:j", new TextEncoder().encode("1"));
    fault.read = new Error("down");
    await send({ contextPtr: "redis://ctx:j" });
    expect(results()).toEqual([]);
    delete fault.read;
    told.setAttempt(2);
    await send({ contextPtr: "redis://ctx:j" });
    expect(results()).toMatchObject([{ status: JobStatus.SUCCEEDED }]);
    expect(told.told.filter((line) => /^(back|ack)/.test(line))).toEqual(["back 1 1000", "ack 2"]);
  });

  it(
    req("cap.agent.store-down", "without a stream the job is FAILED at once: nobody would deliver it again"),
    async () => {
      const { fault, store: faulty } = store();
      const { agent, send, results } = await bench({ store: faulty });
      agent.job("job.echo", () => 1);
      await agent.start();
      fault.read = new Error("down");
      await send();
      expect(results()).toMatchObject([{ status: JobStatus.FAILED, errorMessage: "context fetch failed" }]);
    },
  );
});

describe("a job that ends its process every time", () => {
  it(
    req("cap.agent.max-deliver", "is not run once more, but FAILED and put on the dead letter queue"),
    async () => {
      const { stream: told, send, results, dead, deliveries } = await durably({ maxDeliver: 3 });
      told.setAttempt(3);
      await send({ jobId: "last" });
      expect([deliveries, results()[0]?.status, dead()]).toEqual([[3], JobStatus.SUCCEEDED, []]);
      told.setAttempt(4);
      await send({ jobId: "over" });
      expect(deliveries).toEqual([3]);
      const [, result] = results();
      expect(result).toMatchObject({
        jobId: "over",
        status: JobStatus.FAILED,
        errorMessage: "job not finished after 3 deliveries",
        errorCode: "max_retries_exceeded",
      });
      expect(jobError(result!)).toBeInstanceOf(MaxRetriesExceededError);
      expect(dead()).toEqual([result]);
      expect(told.told).toContain("ack 2");
    },
  );

  it(req("cap.agent.max-deliver", "10 is the default, and 0 is no bound"), async () => {
    const { stream: told, send, deliveries, dead } = await durably();
    told.setAttempt(11);
    await send();
    expect([deliveries, dead().length]).toEqual([[], 1]);
    const unbound = await durably({ maxDeliver: 0 });
    unbound.stream.setAttempt(1_000);
    await unbound.send();
    expect([unbound.deliveries, unbound.dead()]).toEqual([[1_000], []]);
  });
});

describe("an agent", () => {
  it(req("cap.agent.handler-error", "logs a handler's exception with its stack, and emits it"), async () => {
    const problem = new Error("disk full", { cause: new Error("ENOSPC") });
    const { agent, send, logged, results } = await bench({ retries: 1 });
    const seen: unknown[] = [];
    agent.on("handlerError", (event) => seen.push(event));
    agent.job("job.echo", () => Promise.reject(problem));
    await agent.start();
    await send();
    expect(results()).toMatchObject([{ errorMessage: "handler failed" }]);
    expect(seen).toEqual(
      [1, 2].map((attempt) => ({ jobId: "j", topic: "job.echo", attempt, error: problem })),
    );
    const line = logged.find((one) => one.startsWith("handler failed"))!;
    for (const part of ["disk full", "redelivery.test.ts", '"jobId":"j"']) expect(line).toContain(part);
  });

  it(req("cap.agent.queue", "answers FAILED when too many jobs wait"), async () => {
    const { agent, send, results, clock } = await bench({ maxQueued: 1 });
    let open!: () => void;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    agent.job("job.echo", () => opened);
    await agent.start();
    for (const jobId of ["1", "2", "3"]) await send({ jobId });
    expect(results()).toMatchObject([
      {
        jobId: "3",
        status: JobStatus.FAILED,
        errorMessage: "worker queue full: 1 jobs wait",
        errorCodeEnum: 201,
      },
    ]);
    open();
    await clock.settle();
    expect(results()).toHaveLength(3);
  });

  it(req("cap.agent.one-middleware", "takes the logging middleware of runWorker"), async () => {
    const lines: unknown[] = [];
    const log = (message: string, fields?: object) => void lines.push([message, fields]);
    const logger = { debug: log, info: log, warn: log, error: log };
    const { agent, send, results, clock } = await bench();
    agent.use(loggingMiddleware(logger, clock));
    agent.job("job.echo", async () => {
      await clock.advance(25);
      return 1;
    });
    await agent.start();
    await send();
    await clock.settle();
    expect(results()).toMatchObject([{ status: JobStatus.SUCCEEDED }]);
    expect(lines).toEqual([["job done", { jobId: "j", topic: "job.echo", durationMs: 25 }]]);
  });
});
