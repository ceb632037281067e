/** What breaks under CAP over NATS, and what its users are told. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { JobStatus, SUBJECT_RESULT } from "../../gen/cap/index.js";
import type { Bus, BusStatus } from "../../src/cap/index.js";
import {
  ConnectionLostError,
  JobTimeoutError,
  openJobClient,
  PublishFailedError,
  runWorker,
  SubscribeFailedError,
} from "../../src/cap/index.js";
import type { NatsOptions } from "../../src/cap/nats/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
import { createPacket, encodePacket } from "../../src/cap/packet.js";
import { AbortError, type AgentwireError, AuthError, ClosedError } from "../../src/core/errors.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";
import { clients } from "../cap/nats/clients.ts";
import { describeWithPeers, natsServer } from "../peers/ladder.ts";
import { freePort, startNats } from "../peers/processes.ts";
import { req } from "../requirements/index.ts";
import { startProxy } from "./proxy.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));
const failure = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error as AgentwireError,
  );
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Everything a bus tells of its connection. */
function told(bus: Bus) {
  const statuses: BusStatus[] = [];
  const errors: AgentwireError[] = [];
  bus.onStatus((status, error) => {
    if (statuses.at(-1) !== status) statuses.push(status);
    if (error !== undefined) errors.push(error);
  });
  const until = async (status: BusStatus) => {
    while (!statuses.includes(status)) await turn();
  };
  return { statuses, errors, until };
}

await describeWithPeers("faults of NATS", [natsServer], ([path]) => {
  const serve = async (options: Parameters<typeof startNats>[1] = {}) => {
    const server = await startNats(path!, options);
    cleanups.push(() => server.stop("SIGKILL"));
    return server;
  };

  describe.each(clients)("with %s", (_, client) => {
    const open = async (options: NatsOptions) => {
      const bus = await connectNats({ ...client, env: {}, reconnectWaitMs: 20, ...options });
      cleanups.push(() => bus.close());
      return bus;
    };
    const stack = async (servers: string) => {
      const bus = await open({ servers });
      const worker = await runWorker({
        bus,
        subject: "job.x",
        handler: ({ contextPtr, jobId }) =>
          contextPtr === "never" ? new Promise(() => {}) : { resultPtr: `redis://res:${jobId}` },
        concurrency: 100,
        graceMs: 0,
      });
      const scheduler = await LocalScheduler.start({ bus });
      const clientBus = await open({ servers });
      const jobs = await openJobClient({ bus: clientBus, senderId: "c" });
      cleanups.push(async () => {
        await jobs.close();
        await worker.close();
        await scheduler.close();
      });
      return { bus, clientBus, worker, jobs };
    };

    it(req("cap.nats.reconnect", "a server killed in mid-run and started again on its port"), async () => {
      const server = await serve();
      const { bus, clientBus, jobs } = await stack(server.url);
      const first = await jobs.submitAndWait({ topic: "job.x" });
      expect(first.status).toBe(JobStatus.SUCCEEDED);
      const [workerSide, clientSide] = [told(bus), told(clientBus)];
      const controller = new AbortController();
      const waiting = failure(
        jobs.submitAndWait({ topic: "job.x", contextPtr: "never" }, { signal: controller.signal }),
      );
      await clientBus.flush();
      await server.stop("SIGKILL");
      await Promise.all([workerSide.until("reconnecting"), clientSide.until("reconnecting")]);
      expect(() => clientBus.publish("a", new Uint8Array())).toThrow(ConnectionLostError);
      expect(await failure(jobs.submitAndWait({ topic: "job.x" }))).toBeInstanceOf(ConnectionLostError);
      expect(jobs.waiting).toBe(1);
      await serve({ port: server.port });
      await Promise.all([workerSide.until("connected"), clientSide.until("connected")]);
      await bus.flush();
      const again = await jobs.submitAndWait({ topic: "job.x" }, { timeoutMs: 5000 });
      expect(again.status).toBe(JobStatus.SUCCEEDED);
      controller.abort();
      expect(await waiting).toBeInstanceOf(AbortError);
      expect(jobs.waiting).toBe(0);
      expect(workerSide.statuses).toEqual(["reconnecting", "connected"]);
    });

    it(
      req("cap.client.settled", "a server that never comes back: what waits ends with its time"),
      async () => {
        const server = await serve();
        const { clientBus, jobs } = await stack(server.url);
        const { until } = told(clientBus);
        const waiting = failure(
          jobs.submitAndWait(
            { topic: "job.x", contextPtr: "never" },
            { timeoutMs: 150, cancelOnAbort: true },
          ),
        );
        await clientBus.flush();
        await server.stop("SIGKILL");
        await until("reconnecting");
        expect(await waiting).toBeInstanceOf(JobTimeoutError);
        const other = failure(jobs.submitAndWait({ topic: "job.x" }));
        expect(await other).toBeInstanceOf(ConnectionLostError);
        expect(await failure(clientBus.subscribe("x", () => {}))).toBeInstanceOf(SubscribeFailedError);
        await clientBus.drain();
        expect(clientBus.status()).toBe("closed");
        expect(jobs.waiting).toBe(0);
      },
    );

    it("a limit on reconnections: the bus is closed and says so, and every wait fails", async () => {
      const server = await serve();
      const bus = await open({ servers: server.url, maxReconnects: 2 });
      const jobs = await openJobClient({ bus, senderId: "c" });
      const { until } = told(bus);
      const waiting = failure(jobs.submitAndWait({ topic: "job.x" }));
      await bus.flush();
      await server.stop("SIGKILL");
      await until("closed");
      expect(await waiting).toBeInstanceOf(ConnectionLostError);
      expect(() => bus.publish("a", new Uint8Array())).toThrow(ClosedError);
      await jobs.close();
    });

    it("a link that stalls is noticed by its pings, and the work goes on when it is mended", async () => {
      const server = await serve();
      const proxy = await startProxy(server.port);
      cleanups.push(() => proxy.stop());
      const bus = await open({ servers: proxy.url, pingIntervalMs: 300 });
      const { errors, until, statuses } = told(bus);
      let seen = 0;
      await bus.subscribe("a", () => seen++);
      proxy.stall();
      expect(await failure(bus.flush())).toBeDefined();
      await until("reconnecting");
      proxy.resume();
      await until("connected");
      await bus.flush();
      const other = await open({ servers: server.url });
      while (seen === 0) {
        other.publish("a", new Uint8Array());
        await other.flush();
      }
      expect(statuses.slice(0, 2)).toEqual(["reconnecting", "connected"]);
      expect(errors.every((error) => error instanceof Error)).toBe(true);
    });

    it("a consumer that is too slow is cut off by the server, told so, and comes back", async () => {
      const folder = mkdtempSync(join(tmpdir(), "agentwire-"));
      cleanups.push(async () => rmSync(folder, { recursive: true }));
      writeFileSync(
        join(folder, "nats.conf"),
        'max_payload: 65536\nmax_pending: 262144\nwrite_deadline: "100ms"\n',
      );
      const server = await serve({ args: ["-c", join(folder, "nats.conf")] });
      const proxy = await startProxy(server.port);
      cleanups.push(() => proxy.stop());
      const slow = await open({ servers: proxy.url });
      const fast = await open({ servers: server.url });
      const { until } = told(slow);
      let seen = 0;
      await slow.subscribe("a", () => seen++);
      proxy.stallReading();
      const data = new Uint8Array(60_000);
      for (let i = 0; i < 400 && slow.status() === "connected"; i++) {
        fast.publish("a", data);
        await fast.flush();
      }
      proxy.resume();
      await until("reconnecting");
      await until("connected");
      await slow.flush();
      const before = seen;
      fast.publish("a", data);
      await fast.flush();
      while (seen === before) await turn();
      expect(slow.status()).toBe("connected");
    });

    it("a payload above the server's limit: a typed error, and a FAILED result for the job", async () => {
      const folder = mkdtempSync(join(tmpdir(), "agentwire-"));
      cleanups.push(async () => rmSync(folder, { recursive: true }));
      writeFileSync(join(folder, "nats.conf"), "max_payload: 4096\n");
      const server = await serve({ args: ["-c", join(folder, "nats.conf")] });
      const bus = await open({ servers: server.url });
      const large = await failure((async () => bus.publish("a", new Uint8Array(4097)))());
      expect(large).toBeInstanceOf(PublishFailedError);
      expect(large?.retryable).toBe(false);
      const handler = () => ({ errorMessage: "x".repeat(5000) });
      const worker = await runWorker({ bus, subject: "job.x", handler });
      const scheduler = await LocalScheduler.start({ bus });
      const jobs = await openJobClient({ bus, senderId: "c" });
      const refused = await failure(jobs.submitAndWait({ topic: "job.x" }));
      expect(refused?.message).toContain("result cannot be sent");
      const tooLarge = jobs.submitAndWait({ topic: "job.x", contextPtr: "x".repeat(5000) });
      expect(await failure(tooLarge)).toBeInstanceOf(PublishFailedError);
      expect(jobs.waiting).toBe(0);
      await jobs.close();
      await worker.close();
      await scheduler.close();
    });

    it(req("cap.worker.denied", "a job with a reply subject is done, and the reply never used"), async () => {
      const server = await serve();
      const { bus, worker } = await stack(server.url);
      const other = await open({ servers: server.url });
      const answers: string[] = [];
      await other.subscribe("_INBOX.publisher", ({ subject }) => answers.push(subject));
      const results: string[] = [];
      await other.subscribe(SUBJECT_RESULT, ({ subject }) => results.push(subject));
      const value = { jobId: "j", topic: "job.x" };
      const packet = encodePacket(createPacket({ case: "jobRequest", value }, { senderId: "s" }));
      other.publish("job.x", packet, { reply: "_INBOX.publisher" });
      other.publish("job.x", Uint8Array.of(1, 2, 3), { reply: "_INBOX.publisher" });
      while (results.length === 0) await turn();
      await bus.flush();
      await other.flush();
      expect(answers).toEqual([]);
      expect(worker.stats).toMatchObject({ received: 2, refused: 1, succeeded: 1 });
    });

    it("a server that comes back with other users, and a bound on attempts: AuthError in the status, then closed", async () => {
      const server = await serve({ args: ["--user", "ann", "--pass", "x"] });
      const other = await serve({ args: ["--user", "bob", "--pass", "x"] });
      const proxy = await startProxy(server.port);
      cleanups.push(proxy.stop);
      const bus = await open({ servers: proxy.url, user: "ann", password: "x", maxReconnects: 3 });
      const jobs = await openJobClient({ bus, senderId: "c" });
      const { errors, until } = told(bus);
      const waiting = failure(jobs.submitAndWait({ topic: "job.x" }));
      await bus.flush();
      proxy.pointTo(other.port); // it runs already: a slow start would use up the attempts
      await server.stop("SIGKILL");
      await until("closed");
      expect(errors.some((error) => error instanceof AuthError)).toBe(true);
      expect(await waiting).toBeInstanceOf(ConnectionLostError);
      await jobs.close();
    });

    it(req("cap.nats.leaves-nothing", "after close no socket, timer or subscription is left"), async () => {
      const server = await serve({ args: ["-m", String(await freePort())] });
      const monitor = /monitor on 127.0.0.1:(\d+)/.exec(server.output())![1];
      const subscriptions = async () => {
        const answer = await fetch(`http://127.0.0.1:${monitor}/connz?subs=1`, {
          headers: { connection: "close" },
        });
        const { connections } = (await answer.json()) as { connections: { subscriptions: number }[] };
        return connections.map((connection) => connection.subscriptions);
      };
      await subscriptions();
      const handles = () =>
        process.getActiveResourcesInfo().filter((name) => /Timeout|TCPSocket|TLSWrap|Immediate/.test(name));
      const count = () => {
        const counts: Record<string, number> = {};
        for (const name of handles()) counts[name] = (counts[name] ?? 0) + 1;
        return counts;
      };
      await new Promise((resolve) => setTimeout(resolve, 50));
      const before = count();
      const bus = await connectNats({ ...client, env: {}, servers: server.url });
      const keep = await connectNats({ ...client, env: {}, servers: server.url });
      const worker = await runWorker({ bus, subject: "job.x", handler: () => ({}) });
      const scheduler = await LocalScheduler.start({ bus });
      const jobs = await openJobClient({ bus: keep, senderId: "c" });
      await Promise.all(Array.from({ length: 20 }, () => jobs.submitAndWait({ topic: "job.x" })));
      expect((await subscriptions()).sort()).toEqual([2, 5]); // the client's; the worker's one and the scheduler's four
      await jobs.close();
      await worker.close();
      await scheduler.close();
      await Promise.all([bus.flush(), keep.flush()]);
      expect(await subscriptions()).toEqual([0, 0]);
      await bus.close();
      await keep.drain();
      // The server notices a closed socket in its own time.
      while ((await subscriptions()).length > 0) await turn();
      const left = () => {
        const now = count();
        return Object.keys(now).filter((name) => now[name]! > (before[name] ?? 0));
      };
      for (let i = 0; i < 200 && left().length > 0; i++) await turn();
      expect(left()).toEqual([]);
    });
  });

  it(req("cap.nats.wait", "a server that is away at the start, for both answers"), async () => {
    const port = await freePort();
    const servers = `127.0.0.1:${port}`;
    const away = await failure(connectNats({ env: {}, servers }));
    expect(away).toMatchObject({ name: "ConnectionError", retryable: true });
    const waiting = connectNats({ env: {}, servers, waitOnFirstConnect: true, reconnectWaitMs: 20 });
    await serve({ port });
    const bus = await waiting;
    expect(bus.status()).toBe("connected");
    await bus.close();
  });
});
