/** CAP over JetStream: jobs and results that outlive a restart, for either NATS client. For Node. */
export type { JetStreamOptions } from "./bus.js";
export { openJetStream } from "./bus.js";
