/** One job of a worker, its limits, and what its handler sees of it. */
import type { BusPacket, JobRequest } from "../../../gen/cap/index.js";
import { isObject } from "../../core/json.js";
import { type Logger, scoped, silentLogger } from "../../core/logger.js";
import { Work } from "../../worker/work.js";
import type { Delivery } from "../durable.js";
import { JobFailure, logField } from "../failures.js";
import { freezeAuthority, type ProductionAuthority } from "../production/identity.js";
import { type JobIdentity, jobKey } from "../result-cache.js";
import type { JobContext } from "./options.js";
import type { Runtime, ServedTopic } from "./runtime.js";

/** A job from its arrival until its result is out. */
export class Job extends Work {
  /** What everything that answers the job says of it, under CAP-PRODUCTION. Frozen before the handler runs. */
  readonly authority: ProductionAuthority | undefined;
  limits: JobLimits = NO_LIMITS;
  /** Deliveries to settle when the result is out; several if the job came again meanwhile. */
  readonly deliveries: Delivery[];
  /** How often a stream has delivered it; 1 without a stream. */
  readonly delivery: number;
  /** When its time is over, in milliseconds since the epoch. */
  deadline: number | undefined;
  attempt = 0;
  /** When its first handler started, by the monotonic clock. */
  startedMs: number | undefined;
  /** Pointers of the artifacts of the current attempt, and the bytes of all. */
  artifacts: string[] = [];
  artifactBytes = 0;
  /** Progress that is being sent. */
  reporting: Promise<unknown> | undefined;
  /** Lets the next job with the same idempotency key run. */
  releaseKey: (() => void) | undefined;
  #log: Logger | undefined;

  constructor(
    readonly runtime: Runtime,
    readonly packet: BusPacket,
    readonly request: JobRequest,
    readonly served: ServedTopic,
    delivery: Delivery | undefined,
    /** What makes it the same job as another. Read before a handler can change the request. */
    readonly identity: JobIdentity = identityOf(packet, request),
  ) {
    super(runtime.isScheduled ? keyOf(identity, request) : undefined);
    this.delivery = delivery?.attempt ?? 1;
    this.deliveries = delivery === undefined ? [] : [delivery];
    this.authority = runtime.options.production && freezeAuthority(packet, request);
  }

  /** Adds what names the job to every line. */
  get log(): Logger {
    const { packet, request, runtime } = this;
    if (runtime.log === silentLogger) return silentLogger;
    this.#log ??= scoped(runtime.log, {
      jobId: logField(request.jobId),
      traceId: logField(packet.traceId),
      topic: logField(request.topic),
      senderId: logField(packet.senderId),
    });
    return this.#log;
  }

  /** Milliseconds since its first handler started. */
  get elapsedMs(): bigint {
    const { startedMs } = this;
    if (startedMs === undefined) return 0n;
    return BigInt(Math.max(0, Math.round(this.runtime.clock.monotonic() - startedMs)));
  }

  /** A read or a write within its time, or the reason why the job was cut short meanwhile. */
  bounded<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.race(this.runtime.bounded(what, work));
  }
}

/**
 * What a handler of `runWorker` gets. A class: an object literal with accessors costs a hidden class each time, which
 * only a full garbage collection frees.
 */
export class PlainContext implements JobContext {
  readonly jobId: string;
  readonly traceId: string;
  readonly correlationId: string;
  readonly request: JobRequest;
  readonly packet: BusPacket;
  readonly #job: Job;

  constructor(job: Job) {
    this.jobId = job.request.jobId;
    this.traceId = job.packet.traceId;
    this.correlationId = job.packet.traceId;
    this.request = job.request;
    this.packet = job.packet;
    this.#job = job;
  }

  get log(): Logger {
    return this.#job.log;
  }

  get signal(): AbortSignal {
    return this.#job.signal;
  }

  get attempt(): number {
    return this.#job.attempt;
  }

  get deadline(): number | undefined {
    return this.#job.deadline;
  }
}

/** A new dispatch of a job is answered with a result of its own, which names it. */
function keyOf(identity: JobIdentity, { dispatch }: JobRequest): string {
  return `${jobKey(identity)} ${dispatch?.dispatchId ?? ""} ${dispatch?.attempt ?? 0n}`;
}

/** Who asks for a job, as its envelope says under CAP-PRODUCTION, and else the request. */
function identityOf(packet: BusPacket, request: JobRequest): JobIdentity {
  const { jobId, meta, env } = request;
  return {
    jobId,
    idempotencyKey: meta?.idempotencyKey ?? "",
    tenantId: packet.identity?.tenantId || request.tenantId || env.tenant_id || "default",
    principalId: packet.identity?.principalId || request.principalId || env.principal_id || "",
  };
}

/** What a scheduler allows one job (Cordum: its budget, and variables in `env`); `Infinity` for no limit. */
export type JobLimits = Readonly<typeof NO_LIMITS>;

/** No limits at all. */
export const NO_LIMITS = {
  /** Milliseconds from the creation of the job's packet to its end. */
  deadlineMs: Infinity,
  /** Milliseconds from the start of its handler to its end. */
  maxRuntimeMs: Infinity,
  /** Attempts after the first. */
  maxRetries: Infinity,
  /** Bytes of all its artifacts together. */
  maxArtifactBytes: Infinity,
};

/**
 * Reads the limits of a job. 0 means no limit, and of two limits the lower one holds.
 *
 * @throws JobFailure for constraints that cannot be read: a job under unknown constraints must not run.
 */
export function jobLimits({ env, budget }: JobRequest): JobLimits {
  const { CORDUM_POLICY_CONSTRAINTS: json, CORDUM_MAX_RETRIES, CORDUM_MAX_ARTIFACT_BYTES } = env;
  const budgets = json ? budgetsOf(json) : {};
  // ProtoJSON of `PolicyConstraints.budgets`, under the names of JSON and of the proto file.
  const of = (name: string, protoName: string, variable?: string): number =>
    Math.min(limit(budgets[name] ?? budgets[protoName]), limit(variable || undefined));
  return {
    deadlineMs: limit(budget?.deadlineMs),
    maxRuntimeMs: of("maxRuntimeMs", "max_runtime_ms"),
    maxRetries: of("maxRetries", "max_retries", CORDUM_MAX_RETRIES),
    maxArtifactBytes: of("maxArtifactBytes", "max_artifact_bytes", CORDUM_MAX_ARTIFACT_BYTES),
  };
}

function unreadable(): Error {
  return new JobFailure("INVALID_INPUT", "policy constraints cannot be read");
}

function budgetsOf(json: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw unreadable();
  }
  if (!isObject(parsed)) throw unreadable();
  const { budgets = {} } = parsed;
  if (budgets === null) return {};
  if (!isObject(budgets)) throw unreadable();
  return budgets;
}

function limit(value: unknown): number {
  if (value === undefined || value === null) return Infinity;
  const number = typeof value === "string" && value.trim() === "" ? Number.NaN : Number(value);
  if (Number.isNaN(number)) throw unreadable();
  return number > 0 ? number : Infinity;
}
