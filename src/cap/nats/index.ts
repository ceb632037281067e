/** CAP over NATS: connections of `nats` 2.x, or of `@nats-io/transport-node` 3.x, as a `Bus`. */
export type { NatsAgentOptions, NatsJobClientOptions } from "./agent.js";
export { natsAgent, natsClient } from "./agent.js";
export type { NatsBusOptions } from "./bus.js";
export { natsBus } from "./bus.js";
export type { NatsClientOptions, NatsOptions } from "./connect.js";
export { connectNats } from "./connect.js";
export type { NatsConnection, NatsMessage, NatsStatus, NatsSubscription } from "./connection.js";
export type { NatsAction } from "./errors.js";
export { natsError } from "./errors.js";
export type { NatsClientTls, NatsTlsOptions } from "./tls.js";
