/** A neuron under a gateway and a link that fail: every lease is answered once, and none after its cancel. */
import { setTimeout as pause } from "node:timers/promises";
import { AgentwireError } from "../../../src/core/errors.js";
import { Neuron } from "../../../src/neuron/index.js";
import type { BigBrainFault } from "../../../src/testing/big-brain/faults.js";
import { LocalBigBrain } from "../../../src/testing/index.js";
import { startProxy } from "../proxy.ts";
import { between, pick, type Random } from "../random.ts";
import { JumpingClock, type Protocol } from "../script.ts";
import { httpFaults } from "./http.ts";

export const neuron: Protocol = {
  name: "neuron",
  async open(_, cleanups) {
    const clock = new JumpingClock();
    const brain = await LocalBigBrain.start({
      logger: false,
      reapIntervalMs: 50,
      keepAliveMs: 100,
      leaseTtlMs: 5_000,
    });
    cleanups.push(() => brain.close());
    const link = await startProxy(Number(new URL(brain.url).port));
    cleanups.push(() => link.stop());
    const connect = (neuronId: string) =>
      new Neuron({
        gatewayUrl: `http://127.0.0.1:${link.port}`,
        neuronId,
        auth: () => "t",
        heartbeatIntervalMs: 50,
        initialReconnectDelayMs: 2,
        maxReconnectDelayMs: 50,
        idleTimeoutMs: 2_000,
        requestTimeoutMs: 2_000,
        clock,
        logger: false,
      });
    const runs = new Map<string, number>();
    /** Leases that may not be acked any more: their handler heeded an abort, or they were lost. */
    const ended = new Set<string>();
    const seen = new Set<string>();
    const own = connect("n-1");
    let untyped = 0;
    own.on("frame", (frame) => {
      if (frame.type === "lease") seen.add(frame.lease.leaseId);
    });
    own.on("error", (error) => {
      if (!(error instanceof AgentwireError)) untyped++;
    });
    own.handle({ type: "acme/work", scope: "any", concurrency: 16 }, async (input, ctx) => {
      const { ms, end, careless } = input as { ms: number; end: string; careless: boolean };
      runs.set(ctx.leaseId, (runs.get(ctx.leaseId) ?? 0) + 1);
      ctx.progress({ percent: 50 });
      await pause(ms);
      if (ctx.signal.aborted) {
        // A handler that goes on may still ack a lease that was cancelled, but not one that was lost.
        const isLost = (ctx.signal.reason as { code?: string }).code === "LEASE_LOST";
        if (isLost || !careless) ended.add(ctx.leaseId);
        if (!careless) throw ctx.signal.reason;
      }
      if (end === "terminal") ctx.fail("hopeless", { code: "NO" });
      if (end === "flaky" && ctx.task.attempt === 0) throw new Error("once more");
      return { ms };
    });
    await own.start();
    cleanups.push(() => own.stop({ drain: false }));

    const counts = { completed: 0, failed: 0, cancelled: 0, abandoned: 0 };
    const strike = (random: Random, fault: BigBrainFault) =>
      void brain.faults.add({ ...fault, times: between(random, 1, 6) });
    return {
      faults: {
        ...httpFaults(brain, link, clock),
        "stream is dropped": (random) => void brain.dropStreams({ how: pick(random, ["end", "drop"]) }),
        "stream ends after a post": (random) => strike(random, { kind: "drop-stream", on: "ack" }),
        "lease is sent twice": (random) => strike(random, { kind: "duplicate", on: "lease" }),
        "lease is lost": (random) => strike(random, { kind: "drop", on: "lease" }),
        "lease is cancelled": (random) =>
          strike(random, { kind: "cancel", on: "lease", afterMs: between(random, 0, 20) }),
        "acks are refused for a while": (random) =>
          strike(random, { kind: "status", on: "ack", status: 503 }),
        "acks come through, their answers do not": (random) =>
          strike(random, { kind: "drop", when: "after", on: "ack" }),
        "frame is garbage": (random) =>
          void brain.send("n-1", pick(random, ["data: {\n\n", 'data: {"type":"lease"}\n\n', "data: \0\n\n"])),
      },
      async work(n, random) {
        const end = pick(random, ["terminal", "flaky", ...Array<string>(14).fill("fine")]);
        const input = { ms: between(random, 0, 30), end, careless: random() < 0.3 };
        const taskId = `t-${n}`;
        const outcome = brain.submit({ capability: "acme/work", taskId, input, retry: { maxRetries: 100 } });
        if (random() < 0.1) void pause(between(random, 0, 20)).then(() => brain.cancel(taskId, "random"));
        counts[(await outcome).status]++;
      },
      async stop(n, random) {
        await own.stop(); // the connections of its pool come and go
        const one = connect(`stop-${n}`);
        const type = `acme/stop-${n}`;
        one.handle({ type, scope: "any", concurrency: 2 }, () => pause(between(random, 0, 10)));
        const started = one.start();
        const tasks = [0, 1, 2].map((i) => brain.submit({ capability: type, taskId: `stop-${n}-${i}` }));
        await pause(between(random, 0, 15));
        await one.stop({ drain: random() < 0.5, timeoutMs: between(random, 0, 20) });
        for (const i of [0, 1, 2]) brain.cancel(`stop-${n}-${i}`);
        brain.dropStreams({ neuronId: `stop-${n}` });
        return [started.catch(() => {}), ...tasks];
      },
      async verdict() {
        brain.faults.clear();
        await own.stop();
        const leases = new Map(brain.leases.map((lease) => [lease.leaseId, lease]));
        const answered = (id: string, type: string) =>
          leases.get(id)?.answers.some((one) => one.type === type);
        const stats = brain.stats();
        return {
          broken: {
            untyped,
            // Answered, or lost: then the task went to another lease.
            unanswered: [...seen].filter(
              (id) => leases.get(id)?.answers.length === 0 && leases.get(id)?.state !== "lost",
            ).length,
            ackedAfterEnd: [...ended].filter((id) => answered(id, "ack")).length,
            answeredTwice: stats.answeredTwice,
            runTwice: [...runs.values()].filter((count) => count > 1).length,
            stuck: stats.pendingTasks,
          },
          counts: { ...counts, succeeded: counts.completed, leases: stats.leases, aborted: ended.size },
        };
      },
    };
  },
};
