/** A neuron capability served by a CAP agent: its handler finds the task that the job stands for. */
import type { AgentContext } from "../cap/index.js";
import type { InputOf, OutputOf, Schema } from "../core/validate.js";
import {
  defineHandler,
  type HandlerContext,
  type HandlerDefinition,
  type HandlerInit,
} from "../handler/index.js";
import type {
  CapabilityRegistration,
  HandlerContext as NeuronContext,
  Handler as NeuronHandler,
  TaskPayload,
} from "../neuron/index.js";

/** The CAP topic that goes with a capability type: `acme/pages/digest` is `job.acme.pages.digest`. */
export function topicOf(type: string): string {
  return `job.${type.split("/").join(".")}`;
}

/**
 * What `Neuron.handle` takes, as one definition that a CAP agent serves as well: `agent.job(topicOf(type), …)`.
 *
 * Served as a job, `ctx.task` is made of it: the job id is the task id and the lease id, the workflow id (else the
 * trace id) the workflow's, the labels are the metadata.
 */
export function capabilityHandler<
  const In extends Schema | undefined = undefined,
  const Out extends Schema | undefined = undefined,
>(
  capability: CapabilityRegistration<In, Out>,
  handler: NeuronHandler<InputOf<In>, OutputOf<Out>>,
): HandlerDefinition {
  const { type, description, jsonSchema } = capability;
  const { input = capability.inputSchema, output = capability.outputSchema } = capability;
  const run = (given: InputOf<In>, ctx: HandlerContext) => handler(given, neuronContext(type, given, ctx));
  return defineHandler({ description, input, output, jsonSchema, run } as HandlerInit<undefined, undefined>);
}

function neuronContext(capability: string, input: unknown, ctx: HandlerContext): NeuronContext {
  if ("task" in ctx) return ctx as NeuronContext;
  const { job, traceId, attempt } = ctx as AgentContext;
  const task: TaskPayload = {
    taskId: job.jobId,
    workflowId: job.workflowId || traceId,
    capability,
    ...(job.principalId !== "" && { onBehalfOf: job.principalId }),
    input,
    attempt: attempt - 1,
    ...(Object.keys(job.labels).length > 0 && { metadata: { ...job.labels } }),
  };
  return Object.create(ctx, {
    task: { value: task, enumerable: true },
    leaseId: { value: job.jobId, enumerable: true },
  }) as NeuronContext;
}
