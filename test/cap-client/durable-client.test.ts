import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { MESSAGE_ID_LABEL } from "../../gen/cap/index.js";
import { toSigningKey } from "../../src/cap/crypto/key-ring.js";
import {
  generateKeyPair,
  InMemoryBlobStore,
  openJobClient,
  PublishFailedError,
  runWorker,
} from "../../src/cap/index.js";
import { openJetStream } from "../../src/cap/jetstream/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";
import { clients } from "../cap/nats/clients.ts";
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
      const scheduler = new LocalScheduler({
        bus: await connect(),
        publicKeys: { c: keys.publicKeyPem, w: keys.publicKeyPem },
      });
      await scheduler.start();
      const worker = await runWorker({
        bus: await connect(),
        subject: "job.x",
        senderId: "w",
        privateKey: toSigningKey(keys.privateKeyPem),
        handler: ({ contextPtr }) => ({ resultPtr: contextPtr }),
        maxParallel: 10,
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
      expect(scheduler.counts.refused).toBe(0);
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
