/** The scheduler of `pnpm bench cap-agent`, in a process of its own. */
import { connectNats } from "../../src/cap/nats/index.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";

const { nats, ...own } = JSON.parse(process.argv[2]!) as { nats: string };
const scheduler = new LocalScheduler({
  bus: await connectNats({ env: {}, servers: nats }),
  mapOrder: "upb",
  ...own,
});
await scheduler.start();
console.log("peer ready");
