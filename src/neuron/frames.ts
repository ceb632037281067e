/** Frames in both directions: read leniently, written strictly. */
import {
  type ClientFrame,
  membersSince,
  type SchemaName,
  type ServerToNeuronFrame,
  type wire,
} from "../../gen/neuron/index.js";
import { ProtocolError, ValidationError } from "../core/errors.js";
import { isObject, parseJson } from "../core/json.js";
import { frameCheck } from "./frame-check.js";

/** The protocol version spoken by default: 1.1.0 brought descriptions and schemas into registrations. */
export const PROTOCOL_VERSION = "1.1.0";

/** The version that is fallen back to when a gateway refuses the newer one. */
export const FALLBACK_PROTOCOL_VERSION = "1.0.0";

/** Where frames are posted, below the gateway's URL. */
export type PostPath = Exclude<keyof wire.paths, typeof SSE_PATH>;

/** Path of the event stream. */
export const SSE_PATH = "/neuron/events" satisfies keyof wire.paths;

/** The path for each type of frame. */
export const POST_PATH: Readonly<Record<ClientFrame["type"], PostPath>> = {
  register: "/neuron/register",
  "update-capability": "/neuron/update-capability",
  heartbeat: "/neuron/heartbeat",
  ack: "/neuron/ack",
  nack: "/neuron/nack",
  progress: "/neuron/progress",
};

const serverFrames: Readonly<Record<ServerToNeuronFrame["type"], SchemaName>> = {
  registered: "RegisteredFrame",
  lease: "LeaseFrame",
  cancel: "CancelFrame",
  "capability-revoked": "CapabilityRevokedFrame",
  disconnect: "DisconnectFrame",
};

const clientFrames: Readonly<Record<ClientFrame["type"], SchemaName>> = {
  register: "RegisterFrame",
  "update-capability": "UpdateCapabilityFrame",
  heartbeat: "HeartbeatFrame",
  ack: "AckFrame",
  nack: "NackFrame",
  progress: "ProgressFrame",
};

/**
 * Reads a frame from the gateway: JSON text, or an object of a transport that has no text. Members that are not
 * known are kept and ignored, at any depth.
 *
 * @throws ProtocolError code `bad_frame` for what is no JSON object, `unknown_frame` for another `type`,
 * `invalid_frame` when a member is missing or wrong; `details.leaseId` names the lease where it could be read.
 */
export function parseServerFrame(given: unknown): ServerToNeuronFrame {
  const frame = typeof given === "string" ? parse(given) : given;
  if (!isObject(frame)) throw new ProtocolError("a frame must be a JSON object", { code: "bad_frame" });
  const { type } = frame;
  if (typeof type !== "string" || !Object.hasOwn(serverFrames, type)) {
    const named = typeof type === "string" ? type.slice(0, 40) : typeof type;
    throw new ProtocolError(`a frame of unknown type: ${named}`, { code: "unknown_frame" });
  }
  const problem = frameCheck(serverFrames[type as ServerToNeuronFrame["type"]])(frame, type);
  if (problem !== undefined) {
    throw new ProtocolError(problem, {
      code: "invalid_frame",
      details: { problem, leaseId: leaseIdOf(frame) },
    });
  }
  return frame as unknown as ServerToNeuronFrame;
}

function parse(text: string): unknown {
  try {
    return parseJson(text, { what: "a frame" });
  } catch (cause) {
    throw new ProtocolError("a frame must be JSON", { code: "bad_frame", cause });
  }
}

/** The id of the lease that a broken lease frame would have brought. */
function leaseIdOf({ type, lease }: Record<string, unknown>): string | undefined {
  const id = type === "lease" && isObject(lease) ? lease.leaseId : undefined;
  return typeof id === "string" && id !== "" ? id : undefined;
}

/**
 * Checks a frame before it is sent: the gateway refuses any member it does not know.
 *
 * @throws ValidationError code `invalid_frame`.
 */
export function checkClientFrame(frame: ClientFrame): void {
  const problem = frameCheck(clientFrames[frame.type])(frame, frame.type);
  if (problem !== undefined) throw new ValidationError(problem, { code: "invalid_frame" });
}

const capabilitySince: Readonly<Record<string, string>> = membersSince.Capability;

/** A capability as a peer of this protocol version knows it: without the members that came later. */
export function capabilityFor<Capability extends object>(
  capability: Capability,
  version: string,
): Capability {
  const known = Object.entries(capability).filter(([key, value]) => {
    const since = Object.hasOwn(capabilitySince, key) ? capabilitySince[key]! : "";
    return value !== undefined && since <= version;
  });
  return Object.fromEntries(known) as Capability;
}
