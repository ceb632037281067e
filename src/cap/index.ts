/**
 * CAP, the Cordum Agent Protocol: packets, signatures, workers and clients.
 *
 * Messages, enums and subjects are generated: import them from `agentwire/gen/cap`.
 */

// Errors with a registered code.
export * from "../../gen/cap/errors.js";
export type { HandlerCall } from "../worker/middleware.js";
export { loggingMiddleware } from "../worker/middleware.js";
// For agents.
export { Agent } from "./agent/agent.js";
export type { AgentContext } from "./agent/context.js";
export type {
  AgentOptions,
  JobContext,
  JobHandler,
  JobResultInit,
  TopicOptions,
  WorkerEvents,
  WorkerOptions,
} from "./agent/options.js";
export type { BlobStore } from "./blob-store.js";
export {
  contextKey,
  getBytes,
  getJson,
  InMemoryBlobStore,
  keyFromPointer,
  limitedStore,
  pointerFor,
  putArtifact,
  putValue,
  resultKey,
} from "./blob-store.js";
// For those who build on packets and buses.
export type { Bus, BusMessage, BusStatus, SubscribeOptions, Subscription } from "./bus.js";
export type { CryptoBackend, KeyPair, SigningKey, VerifyingKey } from "./crypto/backend.js";
// Keys.
export { defaultCrypto } from "./crypto/backend.js";
export type { PrivateKey, PublicKeys } from "./crypto/key-ring.js";
export { generateKeyPair, KeyRing, toSigningKey } from "./crypto/key-ring.js";
export { nobleCrypto } from "./crypto/noble.js";
export { nodeCrypto } from "./crypto/node.js";
export type { Delivery, DurableBus, DurableMessage } from "./durable.js";
export { JobCancelledError, JobFailedError, MaxRetriesExceededError, NoPoolError } from "./errors.js";
export { JobClient, openJobClient, submitAndWait } from "./job-client.js";
export type { JobClientOptions, JobHandle, SubmitManyOptions, WaitOptions } from "./job-client-options.js";
export type { BatchItem } from "./jobs/batch.js";
export { compensation, rollbackRequests } from "./jobs/compensation.js";
export type { JobRequestInit, JobSubmission, SubmitReceipt } from "./jobs/submission.js";
export { submitJob } from "./jobs/submission.js";
export type { WorkflowOptions } from "./jobs/workflow.js";
export { Workflow } from "./jobs/workflow.js";
export { MemoryBus } from "./memory-bus.js";
export type { MetricsHook } from "./metrics.js";
export type { JobOutcome } from "./outcome.js";
export { MemoryResultCache, type ResultCache } from "./result-cache.js";
export type { WorkerTrustOptions } from "./trust/config.js";
export { WorkerTrustError } from "./trust/messages.js";
export { runWorker, Worker } from "./worker.js";
