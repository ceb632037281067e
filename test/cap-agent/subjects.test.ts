import { describe, expect, it } from "vitest";
import { JobStatus } from "../../gen/cap/index.js";
import type { Bus } from "../../src/cap/index.js";
import { Agent } from "../../src/cap/index.js";
import { bound } from "../cap/bound-bus.ts";
import { req } from "../requirements/index.ts";
import { bench } from "./agent-bench.ts";

describe("subjects", () => {
  it(req("cap.agent.subjects", "each topic in its queue group, and the direct subject in none"), async () => {
    const set = await bench();
    const asked: [string, string | undefined][] = [];
    const bus: Bus = Object.assign(
      {},
      {
        ...bound(set.bus),
        subscribe: (subject: string, run: never, options: { queue?: string } = {}) => {
          asked.push([subject, options.queue]);
          return set.bus.subscribe(subject, run, options);
        },
      },
    );
    const agent = new Agent({ bus, store: set.store, workerId: "w-2" });
    agent.job("job.a", () => 1).job("job.b", () => 1);
    await agent.start();
    expect(asked).toEqual([
      ["sys.job.cancel", undefined],
      ["job.a", "job.a"],
      ["job.b", "job.b"],
      ["worker.w-2.jobs", undefined],
    ]);
  });

  it(
    req("cap.agent.direct", "the direct subject goes by the topic; an unknown one is only warned about"),
    async () => {
      const { agent, send, output, results, logged } = await bench();
      agent.job("job.a", () => "a").job("job.b", () => "b");
      await agent.start();
      await send({ jobId: "1", topic: "job.b" }, { subject: "worker.w-1.jobs" });
      await send({ jobId: "2", topic: "job.c" }, { subject: "worker.w-1.jobs" });
      expect(await output("1")).toBe("b");
      expect(results()).toHaveLength(1);
      expect(logged.filter((line) => line.includes("there is no handler for its topic"))).toHaveLength(1);
    },
  );

  it(req("cap.agent.topic-compared", "a topic's subject takes only requests for the topic"), async () => {
    const { agent, send, output } = await bench();
    agent.job("job.a", () => "a").job("job.b", () => "b");
    await agent.start();
    await send({ jobId: "1", topic: "job.b" }, { subject: "job.a" });
    await send({ jobId: "2", topic: "job.a" }, { subject: "job.a" });
    expect(await output("2")).toBe("a");
    expect(agent.stats).toMatchObject({ received: 2, refused: 1 });
  });

  it(req("cap.agent.never", "a reply subject is left alone"), async () => {
    const { agent, bus, client, results, clock, store } = await bench();
    let answered = 0;
    await bus.subscribe("inbox.1", () => answered++);
    agent.job("job.echo", () => 1);
    await agent.start();
    await store.set("x", new TextEncoder().encode("1"));
    const value = { jobId: "j", topic: "job.echo", contextPtr: "redis://x" };
    await client.send("job.echo", { case: "jobRequest", value }, "t", (subject, bytes) =>
      bus.publish(subject, bytes, { reply: "inbox.1" }),
    );
    await clock.settle();
    expect(results()).toMatchObject([{ status: JobStatus.SUCCEEDED }]);
    expect(answered).toBe(0);
  });

  it("other payloads and refused packets give no result, and are counted", async () => {
    const { agent, bus, client, results, clock } = await bench();
    agent.job("job.echo", () => 1);
    const refused: string[] = [];
    agent.on("refused", (error) => refused.push(error.name));
    await agent.start();
    await client.send("job.echo", { case: "jobCancel", value: { jobId: "j", requestedBy: "c" } });
    await bus.publish("job.echo", new Uint8Array([1, 2, 3]));
    await clock.settle();
    expect(agent.stats).toMatchObject({ received: 2, refused: 1 });
    expect([results().length, refused]).toEqual([0, ["MalformedPacketError"]]);
  });
});
