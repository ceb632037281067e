/** CAP over NATS: connections of `nats` 2.x, or of `@nats-io/transport-node` 3.x, as a `Bus`. */
export type { NatsAgentOptions, NatsJobClientOptions } from "./agent.js";
export { natsAgent, natsClient } from "./agent.js";
export { natsBus } from "./bus.js";
export type { NatsClientOptions, NatsOptions } from "./connect.js";
export { connectNats } from "./connect.js";
export type { NatsConnection } from "./connection.js";
