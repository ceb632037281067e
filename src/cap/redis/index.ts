/** CAP's stores in Redis: inputs and outputs, and the results of finished jobs. For Node. */
export type { IoredisLike, NodeRedisLike, RedisClientLike } from "./clients.js";
export type { RedisConnectOptions } from "./connect.js";
export type { RedisFinishedJobsOptions } from "./finished-jobs.js";
export { RedisFinishedJobs } from "./finished-jobs.js";
export type { RedisReplayStoreOptions } from "./replay-store.js";
export { RedisReplayStore } from "./replay-store.js";
export type { RedisSessionOptions } from "./session.js";
export type { RedisBlobStoreOptions } from "./store.js";
export { pingRedis, RedisBlobStore } from "./store.js";
export type { RedisTls } from "./tls.js";
export { redisTlsFromEnv } from "./tls.js";
