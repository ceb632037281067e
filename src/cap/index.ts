/**
 * CAP, the Cordum Agent Protocol: packets, signatures, workers and clients.
 *
 * Messages, enums and subjects are generated: import them from `agentwire/gen/cap`.
 */

// Errors with a registered code.
export * from "../../gen/cap/errors.js";
export type { CallContext, HandlerCall, HandlerMiddleware } from "../worker/middleware.js";
export { loggingMiddleware } from "../worker/middleware.js";
// For agents.
export { Agent } from "./agent/agent.js";
export type {
  AgentContext,
  AgentHandler,
  AgentMiddleware,
  JobProgressUpdate,
} from "./agent/context.js";
export type { LoadSample } from "./agent/load.js";
export type {
  AgentCounts,
  AgentEvents,
  AgentHandlerError,
  AgentOptions,
  AgentState,
  HeartbeatInit,
} from "./agent/options.js";
export type { TopicOptions, TopicOverrides } from "./agent/topics.js";
export { sanitizeAgentName } from "./agent-name.js";
export type { AlertOptions } from "./alerts.js";
export type { BlobStore } from "./blob-store.js";
export { InMemoryBlobStore } from "./blob-store.js";
// For those who build on packets and buses.
export type { Bus, BusMessage, BusStatus, RequestOptions, SubscribeOptions, Subscription } from "./bus.js";
export { assertSubject, subjectMatches } from "./bus.js";
export type { JobRequestInit, SubmitJobOptions, Submitted } from "./client.js";
export { submitJob } from "./client.js";
// Keys.
export type { CryptoBackend, KeyOptions, KeyPair, SigningKey, VerifyingKey } from "./crypto/backend.js";
export { defaultCrypto } from "./crypto/backend.js";
export type { CryptoOptions, PrivateKey, PublicKey, PublicKeys, Role } from "./crypto/key-ring.js";
export { generateKeyPair, KeyRing, toSigningKey } from "./crypto/key-ring.js";
export { nobleCrypto } from "./crypto/noble.js";
export { nodeCrypto } from "./crypto/node.js";

export type {
  Delivery,
  DurableBus,
  DurableMessage,
  DurableSubscribeOptions,
  ReplayFrom,
  Stored,
} from "./durable.js";

export type { EmitOptions, HeartbeatLoopOptions } from "./emit.js";
export {
  emitAlert,
  emitCancel,
  emitHeartbeat,
  emitProgress,
  heartbeatLoop,
  publishHandshake,
} from "./emit.js";
export { JobCancelledError, JobFailedError, MaxRetriesExceededError, NoPoolError } from "./errors.js";
export type { FinishedJobs, JobIdentity } from "./finished-jobs.js";

export { JobClient, openJobClient, submitAndWait } from "./job-client.js";
export type {
  JobClientOptions,
  JobSubmitted,
  StartOptions,
  SubmitAndWaitOptions,
  SubmitManyOptions,
  WaitOptions,
} from "./job-client-options.js";
export type { BatchItem } from "./jobs/batch.js";
export type { CompensationInit } from "./jobs/compensation.js";
export { compensation, compensationRequest, rollbackRequests } from "./jobs/compensation.js";
export type { JobHandle } from "./jobs/handle.js";
export type { JobOutcome, OutputOptions } from "./jobs/output.js";
export type { JobSubmission } from "./jobs/submission.js";
export type { WorkflowOptions } from "./jobs/workflow.js";
export { Workflow, workflow, workflowOf } from "./jobs/workflow.js";
export type { MemoryBusOptions } from "./memory-bus.js";
export { MemoryBus } from "./memory-bus.js";
export type { MetricsHook } from "./metrics.js";
export { noopMetrics } from "./metrics.js";
export type { JobEndReason } from "./outcome.js";
export { endReason, jobError } from "./outcome.js";
export type { CreatePacketOptions, PayloadInit, SealOptions, SignedPacket } from "./packet.js";
export {
  assertValidPacket,
  canonicalBytes,
  createPacket,
  DEFAULT_MAX_PACKET_BYTES,
  decodePacket,
  encodePacket,
  sealPacket,
  signPacket,
} from "./packet.js";
export type { PacketListener, PartyOptions, ReceiveCounts, ReceiveOptions } from "./party.js";
export { Party } from "./party.js";
export type {
  AlertPayloadOptions,
  CancelOptions,
  HandshakeOptions,
  HeartbeatOptions,
  HeartbeatProgress,
  ProgressOptions,
} from "./payloads.js";
export {
  alertPayload,
  cancelPayload,
  handshakePayload,
  heartbeatPayload,
  heartbeatPayloadWithMemory,
  heartbeatPayloadWithProgress,
  progressPayload,
} from "./payloads.js";
export { keyFromPointer, pointerFor } from "./pointer.js";
export { finishedBytes, readFinished } from "./stores/finished-result.js";
export { artifactKey, contextKey, resultKey } from "./stores/keys.js";
export type { StoreLimits } from "./stores/limited.js";
export { limitedStore } from "./stores/limited.js";
export type { MemoryFinishedJobsOptions } from "./stores/memory-finished-jobs.js";
export { MemoryFinishedJobs } from "./stores/memory-finished-jobs.js";
export type { ArtifactOptions } from "./stores/values.js";
export { getBytes, getJson, putArtifact, putValue, valueBytes } from "./stores/values.js";
export type { WorkerTrustMode } from "./trust-mode.js";
export { parseWorkerTrustMode } from "./trust-mode.js";
export type { PacketIssue } from "./validate.js";
export { validatePacket } from "./validate.js";
export type { OpenOptions, SignatureProblem, SignedForm, VerifyOptions } from "./verify.js";
export { openPacket, verifyPacket } from "./verify.js";
export type { Decoded } from "./wire/canonical-decode.js";
export { decodeCanonical } from "./wire/canonical-decode.js";
export type { CanonicalBytes, EncodeOptions } from "./wire/canonical-encode.js";
export { encodeCanonical } from "./wire/canonical-encode.js";
export type { MapOrder } from "./wire/map-order.js";
export { runWorker, Worker } from "./worker.js";
export type {
  HandlerError,
  JobContext,
  JobHandler,
  JobResultInit,
  WorkerCounts,
  WorkerEvents,
  WorkerOptions,
} from "./worker-options.js";
