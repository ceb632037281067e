/** The three local servers of `agentwire dev` that speak HTTP. */
import type { TaskSpec } from "../../../gen/aureus/v1/index.js";
import {
  Local4Runr,
  LocalAureus,
  LocalBigBrain,
  type Observation,
  type TaskOutcome,
} from "../../testing/index.js";
import type { DevFunctions } from "./functions.js";
import type { Identity } from "./identity.js";
import { type InputSamples, samplesOf } from "./input.js";
import type { DevPart } from "./part.js";

type Log = (part: string, text: string) => void;

/** What a server is given besides its own options. */
export interface SideOptions {
  readonly port?: number | undefined;
  readonly log: Log;
  readonly observe: (observed: Observation) => void;
}

/** An Aureus, with the workflows that it has run. */
export interface AureusPart extends DevPart {
  readonly engine: LocalAureus["engine"];
}

/** A gateway for neurons, with a way to give it tasks. */
export interface NeuronPart extends DevPart {
  /** Puts a task into the queue; resolves with its outcome. Throws for an invalid task. */
  submit(capability: string, input: unknown, taskId?: string): Promise<TaskOutcome>;
  /** Cancels a task; false when it has ended. */
  cancel(taskId: string): boolean;
  /** Samples of the input of every capability that was registered. */
  samples(): ReadonlyMap<string, InputSamples>;
}

/** Starts the gateway for neurons. With `demo` every capability gets one task when it is registered first. */
export async function startNeuron({
  port,
  demo,
  token,
  log,
  observe,
}: SideOptions & { readonly demo: boolean; readonly token: string }): Promise<NeuronPart> {
  const brain = await LocalBigBrain.start({ port, tokens: [token], observe });
  const neurons = new Map<string, { protocolVersion: string; capabilities: readonly string[] }>();
  const ends: Record<string, number> = {};
  const greeted = new Set<string>();
  const samples = new Map<string, InputSamples>();
  const submit = (capability: string, input: unknown, taskId?: string) => {
    const served = [...neurons].filter(([id]) => brain.isConnected(id)).flatMap(([, of]) => of.capabilities);
    if (!served.includes(capability)) {
      log(
        "neuron",
        `no neuron serves ${capability}, so its task waits; served now: ${served.join(", ") || "nothing"}`,
      );
    }
    return brain.submit({ capability, input, taskId });
  };
  brain.on("registered", ({ neuronId, protocolVersion, capabilities }) => {
    const types = capabilities.map(({ type }) => type);
    neurons.set(neuronId, { protocolVersion, capabilities: types });
    log("neuron", `${neuronId} registered (${protocolVersion}): ${types.join(", ") || "nothing"}`);
    for (const { type, inputSchema } of capabilities) {
      const isObject = typeof inputSchema === "object" && inputSchema !== null;
      samples.set(type, isObject ? samplesOf(inputSchema) : { sample: { hello: "from agentwire dev" } });
      if (!demo || greeted.has(type)) continue;
      greeted.add(type);
      void submit(type, samples.get(type)?.sample);
    }
  });
  brain.on("outcome", (outcome) => {
    ends[outcome.status] = (ends[outcome.status] ?? 0) + 1;
    const why = outcome.status === "failed" ? `: ${outcome.reason}` : "";
    log("neuron", `task ${outcome.taskId} ${outcome.status}${why}`);
  });
  brain.on("refused", ({ path, status, message }) =>
    log("neuron", `refused ${path} with ${status}: ${message}`),
  );
  return {
    name: "neuron",
    state: "running",
    env: { BIGBRAIN_GATEWAY_URL: brain.url, BIGBRAIN_NEURON_ID: "neuron-1", BIGBRAIN_TOKEN: token },
    status: () => ({
      url: brain.url,
      neurons: [...neurons].map(([neuronId, facts]) => ({
        neuronId,
        connected: brain.isConnected(neuronId),
        ...facts,
      })),
      tasks: ends,
      leases: brain.stats(),
    }),
    submit,
    cancel: (taskId) => brain.cancel(taskId),
    samples: () => samples,
    close: () => brain.close(),
  };
}

/**
 * Starts an Aureus: V1 for anybody, and the console for `operator`. A tool that it was not given returns its
 * inputs, and a line says so.
 */
export async function startAureus(
  { tools, validators }: DevFunctions,
  { port, log, observe }: SideOptions,
): Promise<AureusPart> {
  const echo = ({ toolName: tool, inputs }: TaskSpec): unknown => {
    if (tool)
      log("aureus", `no tool is called ${tool}, so its inputs are its result: give it with --tools FILE`);
    return { tool: tool ?? null, echo: inputs ?? {} };
  };
  const aureus = await LocalAureus.start({ port, tools, validators, execute: echo, observe });
  return {
    name: "aureus",
    state: "running",
    env: { AUREUS_URL: aureus.url },
    status: () => ({
      url: aureus.url,
      dialects: ["v1", "console"],
      tools: Object.keys(tools),
      validators: Object.keys(validators),
    }),
    engine: aureus.engine,
    close: () => aureus.close(),
  };
}

/** Starts a 4Runr gateway with one agent that may call every tool. */
export async function start4Runr(
  { actions }: DevFunctions,
  { agentId, privateKeyPem, keyFile }: Identity,
  { port, log, observe }: SideOptions,
): Promise<DevPart> {
  const gateway = await Local4Runr.start({ port, tools: actions, observe });
  await gateway.register({ name: "agentwire-dev", agentId, privateKeyPem });
  let requests = 0;
  gateway.on("request", ({ method, path, status }) => {
    requests++;
    log("4runr", `${method} ${path} ${status}`);
  });
  return {
    name: "4runr",
    state: "running",
    env: { GATEWAY_URL: gateway.url, AGENT_ID: agentId, AGENT_PRIVATE_KEY: keyFile },
    status: () => ({ url: gateway.url, agentId, requests }),
    close: () => gateway.close(),
  };
}
