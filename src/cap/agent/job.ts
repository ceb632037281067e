/** One job of a worker. */
import type { BusPacket, JobRequest } from "../../../gen/cap/index.js";
import { type Logger, scoped, silentLogger } from "../../core/logger.js";
import { Work } from "../../worker/work.js";
import type { Delivery } from "../durable.js";
import { logField } from "../failures.js";
import type { JobIdentity } from "../finished-jobs.js";
import type { ProductionAuthority } from "../production/identity.js";
import { type JobLimits, NO_LIMITS } from "./limits.js";
import type { ServedTopic } from "./topics.js";

/** A job from its arrival until its result is out. */
export class Job extends Work {
  readonly packet: BusPacket;
  readonly request: JobRequest;
  readonly served: ServedTopic;
  /** What makes it the same job as another. Read before a handler can change the request. */
  readonly identity: JobIdentity;
  /** What everything that answers the job says of it, under CAP-PRODUCTION. Frozen before the handler runs. */
  authority: ProductionAuthority | undefined;
  limits: JobLimits = NO_LIMITS;
  /** Deliveries to settle when the result is out; several if the job came again meanwhile. */
  readonly deliveries: Delivery[] = [];
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
  readonly #logger: Logger;
  #log: Logger | undefined;

  constructor(
    key: unknown,
    identity: JobIdentity,
    packet: BusPacket,
    request: JobRequest,
    served: ServedTopic,
    delivery: Delivery | undefined,
    logger: Logger,
  ) {
    super(key);
    this.identity = identity;
    this.packet = packet;
    this.request = request;
    this.served = served;
    this.delivery = delivery?.attempt ?? 1;
    this.#logger = logger;
    if (delivery !== undefined) this.deliveries.push(delivery);
  }

  /** Adds what names the job to every line. */
  get log(): Logger {
    if (this.#logger === silentLogger) return silentLogger;
    const { packet, request } = this;
    this.#log ??= scoped(this.#logger, {
      jobId: logField(request.jobId),
      traceId: logField(packet.traceId),
      topic: logField(request.topic),
      senderId: logField(packet.senderId),
    });
    return this.#log;
  }
}

/** Who asks for a job, as its envelope says under CAP-PRODUCTION, and else the request. */
export function identityOf(packet: BusPacket, request: JobRequest): JobIdentity {
  const { jobId, meta, env } = request;
  return {
    jobId,
    idempotencyKey: meta?.idempotencyKey ?? "",
    tenantId: packet.identity?.tenantId || request.tenantId || env.tenant_id || "default",
    principalId: packet.identity?.principalId || request.principalId || env.principal_id || "",
  };
}
