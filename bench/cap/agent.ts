/** Our agent as an end of the benchmark: the echo handler of `test/peers/cap_agent_peer.py`. */
import { natsAgent } from "../../src/cap/nats/index.js";

const given = JSON.parse(process.argv[2]!);
const agent = natsAgent({
  env: {},
  natsUrl: given.nats,
  redisUrl: given.redis,
  workerId: given.worker,
  pool: given.pool,
  concurrency: given.parallel,
  heartbeatIntervalMs: 200,
  publicKeys: given.public,
  privateKey: given.private,
  mapOrder: "upb",
});
agent.job(`job.${given.prefix}.echo`, (input) => input);
await agent.start();
console.log("peer ready");
