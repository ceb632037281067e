/** Runs a handler as a worker would, for tests: no server, no Redis (`run_handler` of cap-sdk-python 2.17.0). */
import { type JobProgress, type JobResult, SUBJECT_PROGRESS } from "../../../gen/cap/index.js";
import { Agent } from "../../cap/agent/agent.js";
import type { AgentHandler } from "../../cap/agent/context.js";
import type { AgentOptions, TopicOptions } from "../../cap/agent/options.js";
import { contextKey, InMemoryBlobStore, keyFromPointer, putValue } from "../../cap/blob-store.js";
import type { JobRequestInit } from "../../cap/jobs/submission.js";
import { MemoryBus } from "../../cap/memory-bus.js";
import { Party } from "../../cap/party.js";
import type { InputOf, OutputOf, Schema } from "../../core/validate.js";
import { type HandlerDefinition, isHandlerDefinition } from "../../handler/index.js";
import { keptValue } from "./kept-value.js";

/** Options of {@link runHandler}: those of the topic, and some of the agent. */
export interface RunHandlerOptions<
  In extends Schema | undefined = undefined,
  Out extends Schema | undefined = undefined,
> extends TopicOptions<In, Out>,
    Pick<
      AgentOptions,
      | "clock"
      | "exposeErrors"
      | "granularStatus"
      | "logger"
      | "maxContextBytes"
      | "maxResultBytes"
      | "middleware"
      | "validator"
    > {
  /** Default: "test-job-1". */
  readonly jobId?: string | undefined;
  /** Default: "job.test". */
  readonly topic?: string | undefined;
  /** Default: "test-trace". */
  readonly traceId?: string | undefined;
  /** More of the request, such as `budget`, `env` or `labels`. A `contextPtr` here takes the place of the input. */
  readonly request?: JobRequestInit | undefined;
  /** Cancels the job when it fires. */
  readonly signal?: AbortSignal | undefined;
}

/** What became of a handler. */
export interface HandlerRun {
  /** What a worker would publish. */
  readonly result: JobResult;
  /** The output as it was kept: JSON decoded, or bytes that are no JSON; undefined when there is none. */
  readonly output: unknown;
  /** What the handler reported, in order. */
  readonly progress: readonly JobProgress[];
  /** What the handler kept and the result names, by pointer. */
  readonly artifacts: Readonly<Record<string, unknown>>;
}

/**
 * Runs a handler, or what `defineHandler` made, once, on an input; a Uint8Array is the bytes of the input as they
 * are. Resolves however the job ends.
 *
 * @throws What `Agent.job` and `Agent.start` throw.
 */
export async function runHandler<
  const In extends Schema | undefined = undefined,
  const Out extends Schema | undefined = undefined,
>(
  handler: HandlerDefinition | AgentHandler<InputOf<In>, OutputOf<Out>>,
  input: unknown,
  options: RunHandlerOptions<In, Out> = {},
): Promise<HandlerRun> {
  const { jobId = "test-job-1", topic = "job.test", traceId = "test-trace", ...rest } = options;
  const { request, signal, ...agentOptions } = rest;
  const { clock, retries, backoffMs } = agentOptions;
  const memory = new MemoryBus();
  const store = new InMemoryBlobStore();
  const progress: JobProgress[] = [];
  const party = new Party({ bus: memory.connect(), senderId: "test-client", clock });
  await party.receive(SUBJECT_PROGRESS, {
    onPacket: ({ payload }) => void (payload.case === "jobProgress" && progress.push(payload.value)),
  });
  const agent = new Agent({
    ...agentOptions,
    bus: memory.connect(),
    store,
    workerId: "test-worker",
    pool: "test",
    load: () => ({}),
    goodbyeMs: 0,
  });
  if (isHandlerDefinition(handler)) agent.job(topic, { retries, backoffMs }, handler);
  else agent.job(topic, options as TopicOptions<Schema, Schema>, handler as AgentHandler);
  const ended = new Promise<JobResult>((resolve, reject) => {
    agent.on("result", resolve);
    agent.on("error", reject);
  });
  ended.catch(() => {}); // looked at below
  const cancel = (): void => {
    const value = { jobId, reason: "cancelled by the test", requestedBy: party.senderId };
    void party.send("sys.job.cancel", { case: "jobCancel", value }, jobId);
  };
  try {
    await agent.start();
    const contextPtr = await putValue(store, contextKey(jobId), input);
    const value = { contextPtr, ...request, jobId, topic };
    await party.send(topic, { case: "jobRequest", value }, traceId);
    if (signal?.aborted) cancel();
    else signal?.addEventListener("abort", cancel, { once: true });
    const result = await ended;
    const artifacts: Record<string, unknown> = {};
    for (const pointer of result.artifactPtrs) {
      artifacts[pointer] = await keptValue(store, keyFromPointer(pointer));
    }
    const output =
      result.resultPtr === "" ? undefined : await keptValue(store, keyFromPointer(result.resultPtr));
    return { result, output, progress, artifacts };
  } finally {
    signal?.removeEventListener("abort", cancel);
    await agent.close();
  }
}
