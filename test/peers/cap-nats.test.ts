/** Both ends of CAP over a real nats-server, the other one being cap-sdk-python 2.17.0. */
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { JobStatus } from "../../gen/cap/index.js";
import type { Bus } from "../../src/cap/index.js";
import {
  JobFailedError,
  JobTimeoutError,
  openJobClient,
  runWorker,
  submitAndWait,
} from "../../src/cap/index.js";
import type { NatsOptions } from "../../src/cap/nats/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";
import { clients } from "../cap/nats/clients.ts";
import { keyFile } from "../cap/vectors.ts";
import { req } from "../requirements/index.ts";
import { capPython, describeWithPeers, natsServer } from "./ladder.ts";
import type { Running } from "./processes.ts";
import { start, startNats } from "./processes.ts";

const script = join(import.meta.dirname, "cap_peer.py");
const publicKeys = {
  "client-1": keyFile("client.pub.pem"),
  "worker-1": keyFile("worker.pub.pem"),
  "cordum-scheduler": keyFile("scheduler.pub.pem"),
};
const modes = [
  ["unsigned", false],
  ["signed", true],
] as const;

await describeWithPeers("CAP over NATS and cap-sdk-python 2.17.0", [natsServer, capPython], (paths) => {
  const [natsPath, python] = paths;
  let server: Awaited<ReturnType<typeof startNats>>;
  const buses: Bus[] = [];
  const peers: Running[] = [];
  beforeAll(async () => {
    server = await startNats(natsPath!);
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    for (const peer of peers.splice(0)) await peer.stop("SIGKILL");
    for (const bus of buses.splice(0)) await bus.close();
  });
  const open = async (options: NatsOptions) => {
    const bus = await connectNats({ ...options, env: {}, servers: server.url });
    buses.push(bus);
    return bus;
  };
  const peer = (job: object) => {
    const running = start(python!, [script, JSON.stringify({ url: server.url, ...job })]);
    peers.push(running);
    return running;
  };
  const schedule = async (bus: Bus, signed: boolean) => {
    const keys = signed ? { publicKeys, privateKey: keyFile("scheduler.pkcs8.pem") } : {};
    const scheduler = await LocalScheduler.start({ bus, ...keys, mapOrder: "upb" });
    return scheduler;
  };

  describe.each(clients)("%s", (_, client) => {
    it.each(modes)(
      req("cap.peers.python-client", "its submit_job -> our scheduler and worker -> its listener, %s"),
      async (_, signed) => {
        const scheduler = await schedule(await open(client), signed);
        const worker = await runWorker({
          bus: () => open(client),
          subject: "job.echo",
          senderId: "worker-1",
          ...(signed ? { publicKeys, privateKey: keyFile("worker.pkcs8.pem") } : {}),
          handler: ({ jobId }) => ({ resultPtr: `redis://res:${jobId}` }),
        });
        const running = peer({
          role: "client",
          subject: "job.echo",
          sender: "client-1",
          jobs: 50,
          labels: { env: "prod", env_name: "x", "10": "a", "1": "b", "": "empty" },
          ...(signed ? { public: publicKeys, private: keyFile("client.pkcs8.pem") } : {}),
        });
        await running.until(/\]\]\n/);
        const results = JSON.parse(running.output().trim()) as unknown[][];
        expect(results).toHaveLength(50);
        for (const [jobId, status, workerId, traceId] of results) {
          expect([status, workerId]).toEqual([JobStatus.SUCCEEDED, "worker-1"]);
          expect(traceId).toBe(`trace-${String(jobId).slice(4)}`);
        }
        expect(worker.stats).toMatchObject({ received: 50, refused: 0, succeeded: 50 });
        await worker.close();
        await scheduler.close();
      },
    );

    it.each(modes)(
      req("cap.peers.python-worker", "our submitAndWait -> our scheduler -> its run_worker, %s"),
      async (_, signed) => {
        const scheduler = await schedule(await open(client), signed);
        const running = peer({
          role: "worker",
          subject: "job.py",
          sender: "worker-1",
          ...(signed ? { public: publicKeys, private: keyFile("worker.pkcs8.pem") } : {}),
        });
        await running.until("peer ready");
        const ours = await openJobClient({
          bus: await open(client),
          senderId: "client-1",
          ...(signed ? { publicKeys, privateKey: keyFile("client.pkcs8.pem") } : {}),
        });
        const labels = { env: "prod", env_name: "x", "10": "a", "1": "b" };
        const jobs = Array.from({ length: 50 }, (_, i) =>
          ours.submitAndWait({ jobId: `our-${i}`, topic: "job.py", labels }, { timeoutMs: 20_000 }),
        );
        const results = await Promise.all(jobs);
        expect(results.map(({ resultPtr }) => resultPtr)).toEqual(jobs.map((_, i) => `redis://res:our-${i}`));
        for (const [contextPtr, text] of [
          ["raise", "handler failed"],
          ["none", "handler returned null"],
        ] as const) {
          const error = await ours
            .submitAndWait({ topic: "job.py", contextPtr })
            .catch((caught: unknown) => caught as JobFailedError);
          expect(error).toBeInstanceOf(JobFailedError);
          expect((error as JobFailedError).message).toContain(text);
        }
        await ours.close();
        await scheduler.close();
      },
    );
  });

  it("a client with other keys is answered by nobody", async () => {
    const bus = await open({});
    const worker = await runWorker({ bus, subject: "job.k", publicKeys, handler: () => ({}) });
    const scheduler = await schedule(await open({}), false);
    const lost = await submitAndWait({
      bus: await open({}),
      senderId: "client-1",
      request: { topic: "job.k" },
      timeoutMs: 200,
    }).catch((error: unknown) => error);
    expect(lost).toBeInstanceOf(JobTimeoutError);
    expect(worker.stats).toMatchObject({ received: 1, refused: 1 });
    await worker.close();
    await scheduler.close();
  });
});
