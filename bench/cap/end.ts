/**
 * One end of `pnpm bench cap` in a process of its own. Reads commands as JSON lines, answers each with one.
 *
 * argv: role, url, subject, keys as JSON or "null". A worker runs until its input ends; a client runs
 * `{inFlight, ms}` and tells how many jobs it finished.
 */
import { createInterface } from "node:readline";
import { connect } from "nats";
import { SUBJECT_RESULT } from "../../gen/cap/index.js";
import { runWorker } from "../../src/cap/index.js";
import { natsBus } from "../../src/cap/nats/index.js";
import { Party } from "../../src/cap/party.js";

interface Keys {
  readonly public: Record<string, string>;
  readonly private: string;
}

const [role, servers, subject, keysText] = process.argv.slice(2) as [string, string, string, string];
const keys = JSON.parse(keysText) as Keys | null;
const signing = keys === null ? {} : { publicKeys: keys.public, privateKey: keys.private };
const connection = await connect({ servers, noAsyncTraces: true });
const bus = natsBus(connection);

const ends: (() => Promise<void>)[] = [];
const tell = (answer: object) => process.stdout.write(`${JSON.stringify(answer)}\n`);
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

if (role === "worker") {
  const worker = await runWorker({
    bus,
    subject,
    senderId: "worker-1",
    ...signing,
    handler: ({ jobId }) => ({ resultPtr: `redis://res:${jobId}` }),
  });
  ends.push(() => worker.close());
  await bus.subscribe(`${subject}.echo`, ({ reply, data }) => void bus.publish(reply!, data));
}

/** Keeps `inFlight` jobs under way for `ms`. */
async function run(inFlight: number, ms: number): Promise<number> {
  const party = new Party({ bus, senderId: "client-1", ...signing });
  let done = 0;
  let sent = 0;
  let stopped = false;
  let finish: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const prefix = `${process.pid}-${Date.now()}`;
  const send = () => {
    const jobId = `job-${prefix}-${sent++}`;
    const value = {
      jobId,
      topic: subject,
      contextPtr: `redis://ctx:${jobId}`,
      labels: { env: "prod", region: "eu" },
    };
    void party.send(subject, { case: "jobRequest", value });
  };
  const subscription = await party.receive(SUBJECT_RESULT, {
    onPacket: ({ payload }) => {
      if (payload.case !== "jobResult") return;
      done++;
      if (!stopped) send();
      else if (done >= sent) finish();
    },
  });
  for (let i = 0; i < inFlight; i++) send();
  await new Promise((resolve) => setTimeout(resolve, ms));
  stopped = true;
  const counted = done;
  await ended;
  subscription.unsubscribe();
  return counted;
}

/** Raw request and reply. */
async function echo(inFlight: number, ms: number): Promise<number> {
  const data = new Uint8Array(300);
  let done = 0;
  const end = performance.now() + ms;
  const loop = async () => {
    while (performance.now() < end) {
      await connection.request(`${subject}.echo`, data);
      done++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  return done;
}

tell({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const { inFlight, ms, raw } = JSON.parse(line) as { inFlight?: number; ms: number; raw?: boolean };
  const before = cpu();
  if (inFlight === undefined) {
    tell({ cpu: before });
  } else {
    const started = performance.now();
    const jobs = raw ? await echo(inFlight, ms) : await run(inFlight, ms);
    tell({ jobs, seconds: Math.min((performance.now() - started) / 1000, ms / 1000), cpu: cpu() - before });
  }
}
for (const end of ends) await end();
await bus.close();
process.exit(0);
