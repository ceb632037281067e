/**
 * The Holokai neuron protocol: a worker that receives leases from a BigBrain gateway over HTTP and SSE, and answers
 * each of them.
 */
export type {
  CapabilityScope,
  ClientFrame,
  Lease,
  ServerToNeuronFrame,
  TaskPayload,
} from "../../gen/neuron/index.js";
export { type AuthCallback, AuthCallbackError, type AuthReason } from "./callback-auth.js";
export { type CapabilityRegistration, defineCapability } from "./capability.js";
export { RegistrationRejectedError } from "./errors.js";
export { PROTOCOL_VERSION } from "./frames.js";
export type { Handler, HandlerContext } from "./handler-context.js";
export { HttpTransport, type HttpTransportOptions } from "./http-transport.js";
export { memoryTransport } from "./memory-transport.js";
export { Neuron } from "./neuron.js";
export type { NeuronEvents, NeuronOptions, StopOptions } from "./neuron-options.js";
export type { SchemaSource } from "./schemas.js";
export type { ReconnectInfo, Transport, TransportCallbacks } from "./transport.js";
