/**
 * The Holokai neuron protocol: a worker that takes leases from a BigBrain gateway over HTTP and SSE and answers
 * every one of them.
 */
export type {
  AckFrame,
  Capability,
  CapabilityScope,
  ClientFrame,
  HeartbeatFrame,
  Lease,
  NackFrame,
  NackKind,
  ProgressFrame,
  RegisterFrame,
  ServerToNeuronFrame,
  TaskPayload,
} from "../../gen/neuron/index.js";
export type { JsonSchema } from "../core/json-schema.js";
export { HandlerFailure as TerminalFailure, type ProgressUpdate } from "../handler/index.js";
export { type AuthCallback, AuthCallbackError, type AuthReason } from "./callback-auth.js";
export { type CapabilityRegistration, defineCapability, type LeaseInput } from "./capability.js";
export { RegistrationRejectedError } from "./errors.js";
export {
  FALLBACK_PROTOCOL_VERSION,
  type PostPath,
  PROTOCOL_VERSION,
  parseServerFrame,
} from "./frames.js";
export type { Handler, HandlerContext } from "./handler-context.js";
export { HttpTransport, type HttpTransportOptions } from "./http-transport.js";
export type { Answer } from "./lease.js";
export { type MemoryGateway, type MemoryPostHandler, memoryTransport } from "./memory-transport.js";
export { Neuron } from "./neuron.js";
export type { NeuronCommonOptions, NeuronEvents, NeuronOptions, StopOptions } from "./neuron-options.js";
export type { LeaseCall } from "./run-lease.js";
export type { SchemaSource } from "./schemas.js";
export type { PostOptions, ReconnectInfo, Transport, TransportCallbacks } from "./transport.js";
