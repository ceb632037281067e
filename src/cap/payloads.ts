/**
 * Packets of the helpers of the official SDKs: heartbeat, progress, cancel, handshake, alert. They are
 * unsigned; `PacketLink.publish` signs and publishes them (CAP spec 06 to 08; cap-sdk-python 2.17.0).
 */
import type { AlertSeverity, BusPacket, ErrorCode, SystemAlert } from "../../gen/cap/index.js";
import { ComponentRole, JobStatus, PROTOCOL_VERSION } from "../../gen/cap/index.js";
import type { Clock } from "../core/clock.js";
import { sanitizeAgentName } from "./agent-name.js";
import { InvalidInputError } from "./errors.js";
import { createPacket } from "./packet.js";

interface Common {
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** What a heartbeat says. Loads are percent, 0 to 100. */
export interface HeartbeatOptions extends Common {
  /** Sender and `worker_id`. */
  readonly workerId: string;
  /** Name of the worker's pool, not a subject: the Cordum scheduler compares it with the pools it knows. */
  readonly pool: string;
  readonly activeJobs: number;
  readonly maxParallel: number;
  readonly cpuLoad: number;
  /** Default: 0. */
  readonly memoryLoad?: number | undefined;
  /** How far the work in flight is, in percent; limited to 0 to 100. Default: 0. */
  readonly progressPct?: number | undefined;
  /** What the worker does now. Default: none. */
  readonly lastMemo?: string | undefined;
  /** Bearer credential of the heartbeat itself, trimmed. Not the session token. Default: none. */
  readonly authToken?: string | undefined;
  /** Display name, its white space folded. Default: none. */
  readonly agentName?: string | undefined;
}

/** A heartbeat. Its trace id is the worker's id. */
export function heartbeatPayload(options: HeartbeatOptions): BusPacket {
  const { workerId, pool, activeJobs, maxParallel, cpuLoad, memoryLoad = 0, progressPct = 0 } = options;
  const value = {
    workerId,
    pool,
    activeJobs,
    maxParallelJobs: maxParallel,
    cpuLoad,
    memoryLoad,
    progressPct: Math.min(100, Math.max(0, Math.trunc(progressPct))),
    lastMemo: options.lastMemo ?? "",
    authToken: options.authToken?.trim() ?? "",
    agentName: sanitizeAgentName(options.agentName ?? ""),
  };
  return packet({ case: "heartbeat", value }, workerId, workerId, options.clock);
}

/** What a progress packet says. */
export interface ProgressOptions extends Common {
  readonly senderId: string;
  readonly jobId: string;
  /** Default: none. */
  readonly stepId?: string | undefined;
  /** 0 to 100. */
  readonly percent: number;
  /** Default: none. */
  readonly message?: string | undefined;
  /** Default: UNSPECIFIED, as the official SDKs leave it. */
  readonly status?: JobStatus | undefined;
}

/** How far a job is. Its trace id is the job's id. */
export function progressPayload(options: ProgressOptions): BusPacket {
  const { senderId, jobId, stepId = "", percent, message = "", status = JobStatus.UNSPECIFIED } = options;
  const value = { jobId, stepId, percent, message, status };
  return packet({ case: "jobProgress", value }, senderId, jobId, options.clock);
}

/** What a cancel packet says. */
export interface CancelOptions extends Common {
  readonly senderId: string;
  readonly jobId: string;
  /** Default: none. */
  readonly reason?: string | undefined;
  /** Default: the sender. */
  readonly requestedBy?: string | undefined;
}

/** Asks for a job to be stopped. Its trace id is the job's id. */
export function cancelPayload(options: CancelOptions): BusPacket {
  const { senderId, jobId, reason = "", requestedBy = senderId } = options;
  return packet({ case: "jobCancel", value: { jobId, reason, requestedBy } }, senderId, jobId, options.clock);
}

/** What a handshake says. */
export interface HandshakeOptions extends Common {
  /** Sender and `component_id`. */
  readonly componentId: string;
  /** Default: none. */
  readonly capabilities?: Readonly<Record<string, boolean>> | undefined;
  /** Default: WORKER. */
  readonly role?: ComponentRole | undefined;
  /** Default: `[1]`, and nothing else is valid. */
  readonly supportedVersions?: readonly number[] | undefined;
  /** Default: "agentwire". */
  readonly sdkVersion?: string | undefined;
  /** Subjects the component serves. Default: none. */
  readonly readyTopics?: readonly string[] | undefined;
  /** Display name, its white space folded. Default: none. */
  readonly agentName?: string | undefined;
  /** Default: random. */
  readonly traceId?: string | undefined;
}

/**
 * What a component is and can do.
 *
 * @throws InvalidInputError for versions other than `[1]`.
 */
export function handshakePayload(options: HandshakeOptions): BusPacket {
  const { componentId, supportedVersions = [PROTOCOL_VERSION] } = options;
  if (supportedVersions.length !== 1 || supportedVersions[0] !== PROTOCOL_VERSION) {
    throw new InvalidInputError(`supported_versions must be [${PROTOCOL_VERSION}]`);
  }
  const value = {
    componentId,
    role: options.role ?? ComponentRole.WORKER,
    supportedVersions: [...supportedVersions],
    capabilities: { ...options.capabilities },
    sdkVersion: options.sdkVersion ?? "agentwire",
    readyTopics: [...(options.readyTopics ?? [])],
    agentName: sanitizeAgentName(options.agentName ?? ""),
  };
  return packet({ case: "handshake", value }, componentId, options.traceId, options.clock);
}

/** What an alert says. */
export interface AlertPayloadOptions extends Common {
  /** Sender and `source_component`. */
  readonly senderId: string;
  readonly severity: AlertSeverity;
  readonly errorCode: ErrorCode;
  readonly message: string;
  /** Default: none. */
  readonly details?: SystemAlert["details"] | undefined;
  /** Trace the alert is about. Default: random. */
  readonly traceId?: string | undefined;
}

/** Something is wrong. */
export function alertPayload(options: AlertPayloadOptions): BusPacket {
  const { senderId, severity, errorCode, message, details = {}, traceId } = options;
  const value = {
    severity,
    errorCodeEnum: errorCode,
    sourceComponent: senderId,
    message,
    details,
    traceId: traceId ?? "",
  };
  return packet({ case: "alert", value }, senderId, traceId, options.clock);
}

function packet(
  payload: Parameters<typeof createPacket>[0],
  senderId: string,
  traceId: string | undefined,
  clock: Clock | undefined,
): BusPacket {
  return createPacket(payload, { senderId, traceId, clock });
}
