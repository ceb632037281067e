/** What a person may do from the page of `agentwire dev`. */
import { GatewayClient } from "../../4runr/index.js";
import { openJobClient } from "../../cap/index.js";
import { UnsupportedError, ValidationError } from "../../core/errors.js";
import { uuid } from "../../core/ids.js";
import { isObject } from "../../core/json.js";
import type { InspectorActions } from "../inspector/server.js";
import type { Approvals } from "./approvals.js";
import type { CapPart } from "./cap-side.js";
import type { NeuronPart } from "./http-sides.js";
import { resend } from "./resend.js";

type Order = Readonly<Record<string, unknown>>;
type Act = (order: Order) => Promise<unknown>;

/** The parts that actions work on. */
export interface ActionParts {
  readonly cap: CapPart;
  readonly neuron: NeuronPart;
  readonly approvals: Approvals;
  readonly env: Readonly<Record<string, string>>;
}

const word = (order: Order, name: string): string => {
  const value = order[name];
  if (typeof value === "string" && value !== "") return value;
  throw new ValidationError(`\`${name}\` is missing: expected a string`, { code: "BAD_INPUT" });
};

function choose(acts: Readonly<Record<string, Act>>, what: string): Act {
  return async (order) => {
    const protocol = word(order, "protocol");
    const act = Object.hasOwn(acts, protocol) ? acts[protocol] : undefined;
    if (act !== undefined) return act(order);
    throw new UnsupportedError(`${what} is not available on ${protocol}`);
  };
}

/** The actions on a running stack. */
export function actionsOn({ cap, neuron, approvals, env }: ActionParts): InspectorActions {
  const call = async (base: string | undefined, path: string, body: unknown): Promise<unknown> => {
    const response = await fetch(`${base}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer: unknown = await response.json().catch(() => null);
    return { http: response.status, answer };
  };
  const running = () => {
    if (cap.live === undefined) throw new UnsupportedError(`CAP is off: ${cap.reason}`);
    return cap.live;
  };
  const submit = async (name: string, input: unknown): Promise<unknown> => {
    const { bus } = running();
    const jobId = `job-${uuid()}`;
    let contextPtr = "";
    if (input !== undefined && input !== null) {
      if (env.REDIS_URL === undefined) {
        throw new UnsupportedError(
          "the input of a job is kept in Redis, which is off: start redis-server, or send null",
        );
      }
      const { RedisBlobStore } = await import("../../cap/redis/index.js");
      const { contextKey, putValue } = await import("../../cap/index.js");
      const store = new RedisBlobStore({ url: env.REDIS_URL });
      try {
        contextPtr = await putValue(
          store,
          contextKey(jobId),
          new TextEncoder().encode(JSON.stringify(input)),
        );
      } finally {
        await store.close();
      }
    }
    const client = await openJobClient({ bus, senderId: "agentwire-dev" });
    await client.submit({ jobId, topic: name, contextPtr });
    return { job: jobId };
  };
  const task = (name: string, input: unknown): unknown => {
    const taskId = `task-${uuid()}`;
    void neuron.submit(name, input, taskId);
    return { task: taskId };
  };
  return {
    send: choose(
      {
        cap: (order) => submit(word(order, "name"), order.input),
        neuron: async (order) => task(word(order, "name"), order.input),
        aureus: (order) => {
          const [id, name] = [`workflow-${uuid()}`, word(order, "name")];
          const one = {
            ...{ id: "task-1", name, type: "action", risk_tier: "LOW" },
            intent: "read",
            tool_name: name,
          };
          const tasks = [{ ...one, inputs: order.input ?? {} }];
          return call(env.AUREUS_URL, "/api/v1/workflows/execute", {
            workflow: { id, name, tasks, dependencies: {} },
          });
        },
        "4runr": async (order) => {
          const [tool = "", action = ""] = word(order, "name").split(":");
          const client = new GatewayClient({ baseUrl: env.GATEWAY_URL, agentId: env.AGENT_ID });
          try {
            return await client.proxy(tool, action, isObject(order.input) ? order.input : {});
          } finally {
            await client.close();
          }
        },
      },
      "sending",
    ),
    cancel: choose(
      {
        cap: (order) => running().scheduler.cancel(word(order, "id")),
        neuron: async (order) => neuron.cancel(word(order, "id")),
        aureus: (order) =>
          call(env.AUREUS_URL, `/api/v1/workflows/${encodeURIComponent(word(order, "id"))}/cancel`, {}),
      },
      "cancelling",
    ),
    decide: (order) => approvals.decide(word(order, "protocol"), word(order, "id"), order.approve === true),
    resend: (record, data) =>
      resend(record, data, {
        publish: async (subject, data) => running().bus.publish(subject, data),
        task,
        env,
      }),
  };
}
