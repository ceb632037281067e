import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectVersion3 } from "@nats-io/transport-node";
import { connect as connectVersion2 } from "nats";
import { afterEach, describe, expect, it } from "vitest";
import { requestMessageId } from "../../gen/cap/index.js";
import type { DurableBus, DurableMessage } from "../../src/cap/index.js";
import { MemoryBus, PublishFailedError, SubscribeFailedError } from "../../src/cap/index.js";
import type { JetStreamOptions } from "../../src/cap/jetstream/index.js";
import { openJetStream } from "../../src/cap/jetstream/index.js";
import type { NatsConnection, NatsOptions } from "../../src/cap/nats/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
import { requestOver } from "../../src/cap/request.js";
import {
  type AgentwireError,
  ClosedError,
  NotFoundError,
  UnsupportedError,
  ValidationError,
} from "../../src/core/errors.js";
import { clients } from "../cap/nats/clients.ts";
import { describeWithPeers, natsServer } from "../peers/ladder.ts";
import { startNats } from "../peers/processes.ts";
import { req } from "../requirements/index.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));
const bytes = (text: string) => new TextEncoder().encode(text);
const text = ({ data }: { readonly data: Uint8Array }) => new TextDecoder().decode(data);
const failure = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error as AgentwireError,
  );
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

it(req("cap.jetstream.streams", "another bus than NATS is refused"), async () => {
  const error = await failure(openJetStream(new MemoryBus().connect()));
  expect(error).toBeInstanceOf(ValidationError);
  expect(error?.code).toBe("NOT_NATS");
});

await describeWithPeers("JetStream", [natsServer], ([path]) => {
  const storeFolder = () => {
    const folder = mkdtempSync(join(tmpdir(), "agentwire-js-"));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };
  const serve = async (folder: string | undefined = storeFolder(), port?: number) => {
    const args = folder === "" ? [] : ["-js", "-sd", folder];
    const server = await startNats(path!, { args, ...(port === undefined ? {} : { port }) });
    cleanups.push(() => server.stop("SIGKILL"));
    return { ...server, folder };
  };

  describe.each(clients)("with %s", (_, client) => {
    const connect = async (servers: string, options: NatsOptions = {}) => {
      const bus = await connectNats({ ...client, env: {}, reconnectWaitMs: 20, servers, ...options });
      cleanups.push(() => bus.close());
      return bus;
    };
    const open = async (servers: string, options: JetStreamOptions = {}) => {
      const bus = await connect(servers);
      return { bus, durable: await openJetStream(bus, { createStreams: true, ...options }) };
    };
    const api = async (servers: string, name: string) => {
      const bus = await connect(servers);
      const answer = await requestOver(bus, `$JS.API.${name}`, new Uint8Array(), { timeoutMs: 5_000 });
      return JSON.parse(text(answer)) as {
        config: Record<string, unknown>;
        state: { messages: number; consumer_count: number };
      };
    };
    /** Collects messages and lets the test wait for them. */
    const collect = async (durable: DurableBus, subject: string, options = {}) => {
      const got: DurableMessage[] = [];
      const subscription = await durable.subscribe(subject, (message) => got.push(message), options);
      const until = async (count: number) => {
        while (got.length < count) await turn();
        return got;
      };
      return { got, until, subscription };
    };
    const put = (durable: DurableBus, subject: string, id: string) =>
      durable.publish(subject, bytes(id), { messageId: requestMessageId(id) });

    it(
      req("cap.jetstream.streams", "a server without JetStream, missing streams, made streams"),
      async () => {
        const plain = await serve("");
        const without = await failure(openJetStream(await connect(plain.url)));
        expect(without).toBeInstanceOf(UnsupportedError);
        expect(without?.code).toBe("NO_JETSTREAM");

        const { url } = await serve();
        const missing = await failure(openJetStream(await connect(url)));
        expect(missing).toBeInstanceOf(NotFoundError);
        expect(missing?.message).toContain("CORDUM_SYS, CORDUM_JOBS");
        expect(missing?.details).toEqual({ streams: ["CORDUM_SYS", "CORDUM_JOBS"] });

        await Promise.all([open(url), open(url), open(url)]);
        const common = {
          retention: "limits",
          storage: "file",
          max_age: 7 * 24 * 3600 * 1e9,
          duplicate_window: 120 * 1e9,
        };
        const sys = await api(url, "STREAM.INFO.CORDUM_SYS");
        expect(sys.config).toMatchObject({ subjects: ["sys.>"], ...common });
        const jobs = await api(url, "STREAM.INFO.CORDUM_JOBS");
        expect(jobs.config).toMatchObject({ subjects: ["job.>", "worker.*.jobs"], ...common });
        expect(await failure(openJetStream(await connect(url)))).toBeUndefined();
      },
    );

    it(req("cap.jetstream.consumer", "shared by a queue, with Cordum's name and settings"), async () => {
      const { url } = await serve();
      const { durable } = await open(url);
      const other = await open(url);
      const [a, b] = [
        await collect(durable, "job.echo", { queue: "job.echo", maxInFlight: 1 }),
        await collect(other.durable, "job.echo", { queue: "job.echo", maxInFlight: 1 }),
      ];
      const direct = await collect(durable, "worker.w1.jobs");
      const queue = await api(url, "CONSUMER.INFO.CORDUM_JOBS.dur_job_echo__job_echo");
      expect(queue.config).toMatchObject({
        durable_name: "dur_job_echo__job_echo",
        filter_subject: "job.echo",
        ack_policy: "explicit",
        ack_wait: 30 * 1e9,
        max_ack_pending: 2048,
      });
      const own = await api(url, "CONSUMER.INFO.CORDUM_JOBS.dur___worker_w1_jobs");
      expect(own.config).toMatchObject({ filter_subject: "worker.w1.jobs" });
      await Promise.all(["1", "2"].map((id) => put(durable, "job.echo", id)));
      await Promise.all([a.until(1), b.until(1)]);
      expect([...a.got, ...b.got].map(text).sort()).toEqual(["1", "2"]);
      await put(durable, "worker.w1.jobs", "3");
      expect((await direct.until(1)).map(text)).toEqual(["3"]);
      expect(durable.ackWaitMs).toBe(30_000);
      // Another party made it with a shorter time: whoever ticks has to know.
      await open(url, { ackWaitMs: 1_000 }).then(({ durable: d }) => collect(d, "job.x", { queue: "q" }));
      await collect(durable, "job.x", { queue: "q" });
      expect(durable.ackWaitMs).toBe(1_000);
    });

    it("a consumer of that name that is of another kind, and a subject no stream has, are refused", async () => {
      const { url } = await serve();
      const { durable } = await open(url);
      await collect(durable, "job.a.b", { queue: "q" });
      const clash = await failure(durable.subscribe("job.a_b", () => {}, { queue: "q" }));
      expect(clash).toBeInstanceOf(SubscribeFailedError);
      expect(clash?.retryable).toBe(false);
      expect(await failure(durable.subscribe("other.x", () => {}))).toBeInstanceOf(NotFoundError);
      const bad = await failure(durable.subscribe("job x", () => {}));
      expect(bad).toBeInstanceOf(ValidationError);
      const lost = await failure(durable.publish("other.x", bytes("1"), { messageId: "1" }));
      expect(lost).toBeInstanceOf(PublishFailedError);
      expect(lost?.retryable).toBe(false);
      expect(await failure(durable.publish("job.x", bytes("1"), { messageId: "a\r\nb" }))).toBeInstanceOf(
        ValidationError,
      );
      const large = await failure(durable.publish("job.x", new Uint8Array(2 ** 21), { messageId: "1" }));
      expect(large).toBeInstanceOf(PublishFailedError);
      expect(large?.retryable).toBe(false);
    });

    it(
      req("cap.jetstream.publish", "says where it is stored, and knows it when it comes again"),
      async () => {
        const { url } = await serve();
        const { durable } = await open(url);
        const first = await put(durable, "job.x", "1");
        expect(first).toEqual({ stream: "CORDUM_JOBS", sequence: 1, duplicate: false });
        expect(await put(durable, "job.x", "1")).toEqual({ ...first, duplicate: true });
        expect((await put(durable, "job.x", "2")).sequence).toBe(2);
      },
    );

    it(
      req("cap.jetstream.core", "a core subscriber hears what is stored, the sender's inbox included"),
      async () => {
        const { url } = await serve();
        const { durable } = await open(url);
        const bus = await connect(url);
        const heard: string[] = [];
        await bus.subscribe("job.x", (message) =>
          heard.push(`${text(message)} ${message.reply !== undefined}`),
        );
        await put(durable, "job.x", "1");
        while (heard.length === 0) await turn();
        expect(heard).toEqual(["1 true"]);
        const { until } = await collect(durable, "job.x", { queue: "job.x" });
        await put(durable, "job.x", "2");
        const [message] = await until(1);
        expect(message!.reply).toBeUndefined();
        expect(message!.data.constructor).toBe(Uint8Array);
      },
    );

    it(
      req("cap.jetstream.redelivery", "acknowledged, although the server was away for seconds"),
      async () => {
        const { url, process } = await serve();
        const { durable } = await open(url);
        const { until } = await collect(durable, "job.x", { queue: "job.x" });
        await put(durable, "job.x", "a");
        const [message] = await until(1);
        process.kill("SIGSTOP");
        const acknowledged = message!.delivery.ack();
        setTimeout(() => process.kill("SIGCONT"), 6_000);
        await acknowledged;
        // A server that was just continued may lose a request.
        const info = () => api(url, "CONSUMER.INFO.CORDUM_JOBS.dur_job_x__job_x").catch(String);
        await expect.poll(info).toMatchObject({ num_ack_pending: 0 });
      },
    );

    it(req("cap.jetstream.redelivery", "settled in every way"), async () => {
      const { url } = await serve();
      const { durable } = await open(url);
      const { got, until } = await collect(durable, "job.x", { queue: "job.x" });
      await put(durable, "job.x", "a");
      const [first] = await until(1);
      expect(first!.delivery.attempt).toBe(1);
      first!.delivery.giveBack();
      first!.delivery.giveBack(); // said once is enough
      const [, again] = await until(2);
      expect(text(again!)).toBe("a");
      expect(again!.delivery.attempt).toBe(2);
      again!.delivery.giveBack(30);
      const [, , third] = await until(3);
      third!.delivery.drop("no job");
      await put(durable, "job.x", "b");
      const [, , , b] = await until(4);
      b!.delivery.working();
      await b!.delivery.ack();
      b!.delivery.working();
      b!.delivery.giveBack();
      b!.delivery.drop("too late");
      await put(durable, "job.x", "c");
      const [, , , , c] = await until(5);
      await c!.delivery.ack();
      expect(got.map(text)).toEqual(["a", "a", "a", "b", "c"]);
      const info = (await api(url, "CONSUMER.INFO.CORDUM_JOBS.dur_job_x__job_x")) as unknown as {
        num_ack_pending: number;
        num_pending: number;
      };
      expect(info).toMatchObject({ num_ack_pending: 0, num_pending: 0 });
    });

    it(
      req("cap.jetstream.redelivery", "comes again when nothing is heard, not while it is worked on"),
      async () => {
        const { url } = await serve();
        const { durable } = await open(url, { ackWaitMs: 1_500 });
        const { got, until } = await collect(durable, "job.x", { queue: "job.x" });
        await put(durable, "job.x", "worked on");
        await put(durable, "job.x", "forgotten");
        await until(2);
        const tick = setInterval(() => got[0]!.delivery.working(), 50);
        cleanups.push(() => clearInterval(tick));
        await until(4);
        clearInterval(tick);
        expect(got.slice(2).map(text)).toEqual(["forgotten", "forgotten"]);
        expect(got[3]!.delivery.attempt).toBe(3);
      },
    );

    it(
      req("cap.jetstream.backpressure", "never more in hand than asked for, and all come in the end"),
      async () => {
        const { url } = await serve();
        const { durable } = await open(url, { maxInFlight: 3, startFrom: "all" });
        await Promise.all(Array.from({ length: 50 }, (_, i) => put(durable, "job.x", String(i))));
        const inHand: DurableMessage[] = [];
        let most = 0;
        let done = 0;
        await durable.subscribe("job.x", (message) => (most = Math.max(most, inHand.push(message))), {
          queue: "q",
        });
        while (done < 50) {
          const message = inHand.shift();
          if (message === undefined) await turn();
          else {
            await message.delivery.ack();
            done++;
          }
        }
        expect(most).toBeLessThanOrEqual(3);
        expect(most).toBeGreaterThan(1);
      },
    );

    it("draining hands over what was sent, and leaves the rest to others at once", async () => {
      const { url } = await serve();
      const { durable } = await open(url);
      const other = await open(url);
      const ids = Array.from({ length: 300 }, (_, i) => String(i));
      const done = new Set<string>();
      const take = (message: DurableMessage) => {
        void message.delivery.ack().then(() => done.add(text(message)));
      };
      const first = await durable.subscribe("job.x", take, { queue: "q", maxInFlight: 64 });
      await Promise.all(ids.slice(0, 100).map((id) => put(durable, "job.x", id)));
      await first.drain();
      const dropped = await other.durable.subscribe("job.x", take, { queue: "q", maxInFlight: 64 });
      const rest = Promise.all(ids.slice(100).map((id) => put(durable, "job.x", id)));
      while (done.size < 120) await turn();
      dropped.unsubscribe();
      await rest;
      await other.durable.subscribe("job.x", take, { queue: "q", maxInFlight: 64 });
      while (done.size < ids.length) await turn();
      expect([...done].sort()).toEqual(ids.sort());
    });

    it(
      req("cap.jetstream.start", "a new consumer begins with what comes, or with all there is"),
      async () => {
        const { url } = await serve();
        const { durable } = await open(url);
        const { durable: all } = await open(url, { startFrom: "all" });
        await put(durable, "worker.w9.jobs", "before");
        const fresh = await collect(durable, "worker.w9.jobs");
        await put(durable, "worker.w9.jobs", "after");
        expect((await fresh.until(1)).map(text)).toEqual(["after"]);
        const other = await collect(all, "worker.w9.jobs", { queue: "q" });
        expect((await other.until(2)).map(text)).toEqual(["before", "after"]);
      },
    );

    it("what comes while nobody pulls is there for the next worker", async () => {
      const { url } = await serve();
      const { durable } = await open(url);
      const first = await collect(durable, "worker.w9.jobs");
      await first.subscription.drain();
      await put(durable, "worker.w9.jobs", "meanwhile");
      const { until } = await collect(durable, "worker.w9.jobs");
      expect((await until(1)).map(text)).toEqual(["meanwhile"]);
      expect(first.got).toEqual([]);
    });

    it(
      req("cap.jetstream.restart", "a server killed in the middle: all comes, nothing is stored twice"),
      async () => {
        const server = await serve();
        const { bus, durable } = await open(server.url, { ackWaitMs: 500 });
        const done = new Map<string, number>();
        await durable.subscribe(
          "job.x",
          (message) => {
            const isDone = () => done.set(text(message), (done.get(text(message)) ?? 0) + 1);
            // A server that was killed has forgotten some deliveries; their messages come again.
            message.delivery.ack().then(isDone, () => {});
          },
          { queue: "q", maxInFlight: 8 },
        );
        let port = server;
        const ids = Array.from({ length: 60 }, (_, i) => `j${i}`);
        const sent: Promise<unknown>[] = [];
        for (const id of ids.slice(0, 30)) sent.push(put(durable, "job.x", id));
        while (done.size < 5) await turn();
        await port.stop("SIGKILL");
        for (const id of ids.slice(30)) sent.push(put(durable, "job.x", id));
        while (bus.status() === "connected") await turn();
        port = await serve(server.folder, server.port);
        await Promise.all(sent);
        while (done.size < ids.length) await turn();
        expect([...done.keys()].sort()).toEqual([...ids].sort());
        expect((await api(server.url, "STREAM.INFO.CORDUM_JOBS")).state.messages).toBe(ids.length);
      },
    );

    it("reads what a stream keeps, all of it or from a place on, and leaves no consumer", async () => {
      const { url } = await serve();
      const { durable } = await open(url);
      const ids = Array.from({ length: 600 }, (_, i) => String(i));
      const filler = "x".repeat(4_000); // more than the server sends without being asked for more
      for (const id of ids) {
        await durable.publish("job.x", bytes(`${id} ${filler}`), { messageId: requestMessageId(id) });
      }
      const read = async (from?: Parameters<NonNullable<DurableBus["replay"]>>[2]) => {
        const got: string[] = [];
        await durable.replay!("job.x", (message) => got.push(text(message).split(" ")[0]!), from);
        return got;
      };
      expect(await read()).toEqual(ids);
      expect(await read({ afterSequence: 597 })).toEqual(["597", "598", "599"]);
      expect(await read({ afterSequence: 600 })).toEqual([]);
      expect(await read({ since: new Date(0) })).toEqual(ids);
      expect(await read({ since: new Date(Date.now() + 60_000) })).toEqual([]);
      let left: unknown;
      do left = (await api(url, "STREAM.INFO.CORDUM_JOBS")).state.consumer_count;
      while (left !== 0);
    });

    it("a consumer that somebody deletes is made again", async () => {
      const { url } = await serve();
      const { durable } = await open(url);
      await put(durable, "job.x", "0");
      const { got, until } = await collect(durable, "job.x", { queue: "q" });
      await put(durable, "job.x", "1");
      await (await until(1))[0]!.delivery.ack();
      expect(got.map(text)).toEqual(["1"]);
      await api(url, "CONSUMER.DELETE.CORDUM_JOBS.dur_q__job_x");
      await put(durable, "job.x", "2");
      const all = await until(3); // the new one begins where the old one had begun
      expect(new Set(all.map(text))).toEqual(new Set(["1", "2"]));
    });

    it("gives up after its bound, and at once on a closed connection", async () => {
      const server = await serve();
      const { bus, durable } = await open(server.url, { againMs: 100, timeoutMs: 50 });
      await server.stop("SIGKILL");
      const error = await failure(put(durable, "job.x", "1"));
      expect(error).toBeInstanceOf(PublishFailedError);
      expect(error?.retryable).toBe(true);
      await bus.close();
      expect(await failure(put(durable, "job.x", "1"))).toBeInstanceOf(ClosedError);
    });
  });

  it("takes a connection of either client as it is", async () => {
    const { url } = await serve();
    for (const connect of [connectVersion2, connectVersion3]) {
      const connection = (await connect({ servers: url })) as unknown as NatsConnection;
      const durable = await openJetStream(connection, { createStreams: true });
      expect((await durable.publish("job.x", bytes("1"), { messageId: "1" })).stream).toBe("CORDUM_JOBS");
      await connection.close();
    }
  });

  it("refuses options that make no sense", async () => {
    const { url } = await serve();
    const bus = await connectNats({ servers: url, env: {} });
    cleanups.push(() => bus.close());
    for (const options of [{ maxInFlight: 0 }, { ackWaitMs: -1 }, { timeoutMs: 0.5 }]) {
      expect(await failure(openJetStream(bus, options))).toBeInstanceOf(ValidationError);
    }
  });
});
