/** CAP's blob store in Redis. For Node. */
export type { IoredisLike, NodeRedisLike, RedisClientLike } from "./clients.js";
export type { RedisConnectOptions } from "./connect.js";
export type { RedisBlobStoreOptions } from "./store.js";
export { pingRedis, RedisBlobStore } from "./store.js";
export type { RedisTls } from "./tls.js";
export { redisTlsFromEnv } from "./tls.js";
