/** The scheduler of `pnpm bench cap-agent`, in a process of its own. */
import { connectNats } from "../../src/cap/nats/index.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";

const { nats, ...own } = JSON.parse(process.argv[2]!) as { nats: string };
await LocalScheduler.start({
  bus: await connectNats({ env: {}, servers: nats }),
  mapOrder: "upb",
  ...own,
});
console.log("peer ready");
