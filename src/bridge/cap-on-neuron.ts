/** A CAP topic served by a neuron: its handler finds the job that the lease stands for. */
import { create } from "@bufbuild/protobuf";
import { JobRequestSchema } from "../../gen/cap/index.js";
import type { AgentHandler } from "../cap/agent/context.js";
import { type AgentContext, type BlobStore, putArtifact, type TopicOptions } from "../cap/index.js";
import { createPacket } from "../cap/packet.js";
import { UnsupportedError } from "../core/errors.js";
import type { InputOf, OutputOf, Schema } from "../core/validate.js";
import {
  defineHandler,
  type HandlerContext,
  type HandlerDefinition,
  type HandlerInit,
} from "../handler/index.js";
import type { HandlerContext as NeuronContext } from "../neuron/index.js";

/** Options of {@link topicHandler}. */
export interface TopicHandlerOptions<In extends Schema | undefined, Out extends Schema | undefined>
  extends Omit<TopicOptions<In, Out>, "retries" | "backoffMs"> {
  /** For people and planners. */
  readonly description?: string | undefined;
  /** Where `ctx.putArtifact` keeps things when it is served as a lease. Default: it throws UnsupportedError. */
  readonly store?: BlobStore | undefined;
}

/**
 * What `Agent.job` takes, as one definition that a neuron serves as well.
 *
 * Served as a lease, `ctx.job` is made of it: the task id is the job id and the trace id, the user it is done for
 * the principal. Attempts of one lease are not repeated here: the gateway delivers again.
 */
export function topicHandler<
  const In extends Schema | undefined = undefined,
  const Out extends Schema | undefined = undefined,
>(
  topic: string,
  options: TopicHandlerOptions<In, Out>,
  handler: AgentHandler<InputOf<In>, OutputOf<Out>>,
): HandlerDefinition {
  const { input, output, description, store } = options;
  const run = (given: never, ctx: HandlerContext) => handler(given, agentContext(topic, store, ctx));
  return defineHandler({ description, input, output, run } as HandlerInit<undefined, undefined>);
}

function agentContext(topic: string, store: BlobStore | undefined, ctx: HandlerContext): AgentContext {
  if ("job" in ctx) return ctx as AgentContext;
  const { task } = ctx as NeuronContext;
  const job = create(JobRequestSchema, {
    jobId: task.taskId,
    topic,
    workflowId: task.workflowId,
    principalId: task.onBehalfOf ?? "",
    labels: textsOf(task.metadata ?? {}),
  });
  const packet = createPacket(
    { case: "jobRequest", value: job },
    { senderId: "neuron-gateway", traceId: task.taskId },
  );
  const keep: AgentContext["putArtifact"] = async (value, options) => {
    if (store === undefined) throw new UnsupportedError("no store is set for the artifacts of a lease");
    return putArtifact(store, value, options);
  };
  const members = {
    job,
    request: job,
    packet,
    jobId: job.jobId,
    traceId: packet.traceId,
    attempt: task.attempt + 1,
    putArtifact: keep,
  };
  const described = Object.entries(members).map(([name, value]) => [name, { value, enumerable: true }]);
  return Object.create(ctx, Object.fromEntries(described)) as AgentContext;
}

/** Labels of a job are texts only. */
function textsOf(metadata: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
