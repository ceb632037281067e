/** Options, statistics and events of workers: of `Agent`, and of `runWorker`. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  BusPacket,
  HeartbeatSchema,
  JobRequest,
  JobResult,
  JobResultSchema,
} from "../../../gen/cap/index.js";
import type { Env } from "../../core/env.js";
import type { AgentwireError } from "../../core/errors.js";
import type { SchemaValidator } from "../../core/json-schema.js";
import type { Schema } from "../../core/validate.js";
import type { CallContext, HandlerMiddleware } from "../../worker/middleware.js";
import type { BlobStore } from "../blob-store.js";
import type { Bus } from "../bus.js";
import type { DurableBus } from "../durable.js";
import type { MetricsHook } from "../metrics.js";
import type { PartyOptions, ReceiveStats } from "../party.js";
import type { ProductionOptions } from "../production/profile.js";
import type { ResultCache } from "../result-cache.js";
import type { WorkerTrustOptions } from "../trust/config.js";
import type { AgentMiddleware } from "./context.js";
import type { LoadSample } from "./presence.js";

/** A heartbeat as it is sent. */
export type HeartbeatInit = MessageInitShape<typeof HeartbeatSchema>;

/**
 * What a handler of `runWorker` returns. `jobId` and `workerId` are filled in; status is SUCCEEDED unless it says
 * otherwise.
 */
export type JobResultInit = MessageInitShape<typeof JobResultSchema>;

/** The state of a worker. */
export type WorkerState = "idle" | "starting" | "running" | "closing" | "closed";

/** Options that `Agent` and `runWorker` share. */
export interface CommonOptions extends Omit<PartyOptions, "bus" | "senderId"> {
  /** A bus, which you close yourself, or a function that connects to one, which the worker drains when it is closed. */
  readonly bus: Bus | (() => Bus | Promise<Bus>);
  /** Name of the worker: sender of its packets and `worker_id` of its results. */
  readonly senderId?: string | undefined;
  /** How many handlers run at a time, at least 1; further jobs wait in memory, in order. Default: 1. */
  readonly concurrency?: number | undefined;
  /** How many jobs may wait in memory (without a stream); further ones are answered FAILED. Default: 10000. */
  readonly maxQueued?: number | undefined;
  /** Put the text of exceptions into results. Default: false; the text is "handler failed". */
  readonly exposeErrors?: boolean | undefined;
  /** How long each stage of closing may take, such as waiting for running handlers. Default: 30000. */
  readonly graceMs?: number | undefined;
  /** How long a result waits for a broken connection to be restored. Default: 30000. */
  readonly resendForMs?: number | undefined;
  /** Called for jobs and heartbeats. Exceptions are logged and have no other effect. */
  readonly metrics?: MetricsHook | undefined;
  /** Environment variables. Default: the process's. */
  readonly env?: Env | undefined;
}

/** The context that `runWorker` passes to a handler with the request. */
export interface JobContext extends CallContext {
  readonly jobId: string;
  readonly traceId: string;
  readonly request: JobRequest;
  /** The packet the request came in. */
  readonly packet: BusPacket;
}

/** Processes one job. An exception, `null` or `undefined` becomes a FAILED result. */
export type JobHandler = (
  request: JobRequest,
  context: JobContext,
) => JobResultInit | null | undefined | Promise<JobResultInit | null | undefined>;

/** Options of `runWorker`. `senderId` is "cap-worker" by default. */
export interface WorkerOptions extends CommonOptions {
  /** Subject to serve, also the name of the queue group, such as `job.echo`. */
  readonly subject: string;
  readonly handler: JobHandler;
  /** Wraps the handler; the first one given is the outermost. `call.input` is the request. */
  readonly middleware?: readonly HandlerMiddleware<JobContext, JobRequest>[] | undefined;
  /** Closes the worker when it fires. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Options of `Agent`. The defaults are those of the `Agent` of cap-sdk-python 2.17.0.
 *
 * What is given as an object stays the caller's; what a function makes is the agent's own and is closed with it.
 */
export interface AgentOptions extends CommonOptions {
  /** The store of inputs and outputs, or a function that opens it. */
  readonly store: BlobStore | (() => BlobStore | Promise<BlobStore>);
  /** The same as `senderId`, and wins over it. Default: "cap-runtime". */
  readonly workerId?: string | undefined;
  /** Name of the pool, not a subject. Without one Cordum's scheduler never chooses this worker. Default: "". */
  readonly pool?: string | undefined;
  /** Further attempts after a handler has thrown. Default: 0. */
  readonly retries?: number | undefined;
  /** Wait before a further attempt; a function receives the number of the attempt that failed. Default: 0. */
  readonly backoffMs?: number | ((attempt: number) => number) | undefined;
  /** How long connecting, a read or a write may take; 0 or less means no limit. Default: 5000. */
  readonly ioTimeoutMs?: number | undefined;
  /**
   * How long a closing worker with a pool still accepts jobs after its last heartbeat, so that jobs that are on their way
   * to it are not lost. Default: 500.
   */
  readonly goodbyeMs?: number | undefined;
  /** Longest input in bytes; 0 or less means no limit. Default: 2 MiB. */
  readonly maxContextBytes?: number | undefined;
  /** Longest output, and longest artifact, in bytes; 0 or less means no limit. Default: 2 MiB. */
  readonly maxResultBytes?: number | undefined;
  /** 0 or less means the default: 5000. */
  readonly heartbeatIntervalMs?: number | undefined;
  /** Changes a heartbeat before it is sent: receives the planned heartbeat, returns the one to send. */
  readonly heartbeat?: ((planned: HeartbeatInit) => HeartbeatInit | Promise<HeartbeatInit>) | undefined;
  /** Load of the machine in percent, for heartbeats. Default: measured where there is a `process`, else 0. */
  readonly load?: (() => LoadSample) | undefined;
  /** Sent in heartbeats. A job that requires labels is dispatched only to workers that have them. Default: none. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Sent in heartbeats. Default: "". */
  readonly region?: string | undefined;
  /** Kind of worker, sent in heartbeats. Default: "". */
  readonly type?: string | undefined;
  /** Display name in heartbeats and the handshake. Default: "". */
  readonly agentName?: string | undefined;
  /** Bearer credential of heartbeats, which no hook or event shows. Not the session token. Default: none. */
  readonly heartbeatToken?: string | undefined;
  /** Sent in the handshake in addition to the topics. Default: none. */
  readonly capabilities?: Readonly<Record<string, boolean>> | undefined;
  /**
   * Reports whether a failed job may be retried: FAILED_FATAL (11) if another attempt cannot succeed, FAILED_RETRYABLE (10)
   * otherwise. Cordum's scheduler treats both as FAILED. Default: false, FAILED (6).
   */
  readonly granularStatus?: boolean | undefined;
  /** How long a cancelled handler that does not end keeps its slot. Default: 5000. */
  readonly abandonMs?: number | undefined;
  /**
   * How often a stream may deliver a job. If the stream delivers it again after that, for example because the job ended
   * its process every time, the job is answered FAILED without a run and goes to the dead letter queue. A job whose store
   * does not respond is delivered again with growing delays, and fails after the last delivery. 0 means no limit.
   * Default: 10.
   */
  readonly maxDeliver?: number | undefined;
  /**
   * The worker's enrollment. With it, the worker authenticates itself to the scheduler before it accepts jobs, its packets
   * carry a session token, and it accepts jobs of the pinned scheduler only. Default: off; an error if CORDUM_SDK_HANDSHAKE
   * is `warn` or `enforce`.
   */
  readonly workerTrust?: WorkerTrustOptions | undefined;
  /**
   * Accepts only jobs under CAP-PRODUCTION, each once, and seals results and progress under it. Requires `workerTrust` in
   * the mode `enforce`. Default: ordinary packets.
   */
  readonly production?: ProductionOptions | undefined;
  /**
   * Receives jobs from streams that keep them until they are done, and publishes results into a stream. A function receives
   * the bus. Default: jobs come from the bus, at most once.
   */
  readonly durable?: DurableBus | ((bus: Bus) => DurableBus | Promise<DurableBus>) | undefined;
  /** Stores results, to answer a job that is delivered again. Default: none; such a job runs again. */
  readonly dedupe?: ResultCache | (() => ResultCache | Promise<ResultCache>) | undefined;
  /** Wraps handlers; the first one given is the outermost. */
  readonly middleware?: readonly AgentMiddleware[] | undefined;
  /** Validates by JSON Schemas. Default: ajv. */
  readonly validator?: SchemaValidator | undefined;
}

/** Options of `Agent.job`. `In` and `Out` are schemas, or undefined for none. */
export interface TopicOptions<In extends Schema | undefined, Out extends Schema | undefined>
  extends Pick<AgentOptions, "retries" | "backoffMs"> {
  /** What the input must look like: any Standard Schema, or a JSON Schema. Default: anything. */
  readonly input?: In;
  /** What the output must look like. Default: anything. */
  readonly output?: Out;
}

/** How many jobs of a worker ended in which way. */
export interface WorkerStats extends ReceiveStats {
  /** Results with SUCCEEDED. */
  succeeded: number;
  /** Results with another status. */
  failed: number;
  /** Jobs answered with the result of an earlier delivery, or by joining one in flight. */
  repeated: number;
  /** Runs of handlers, all attempts counted. */
  runs: number;
  /** Results that could not be published. */
  unpublished: number;
}

/** An exception of a handler. The result says only "handler failed". */
export interface HandlerError {
  readonly jobId: string;
  readonly topic: string;
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  /** What was thrown. */
  readonly error: unknown;
}

/** Events of a worker. */
export interface WorkerEvents {
  state: WorkerState;
  /** A message was refused. */
  refused: AgentwireError;
  /** A job was taken. */
  job: { readonly jobId: string; readonly topic: string };
  /** A handler threw. */
  handlerError: HandlerError;
  /** A result was published. */
  result: JobResult;
  /** A heartbeat was published. */
  heartbeat: HeartbeatInit;
  /**
   * A result that could not be published, a job that could not be settled, a heartbeat that failed, a lost subscription,
   * or a bus that somebody else closed.
   */
  error: unknown;
}

/** The options of an agent, as far as they hold for every worker. */
export type CoreOptions = Omit<AgentOptions, "store" | "middleware"> & Partial<Pick<AgentOptions, "store">>;
