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
import { frameProblem } from "./frame-check.js";
import type { Transport } from "./transport.js";

/** The protocol version spoken by default: 1.1.0 brought descriptions and schemas into registrations. */
export const PROTOCOL_VERSION = "1.1.0";

/** The version that is fallen back to when a gateway refuses the newer one. */
export const FALLBACK_PROTOCOL_VERSION = "1.0.0";

/** Where frames are posted, below the gateway's URL. */
export type PostPath = Exclude<keyof wire.paths, "/neuron/events">;

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

/** True for the type of a frame that neurons post. */
export function isClientFrameType(type: string): type is ClientFrame["type"] {
  return Object.hasOwn(clientFrames, type);
}

/**
 * Reads a frame from the gateway: JSON text, or an object of a transport that has no text. Members that are not
 * known are kept and ignored, at any depth. A lease may come without `sentAt`, its task without `attempt`: they are
 * then `""` and 0.
 *
 * @throws ProtocolError code `BAD_FRAME` for what is not a JSON object, `UNKNOWN_FRAME` for another `type`,
 * `INVALID_FRAME` when a member is missing or wrong; `details.leaseId` names the lease where it could be read.
 */
export function parseServerFrame(given: unknown): ServerToNeuronFrame {
  const frame = withDefaults(typeof given === "string" ? parse(given) : given);
  if (!isObject(frame)) throw new ProtocolError("a frame must be a JSON object", { code: "BAD_FRAME" });
  const { type } = frame;
  if (typeof type !== "string" || !Object.hasOwn(serverFrames, type)) {
    const named = typeof type === "string" ? type.slice(0, 40) : typeof type;
    throw new ProtocolError(`a frame of unknown type: ${named}`, { code: "UNKNOWN_FRAME" });
  }
  assertSound(frame, type as ServerToNeuronFrame["type"]);
  return frame;
}

function assertSound(
  frame: Record<string, unknown>,
  type: ServerToNeuronFrame["type"],
): asserts frame is Record<string, unknown> & ServerToNeuronFrame {
  const problem = frameProblem(serverFrames[type], frame, type);
  if (problem === undefined) return;
  throw new ProtocolError(problem, {
    code: "INVALID_FRAME",
    details: { problem, leaseId: leaseIdOf(frame) },
  });
}

function withDefaults(frame: unknown): unknown {
  if (!isObject(frame) || frame.type !== "lease" || !isObject(frame.lease)) return frame;
  const { lease, sentAt = "" } = frame;
  if (frame.sentAt === sentAt && isObject(lease.task) && lease.task.attempt !== undefined) return frame;
  const task = isObject(lease.task) ? { ...lease.task, attempt: lease.task.attempt ?? 0 } : lease.task;
  return { ...frame, sentAt, lease: { ...lease, task } };
}

function parse(text: string): unknown {
  try {
    return parseJson(text, { what: "a frame" });
  } catch (cause) {
    throw new ProtocolError("a frame must be JSON", { code: "BAD_FRAME", cause });
  }
}

/** The id of the lease that a broken lease frame would have brought. */
function leaseIdOf({ type, lease }: Record<string, unknown>): string | undefined {
  const id = type === "lease" && isObject(lease) ? lease.leaseId : undefined;
  return typeof id === "string" && id !== "" ? id : undefined;
}

const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s"{}[\],:]+|\s+/y;

/** The lease id of a lease frame of which only the beginning is there; undefined if it has not come yet. */
export function leaseIdInStart(text: string): string | undefined {
  /** The member that is being read in each object around; undefined in a list. */
  const open: (string | undefined)[] = [];
  let isKey = false;
  token.lastIndex = 0;
  for (let found = token.exec(text)?.[0]; found !== undefined; found = token.exec(text)?.[0]) {
    if (found === "{") open.push("");
    else if (found === "[") open.push(undefined);
    else if (found === "}" || found === "]") open.pop();
    if (found === "{" || found === ",") isKey = open.at(-1) !== undefined;
    else if (found === ":") isKey = false;
    if (!found.startsWith('"')) continue;
    const value = textIn(found);
    if (isKey) open[open.length - 1] = value;
    else if (open.join("/") === "type" && value !== "lease") return undefined;
    else if (open.join("/") === "lease/leaseId") return value || undefined;
  }
  return undefined;
}

function textIn(json: string): string {
  try {
    return String(JSON.parse(json));
  } catch {
    return "";
  }
}

/**
 * Checks a frame before it is sent: the gateway refuses any member it does not know.
 *
 * @throws ValidationError code `INVALID_FRAME`.
 */
export function checkClientFrame(frame: ClientFrame): void {
  const problem = frameProblem(clientFrames[frame.type], frame, frame.type);
  if (problem !== undefined) throw new ValidationError(problem, { code: "INVALID_FRAME" });
}

/** Checks a frame and posts it. Rejects with a ValidationError `INVALID_FRAME`, or as the transport does. */
export async function postFrame(
  transport: Transport,
  frame: ClientFrame,
  signal: AbortSignal,
): Promise<void> {
  checkClientFrame(frame);
  const path: PostPath = `/neuron/${frame.type}`;
  await transport.post(path, frame, { signal });
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
