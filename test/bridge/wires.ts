/** The two worker wires behind one interface: a test of handlers runs on both, word for word. */
import { JobStatus } from "../../gen/cap/index.js";
import type { AgentwireError } from "../../src/core/errors.js";
import type { HandlerDefinition } from "../../src/handler/index.js";
import { Neuron, type NeuronOptions } from "../../src/neuron/index.js";
import { LocalBigBrain, memoryAgentPair } from "../../src/testing/index.js";

/** How a piece of work ended, in words that both wires have. */
export interface Ended {
  readonly ended: "done" | "failed" | "cancelled" | "timeout";
  readonly output?: unknown;
  readonly code?: string;
  readonly reason?: string;
}

/** A worker wire with one handler served on it. */
export interface WorkerWire extends AsyncDisposable {
  /** Hands in a piece of work; resolves with its end. */
  submit(input: unknown, options?: { readonly id?: string; readonly deadlineMs?: number }): Promise<Ended>;
  cancel(id: string): Promise<void>;
  /** Messages of the progress reported so far. */
  progress(): readonly string[];
}

/** CAP: agent, scheduler and client over a bus in memory. */
export async function overCap(definition: HandlerDefinition, topic = "job.test"): Promise<WorkerWire> {
  const pair = memoryAgentPair({
    agent: { exposeErrors: true },
    scheduler: { pools: { topics: { [topic]: "test" } } },
  });
  pair.agent.job(topic, definition);
  await pair.start();
  const messages: string[] = [];
  return {
    async submit(input, { id, deadlineMs } = {}) {
      try {
        const job = await pair.client.start({ topic, input, ...(id && { jobId: id }), deadlineMs });
        const seen = (async () => {
          for await (const { message } of job.progress()) messages.push(message);
        })();
        const { output } = await job.result.finally(() => seen);
        return { ended: "done", output };
      } catch (error) {
        const { result } = (error as AgentwireError).details as {
          result: { status: JobStatus; errorCode: string; errorMessage: string };
        };
        const ended = { [JobStatus.CANCELLED]: "cancelled", [JobStatus.TIMEOUT]: "timeout" } as const;
        return {
          ended: (ended as Record<number, Ended["ended"]>)[result.status] ?? "failed",
          code: result.errorCode,
          reason: result.errorMessage,
        };
      }
    },
    cancel: (id) => pair.client.cancel(id),
    progress: () => messages,
    [Symbol.asyncDispose]: () => pair.close(),
  };
}

/** Neuron: a neuron and a gateway on loopback. */
export async function overNeuron(
  definition: HandlerDefinition,
  options: Partial<NeuronOptions> = {},
): Promise<WorkerWire & { readonly brain: LocalBigBrain }> {
  const brain = await LocalBigBrain.start();
  const neuron = new Neuron({
    gatewayUrl: brain.url,
    neuronId: "n-1",
    auth: () => "token",
    ...options,
  } as NeuronOptions);
  const type = "acme/test";
  neuron.handle({ type, scope: "any", concurrency: 4 }, definition);
  const registered = brain.until("registered");
  await neuron.start();
  await registered;
  const messages: string[] = [];
  return {
    brain,
    async submit(input, { id, deadlineMs } = {}) {
      const outcome = await brain.submit({
        capability: type,
        input,
        ...(id !== undefined && { taskId: id }),
        ...(deadlineMs !== undefined && { leaseTtlMs: deadlineMs }),
      });
      messages.push(...outcome.progress.map(({ message }) => message ?? ""));
      if (outcome.status === "completed") return { ended: "done", output: outcome.output };
      if (outcome.status === "cancelled") return { ended: "cancelled", reason: outcome.reason };
      if (outcome.status === "failed") {
        return { ended: "failed", code: outcome.code ?? "", reason: outcome.reason };
      }
      return { ended: "failed" };
    },
    cancel: async (id) => void brain.cancel(id),
    progress: () => messages,
    async [Symbol.asyncDispose]() {
      await neuron.stop({ drain: false });
      await brain.close();
    },
  };
}
