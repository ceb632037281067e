import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { JobStatus, MESSAGE_ID_LABEL, SUBJECT_DLQ, SUBJECT_RESULT } from "../../gen/cap/index.js";
import { toSigningKey } from "../../src/cap/crypto/key-ring.js";
import {
  generateKeyPair,
  InMemoryBlobStore,
  openJobClient,
  PublishFailedError,
  runWorker,
  SafetyDeniedError,
} from "../../src/cap/index.js";
import { openJetStream } from "../../src/cap/jetstream/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
import { Party } from "../../src/cap/party.js";
import { requestOver } from "../../src/cap/request.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";
import { clients } from "../cap/nats/clients.ts";
import { startProxy } from "../faults/proxy.ts";
import { describeWithPeers, natsServer } from "../peers/ladder.ts";
import { startNats } from "../peers/processes.ts";
import { req } from "../requirements/index.ts";
import { failure } from "./stack.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

await describeWithPeers("a client over JetStream", [natsServer], ([path]) => {
  describe.each(clients)("with %s", (_, client) => {
    const setUp = async () => {
      const folder = mkdtempSync(join(tmpdir(), "agentwire-client-"));
      cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
      const server = await startNats(path!, { args: ["-js", "-sd", folder] });
      cleanups.push(() => server.stop("SIGKILL"));
      const connect = async () => {
        const bus = await connectNats({ ...client, env: {}, servers: server.url });
        cleanups.push(() => bus.close());
        return bus;
      };
      const bus = await connect();
      return {
        bus,
        connect,
        server,
        durable: await openJetStream(bus, { createStreams: true, againMs: 100 }),
      };
    };

    it(req("cap.client.confirmed", "signed, stored once, and waited for as ever"), async () => {
      const { bus, connect, durable } = await setUp();
      const keys = await generateKeyPair();
      const store = new InMemoryBlobStore();
      const party = { bus, senderId: "c", store, durable, privateKey: keys.privateKeyPem };
      const jobs = await openJobClient(party);
      const scheduler = await LocalScheduler.start({
        bus: await connect(),
        publicKeys: { c: keys.publicKeyPem, w: keys.publicKeyPem },
      });
      const worker = await runWorker({
        bus: await connect(),
        subject: "job.x",
        senderId: "w",
        privateKey: toSigningKey(keys.privateKeyPem),
        handler: ({ contextPtr }) => ({ resultPtr: contextPtr }),
        concurrency: 10,
      });
      cleanups.push(
        () => jobs.close(),
        () => worker.close(),
        () => scheduler.close(),
      );
      const job = await jobs.start({ jobId: "j1", topic: "job.x", input: { n: 1 } });
      expect(job.stored).toMatchObject({ stream: "CORDUM_SYS", duplicate: false });
      expect((await job.result).output).toEqual({ n: 1 });
      expect((await jobs.submit({ jobId: "j1", topic: "job.x" })).stored?.duplicate).toBe(true);
      // The label takes the place of the job id.
      const labels = { [MESSAGE_ID_LABEL]: "mine" };
      expect((await jobs.submit({ jobId: "j2", topic: "job.x", labels })).stored?.duplicate).toBe(false);
      expect((await jobs.submit({ jobId: "j3", topic: "job.x", labels })).stored?.duplicate).toBe(true);
      const many = await jobs.submitMany(
        Array.from({ length: 50 }, (_, n) => ({ topic: "job.x", input: n })),
      );
      expect(many.every((item, n) => item.status === "fulfilled" && item.value.output === n)).toBe(true);
      expect(scheduler.stats.refused).toBe(0);
    });

    it("a client that was away when the results came reads them from the stream", async () => {
      const { connect, server } = await setUp();
      const proxy = await startProxy(server.port);
      cleanups.push(() => proxy.stop());
      const bus = await connectNats({ ...client, env: {}, servers: proxy.url, reconnectWaitMs: 20 });
      cleanups.push(() => bus.close());
      const jobs = await openJobClient({ bus, senderId: "c", durable: await openJetStream(bus) });
      cleanups.push(() => jobs.close());
      const other = await connect();
      const streams = await openJetStream(other);
      const scheduler = new Party({ bus: other, senderId: "s" });
      const end = (jobId: string, status: JobStatus) =>
        scheduler.send(
          status === JobStatus.DENIED ? SUBJECT_DLQ : SUBJECT_RESULT,
          {
            case: "jobResult",
            value: {
              jobId,
              workerId: "s",
              status,
              errorCode: status === JobStatus.DENIED ? "safety_denied" : "",
            },
          },
          undefined,
          (subject, bytes) => streams.publish(subject, bytes, { messageId: `${subject}:${jobId}` }),
        );
      await end("earlier", JobStatus.SUCCEEDED); // before any of the requests: never read
      const waiting = Array.from({ length: 300 }, (_, i) =>
        jobs.submitAndWait({ jobId: `j-${i}`, topic: "job.x" }, { timeoutMs: 20_000 }),
      );
      const denied = failure(jobs.submitAndWait({ jobId: "denied", topic: "job.x" }, { timeoutMs: 20_000 }));
      const info = async () => {
        const { data } = await requestOver(other, "$JS.API.STREAM.INFO.CORDUM_SYS", new Uint8Array(), {});
        return (JSON.parse(new TextDecoder().decode(data)) as { state: { messages: number } }).state.messages;
      };
      while ((await info()) < 302) await new Promise((resolve) => setTimeout(resolve, 10));
      await bus.flush();
      proxy.refuse();
      while (bus.status() !== "reconnecting") await new Promise((resolve) => setTimeout(resolve, 5));
      await Promise.all(waiting.map((_, i) => end(`j-${i}`, JobStatus.SUCCEEDED)));
      await end("denied", JobStatus.DENIED);
      expect(jobs.waiting).toBe(301);
      proxy.resume();
      const results = await Promise.all(waiting);
      expect(new Set(results.map(({ jobId }) => jobId)).size).toBe(300);
      expect(await denied).toBeInstanceOf(SafetyDeniedError);

      // A job that was submitted, and done, before this client knew of it.
      const again = await jobs.submitAndWait({ jobId: "j-7", topic: "job.x" }, { timeoutMs: 10_000 });
      expect(again.status).toBe(JobStatus.SUCCEEDED);
      const consumers = async () => {
        const { data } = await requestOver(other, "$JS.API.CONSUMER.NAMES.CORDUM_SYS", new Uint8Array(), {});
        return (JSON.parse(new TextDecoder().decode(data)) as { total: number }).total;
      };
      while ((await consumers()) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    });

    it("a server that is gone is a PublishFailedError after the bound", async () => {
      const { bus, durable, server } = await setUp();
      const jobs = await openJobClient({ bus, senderId: "c", durable });
      await server.stop("SIGKILL");
      expect(await failure(jobs.submit({ topic: "job.x" }))).toBeInstanceOf(PublishFailedError);
      expect(await failure(jobs.submitAndWait({ topic: "job.x" }))).toBeInstanceOf(PublishFailedError);
      expect(jobs.waiting).toBe(0);
      await jobs.close();
    });
  });
});
