/** What a person may do from the page of `agentwire dev`. */
import { create, toBinary } from "@bufbuild/protobuf";
import { BusPacketSchema, SUBJECT_SUBMIT } from "../../../gen/cap/index.js";
import { GatewayClient } from "../../4runr/index.js";
import { openJobClient } from "../../cap/index.js";
import { decodePacket } from "../../cap/packet.js";
import { UnsupportedError, ValidationError } from "../../core/errors.js";
import { uuid } from "../../core/ids.js";
import { isObject } from "../../core/json.js";
import type { CaptureRecord } from "../inspector/record.js";
import type { Kept } from "../inspector/recorder.js";
import type { InspectorActions } from "../inspector/server.js";
import type { CapPart } from "./cap-side.js";
import type { NeuronPart } from "./http-sides.js";

type Order = Readonly<Record<string, unknown>>;
type Act = (order: Order) => Promise<unknown>;

/** The parts that actions work on. */
export interface ActionParts {
  readonly cap: CapPart;
  readonly neuron: NeuronPart;
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
export function actionsOn({ cap, neuron, env }: ActionParts): InspectorActions {
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
    decide: choose(
      {
        cap: async (order) => {
          const [id, { scheduler }] = [word(order, "id"), running()];
          await (order.approve === true ? scheduler.approve(id) : scheduler.reject(id));
          return { job: id, approved: order.approve === true };
        },
      },
      "approving",
    ),
    resend: (kept) =>
      resend(kept, { publish: async (subject, data) => running().bus.publish(subject, data), task, env }),
  };
}

interface Senders {
  publish(subject: string, data: Uint8Array): Promise<void>;
  task(name: string, input: unknown): unknown;
  readonly env: Readonly<Record<string, string>>;
}

/** Sends again what a client sent: a job and a task get new ids, a request goes out as it came. */
async function resend({ line, data, seq }: Kept, { publish, task, env }: Senders): Promise<unknown> {
  const {
    protocol,
    op,
    kind,
    type,
    name = "",
    body,
    target = "",
    headers = {},
  } = JSON.parse(line) as CaptureRecord;
  if (protocol === "cap" && kind === "jobRequest" && op === SUBJECT_SUBMIT && data !== undefined) {
    const { message } = decodePacket(data);
    if (message.payload.case !== "jobRequest") throw new UnsupportedError("this is not a job");
    if (message.signature.length > 0) {
      throw new UnsupportedError("a signed job cannot be sent under a new id without the key of its sender");
    }
    const jobId = `job-${uuid()}`;
    const value = {
      ...message.payload.value,
      jobId,
      labels: { ...message.payload.value.labels, resent_from: String(seq) },
    };
    const packet = create(BusPacketSchema, { ...message, payload: { case: "jobRequest", value } });
    await publish(op, toBinary(BusPacketSchema, packet));
    return { job: jobId };
  }
  if (protocol === "neuron" && kind === "lease") {
    const { lease } = body as { readonly lease: { readonly task: { readonly input: unknown } } };
    return task(name, lease.task.input);
  }
  const base = protocol === "aureus" ? env.AUREUS_URL : protocol === "4runr" ? env.GATEWAY_URL : undefined;
  if (type !== "request" || base === undefined) {
    throw new UnsupportedError("only jobs, leases and requests to Aureus and 4Runr can be sent again");
  }
  if (headers.authorization !== undefined) {
    throw new UnsupportedError("a request with a login cannot be sent again: its credentials are not kept");
  }
  const [method = "GET", path = "/"] = target.split(" ");
  const response = await fetch(`${base}${path}`, {
    method,
    headers: {
      "content-type": headers["content-type"] ?? "application/json",
      "x-agentwire-resent": String(seq),
    },
    ...(method === "GET" || method === "HEAD" || data === undefined ? {} : { body: Buffer.from(data) }),
  });
  return { http: response.status };
}
