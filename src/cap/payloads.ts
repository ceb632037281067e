/**
 * Packets of the helpers of the official SDKs: heartbeat, progress, cancel, handshake, alert. They are
 * unsigned; `PacketLink.publish` signs and publishes them (CAP spec 06 to 08; cap-sdk-python 2.17.0).
 */
import type { Message } from "@bufbuild/protobuf";
import type {
  BusPacket,
  Handshake,
  Heartbeat,
  JobCancel,
  JobProgress,
  SystemAlert,
} from "../../gen/cap/index.js";
import { ComponentRole, type ErrorCode, PROTOCOL_VERSION } from "../../gen/cap/index.js";
import type { Clock } from "../core/clock.js";
import { InvalidInputError } from "./errors.js";
import { createPacket } from "./packet.js";

/** The fields of a message, of which `Needed` are required and the others have the default of the protocol. */
type Fields<M, Needed extends keyof M> = Pick<M, Needed> &
  Partial<Omit<M, keyof Message>> & {
    /** Default: the system's. */
    readonly clock?: Clock | undefined;
  };

/**
 * A heartbeat. Its sender and its trace id are the worker's id. Loads are percent, 0 to 100. `pool` is the name of a pool,
 * not a subject: the Cordum scheduler compares it with the pools it knows. `progressPct` is limited to 0 to 100,
 * `authToken` (not the session token) is trimmed, and the white space of `agentName` is folded.
 */
export function heartbeatPayload({
  clock,
  maxParallel: maxParallelJobs,
  progressPct = 0,
  authToken = "",
  agentName = "",
  ...given
}: Fields<Heartbeat, "workerId" | "pool" | "activeJobs" | "cpuLoad"> & {
  readonly maxParallel: number;
}): BusPacket {
  const value = {
    ...given,
    maxParallelJobs,
    progressPct: Math.min(100, Math.max(0, Math.trunc(progressPct))),
    authToken: authToken.trim(),
    agentName: sanitizeAgentName(agentName),
  };
  const { workerId } = given;
  return createPacket({ case: "heartbeat", value }, { senderId: workerId, traceId: workerId, clock });
}

/** How far a job is. Its trace id is the job's id. */
export function progressPayload({
  clock,
  senderId,
  ...value
}: Fields<JobProgress, "jobId" | "percent"> & Sent): BusPacket {
  return createPacket({ case: "jobProgress", value }, { senderId, traceId: value.jobId, clock });
}

/** Asks for a job to be stopped. Its trace id is the job's id. `requestedBy` is the sender by default. */
export function cancelPayload({
  clock,
  senderId,
  requestedBy = senderId,
  ...given
}: Fields<JobCancel, "jobId"> & Sent): BusPacket {
  const value = { ...given, requestedBy };
  return createPacket({ case: "jobCancel", value }, { senderId, traceId: given.jobId, clock });
}

/**
 * What a component is and can do. Its sender is `componentId`, its `role` WORKER by default, its trace id random.
 *
 * @throws InvalidInputError for `supportedVersions` other than `[1]`.
 */
export function handshakePayload({
  clock,
  traceId,
  role = ComponentRole.WORKER,
  supportedVersions = [PROTOCOL_VERSION],
  sdkVersion = "agentwire",
  agentName = "",
  ...given
}: Fields<Handshake, "componentId"> & { readonly traceId?: string | undefined }): BusPacket {
  if (supportedVersions.length !== 1 || supportedVersions[0] !== PROTOCOL_VERSION)
    throw new InvalidInputError(`supported_versions must be [${PROTOCOL_VERSION}]`);
  const value = { ...given, role, supportedVersions, sdkVersion, agentName: sanitizeAgentName(agentName) };
  return createPacket({ case: "handshake", value }, { senderId: given.componentId, traceId, clock });
}

/** Something is wrong. `traceId` is the trace the alert is about. */
export function alertPayload({
  clock,
  senderId,
  errorCode: errorCodeEnum,
  ...given
}: Fields<SystemAlert, "severity" | "message"> & Sent & { readonly errorCode: ErrorCode }): BusPacket {
  const value = { ...given, errorCodeEnum, sourceComponent: senderId };
  return createPacket({ case: "alert", value }, { senderId, traceId: given.traceId, clock });
}

interface Sent {
  readonly senderId: string;
}

/** Characters that Python's `str.split` takes for white space; JavaScript's `\s` knows a slightly different set. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: some of them are white space to Python
const WHITE_SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g;
const MAX_CODE_POINTS = 128;

/**
 * A display name as it goes on the wire: runs of white space become one space, none at the ends, at most 128
 * characters (cap-sdk-python 2.17.0, `sanitize_agent_name`).
 */
export function sanitizeAgentName(name: string): string {
  const trimmed = name.replace(WHITE_SPACE, " ").replace(/^ | $/g, "");
  return [...trimmed].slice(0, MAX_CODE_POINTS).join("");
}
