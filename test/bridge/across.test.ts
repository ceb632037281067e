import { describe, expect, it } from "vitest";
import {
  capabilityHandler,
  type ForwardOptions,
  forwardToCap,
  topicHandler,
  topicOf,
} from "../../src/bridge/index.js";
import { type AgentContext, getJson, InMemoryBlobStore } from "../../src/cap/index.js";
import { UnsupportedError } from "../../src/core/errors.js";
import { jsonSchema } from "../../src/core/json-schema.js";
import { defineCapability, type HandlerContext as NeuronContext } from "../../src/neuron/index.js";
import { memoryAgentPair } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";
import { overCap, overNeuron } from "./wires.ts";

const page = jsonSchema<{ url: string }>({
  type: "object",
  properties: { url: { type: "string" } },
  required: ["url"],
});

describe("a neuron capability on CAP", () => {
  const capability = defineCapability({ type: "acme/pages/digest", input: page, output: page });

  it(req("bridge.neuron-on-cap", "finds a task made of the job, and its schemas hold"), async () => {
    let seen: NeuronContext | undefined;
    const definition = capabilityHandler(capability, ({ url }, ctx) => {
      seen = ctx;
      ctx.progress({ percent: 50, message: "half" });
      return { url: url.toUpperCase() };
    });
    expect(topicOf(capability.type)).toBe("job.acme.pages.digest");
    await using cap = await overCap(definition, topicOf(capability.type));
    expect(await cap.submit({ url: "x" }, { id: "work-1" })).toEqual({ ended: "done", output: { url: "X" } });
    expect(seen).toMatchObject({
      leaseId: "work-1",
      task: { taskId: "work-1", capability: "acme/pages/digest", input: { url: "x" }, attempt: 0 },
    });
    expect(seen?.task.workflowId).toBe(seen?.correlationId);
    expect(cap.progress()).toEqual(["half"]);
    expect(await cap.submit({ url: 7 })).toMatchObject({ ended: "failed" });

    await using neuron = await overNeuron(definition);
    expect(await neuron.submit({ url: "y" }, { id: "work-2" })).toMatchObject({ output: { url: "Y" } });
    expect(seen).toMatchObject({ task: { taskId: "work-2", workflowId: "workflow-1" } });
    expect(seen?.leaseId).not.toBe("work-2");
  });

  it("takes a plain registration too", async () => {
    const registration = { type: "acme/echo", scope: "any", concurrency: 1, inputSchema: page } as const;
    await using cap = await overCap(capabilityHandler(registration, (input) => input));
    expect(await cap.submit({ url: "x" })).toMatchObject({ ended: "done" });
    expect(await cap.submit(1)).toMatchObject({ ended: "failed" });
  });
});

describe("a CAP topic on neuron", () => {
  it(
    req("bridge.cap-on-neuron", "finds a job made of the task, and keeps artifacts where it is told"),
    async () => {
      const store = new InMemoryBlobStore();
      let seen: AgentContext | undefined;
      const definition = topicHandler("job.digest", { input: page, store }, async ({ url }, ctx) => {
        seen = ctx;
        return { url, kept: await ctx.putArtifact({ url }, { id: "art-1" }) };
      });
      await using neuron = await overNeuron(definition);
      const ended = await neuron.submit({ url: "x" }, { id: "work-1" });
      expect(ended).toEqual({ ended: "done", output: { url: "x", kept: "redis://art:art-1" } });
      expect(await getJson(store, "redis://art:art-1")).toEqual({ url: "x" });
      expect(seen).toMatchObject({ jobId: "work-1", traceId: "work-1", attempt: 1, correlationId: "work-1" });
      expect(seen?.job).toMatchObject({ jobId: "work-1", topic: "job.digest", workflowId: "workflow-1" });
      expect(seen?.packet.payload).toMatchObject({ case: "jobRequest", value: { jobId: "work-1" } });

      await using cap = await overCap(definition);
      expect(await cap.submit({ url: "y" }, { id: "work-2" })).toMatchObject({ ended: "done" });
      expect(seen?.job.topic).toBe("job.test");
    },
  );

  it("says that artifacts want a store", async () => {
    let thrown: unknown;
    const definition = topicHandler("job.digest", {}, async (_, ctx) => {
      await ctx.putArtifact(1).catch((error: unknown) => {
        thrown = error;
      });
    });
    await using neuron = await overNeuron(definition);
    await neuron.submit({});
    expect(thrown).toBeInstanceOf(UnsupportedError);
  });
});

describe("CAP workers behind a capability", () => {
  async function behind(
    handler: (input: unknown, ctx: AgentContext) => unknown,
    request?: ForwardOptions["request"],
  ) {
    const pair = memoryAgentPair({ scheduler: { pools: { topics: { "job.far": "test" } } } });
    pair.agent.job("job.far", handler);
    await pair.start();
    const neuron = await overNeuron(
      forwardToCap({ client: pair.client, topic: "job.far", input: page, request }),
    );
    return {
      pair,
      neuron,
      async [Symbol.asyncDispose]() {
        await neuron[Symbol.asyncDispose]();
        await pair.close();
      },
    };
  }

  it(req("bridge.forward", "do the work: output, progress, and one correlation id"), async () => {
    let seen: AgentContext | undefined;
    await using far = await behind((input, ctx) => {
      seen = ctx;
      ctx.progress({ percent: 40, message: "far away" });
      return { got: input };
    });
    const ended = await far.neuron.submit({ url: "x" }, { id: "work-1", deadlineMs: 60_000 });
    expect(ended).toEqual({ ended: "done", output: { got: { url: "x" } } });
    expect(far.neuron.progress()).toEqual(["far away"]);
    expect(seen?.traceId).toBe("work-1");
    expect(seen?.deadline, "the lease is renewed while the job goes on").toBeUndefined();
    expect(await far.neuron.submit("no page")).toMatchObject({ ended: "failed" });
  });

  it("fail for good with their code and reason", async () => {
    await using far = await behind((_, ctx) => ctx.fail("the page is gone", { code: "PAGE_GONE" }));
    expect(await far.neuron.submit({ url: "x" })).toEqual({
      ended: "failed",
      code: "PAGE_GONE",
      reason: "the page is gone",
    });
  });

  it("may last longer than one life of the lease, which is renewed meanwhile", async () => {
    let finish!: () => void;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    await using far = await behind(() => finished);
    let beats = 0;
    far.neuron.brain.on("heartbeat", ({ inFlight }) => {
      if (inFlight.length > 0 && ++beats === 6) finish(); // two beats in one life
    });
    expect(await far.neuron.submit({ url: "x" }, { deadlineMs: 200 })).toMatchObject({ ended: "done" });
    expect(beats).toBeGreaterThanOrEqual(6);
  });

  it("are bounded where their request says so", async () => {
    let seen: AgentContext | undefined;
    await using far = await behind(
      (_, ctx) => {
        seen = ctx;
      },
      { deadlineMs: 60_000 },
    );
    expect(await far.neuron.submit({ url: "x" })).toMatchObject({ ended: "done" });
    expect(seen?.deadline).toBeLessThanOrEqual(Date.now() + 60_000);
  });

  it("are cancelled with the lease", async () => {
    let begun!: () => void;
    const running = new Promise<void>((resolve) => {
      begun = resolve;
    });
    let aborted!: () => void;
    const cut = new Promise<void>((resolve) => {
      aborted = resolve;
    });
    await using far = await behind((_, ctx) => {
      ctx.signal.addEventListener("abort", aborted);
      begun();
      return cut;
    });
    const ended = far.neuron.submit({ url: "x" }, { id: "work-1" });
    await running;
    await far.neuron.cancel("work-1");
    expect(await ended).toMatchObject({ ended: "cancelled" });
    await cut;
  });
});
