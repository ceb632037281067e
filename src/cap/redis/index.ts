/** CAP's stores in Redis: inputs and outputs, and the results of finished jobs. For Node. */
export type { RedisClientLike } from "./clients.js";
export { RedisReplayStore } from "./replay-store.js";
export { RedisResultCache } from "./result-cache.js";
export type { RedisBlobStoreOptions } from "./store.js";
export { pingRedis, RedisBlobStore } from "./store.js";
