/** CAP's stores in Redis: inputs and outputs, and the results of finished jobs. For Node. */

export { RedisReplayStore } from "./replay-store.js";
export { RedisResultCache } from "./result-cache.js";
export type { RedisClientLike } from "./session.js";
export type { RedisBlobStoreOptions } from "./store.js";
export { pingRedis, RedisBlobStore } from "./store.js";
