/** The three protocols over HTTP: 4Runr, Aureus and neuron, each with its local server on loopback. */
import { GatewayClient } from "../../4runr/index.js";
import { AureusClient } from "../../aureus/index.js";
import { aureusGate, type GateSource } from "../../bridge/index.js";
import type { HandlerDefinition } from "../../handler/index.js";
import { Neuron } from "../../neuron/index.js";
import { ToolFailure } from "../../testing/four-runr/tools.js";
import { Local4Runr } from "../../testing/local-4runr.js";
import { LocalAureus } from "../../testing/local-aureus.js";
import { LocalBigBrain } from "../../testing/local-big-brain.js";
import { principal } from "./digest.js";
import type { DemoTrace } from "./trace.js";

/** Something that is closed at the end. */
export type Closing = (close: () => Promise<unknown>) => void;

/** A 4Runr gateway that may fetch from one host, and its client. */
export async function startFourRunr(
  host: string,
  trace: DemoTrace,
  closing: Closing,
): Promise<GatewayClient> {
  const gateway = await Local4Runr.start({
    tools: { http_fetch: { get: (params) => fetchPage(String(params.url), host) } },
  });
  closing(() => gateway.close());
  const { agentId } = await gateway.register({ name: "demo-agent" });
  const client = new GatewayClient({ baseUrl: gateway.url, agentId, fetch: trace.fetch("4runr") });
  closing(() => client.close());
  return client;
}

async function fetchPage(url: string, host: string): Promise<unknown> {
  if (new URL(url).host !== host) throw new ToolFailure(403, undefined, "host is not allowed");
  const response = await fetch(url, { redirect: "manual" });
  const body = await response.text();
  return { url, status: response.status, headers: Object.fromEntries(response.headers), body };
}

/** The gates of an Aureus server; its decisions are noted. */
export async function startAureus(trace: DemoTrace, closing: Closing): Promise<GateSource> {
  const server = await LocalAureus.start({ apiKey: "demo-key" });
  closing(() => server.close());
  const client = new AureusClient({
    baseUrl: server.url,
    apiKey: "demo-key",
    fetch: trace.fetch("aureus"),
  });
  closing(() => client.close());
  const summary = { validators: ["not_null"], blockOnFailure: true };
  const gate = aureusGate({ client, principal, gates: { summary } });
  return {
    async evaluate(action, options) {
      const decision = await gate.evaluate(action, options);
      const verdict = decision.allowed ? "allowed" : "held back";
      trace.add("aureus", `action ${action.id}`, `${verdict}: ${decision.reason}`);
      return decision;
    },
    async validate(name, commit, options) {
      const verdict = await gate.validate(name, commit, options);
      trace.add("aureus", `gate ${name}`, verdict.crvStatus, verdict.passed);
      return verdict;
    },
  };
}

/** The capability that the handler is served as. */
export const CAPABILITY = "agentwire/demo/digest";

/** A BigBrain gateway, and a neuron that serves the handler. */
export async function startNeuron(
  handler: HandlerDefinition,
  trace: DemoTrace,
  closing: Closing,
): Promise<LocalBigBrain> {
  const brain = await LocalBigBrain.start();
  closing(() => brain.close());
  brain.on("registered", ({ capabilities, protocolVersion }) =>
    trace.add("neuron", "register", `${capabilities.length} capability, protocol ${protocolVersion}`),
  );
  brain.on("lease", ({ leaseId, capability }) => trace.add("neuron", "lease", `${capability}, ${leaseId}`));
  brain.on("progress", ({ frame }) =>
    trace.add("neuron", "progress", `${frame.percent ?? 0} % ${frame.message ?? ""}`.trimEnd()),
  );
  brain.on("answer", ({ answer }) => trace.add("neuron", answer.type, answer.leaseId, answer.type === "ack"));
  const neuron = new Neuron({ gatewayUrl: brain.url, neuronId: "demo-agent", auth: () => "demo-token" });
  neuron.handle({ type: CAPABILITY, scope: "any", concurrency: 1 }, handler);
  const registered = brain.until("registered");
  await neuron.start();
  closing(() => neuron.stop());
  await registered;
  return brain;
}
