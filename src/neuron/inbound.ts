/** What each frame of the gateway does to a neuron. */
import type { RegisteredFrame, ServerToNeuronFrame } from "../../gen/neuron/index.js";
import { errorText, ProtocolError } from "../core/errors.js";
import type { NeuronCore } from "./core.js";
import type { Dispatcher } from "./dispatcher.js";
import { parseServerFrame } from "./frames.js";

/** Takes whatever came as a frame. One that cannot be read is dropped with a warning, a lease in it refused. */
export function takeFrame(given: unknown, core: NeuronCore, dispatcher: Dispatcher): void {
  const { events } = core;
  let frame: ServerToNeuronFrame;
  try {
    frame = parseServerFrame(given);
  } catch (error) {
    return dropFrame(error, core, dispatcher);
  }
  events.emit("frame", frame);
  switch (frame.type) {
    case "lease":
      return dispatcher.accept(frame);
    case "cancel":
      return dispatcher.cancel(frame.leaseId, frame.reason);
    case "registered":
      return onRegistered(frame, core, dispatcher);
    case "capability-revoked":
      events.emit("capability:revoked", { type: frame.capability, reason: frame.reason });
      return dispatcher.revoke(frame.capability);
    case "disconnect":
      return events.emit("disconnect", frame);
  }
}

function dropFrame(error: unknown, { logger }: NeuronCore, dispatcher: Dispatcher): void {
  logger.warn("a frame of the gateway is dropped", { reason: errorText(error) });
  if (!(error instanceof ProtocolError)) return;
  const { leaseId, problem } = (error.details ?? {}) as { leaseId?: string; problem?: string };
  if (leaseId !== undefined) dispatcher.refuse(leaseId, problem ?? "");
}

function onRegistered(
  { sessionId, capabilities }: RegisteredFrame,
  { events, capabilities: advertised, logger }: NeuronCore,
  dispatcher: Dispatcher,
): void {
  const accepted = new Set(capabilities.map(({ type }) => type));
  const missing = [...advertised.keys()].filter((type) => !accepted.has(type));
  if (missing.length > 0) {
    logger.warn("the gateway refused some capabilities; it will send no leases for them", { missing });
  }
  dispatcher.restore(accepted);
  events.emit("connection:registered", { sessionId, capabilities: capabilities.length });
}
