/** Logins and permissions that the server refuses for a while, and what a start against a silent server leaves. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { Bus, BusStatus } from "../../src/cap/index.js";
import {
  Agent,
  ConnectionLostError,
  InMemoryBlobStore,
  PublishFailedError,
  putValue,
  runWorker,
  SubscribeFailedError,
} from "../../src/cap/index.js";
import type { NatsOptions } from "../../src/cap/nats/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
import { decodePacket } from "../../src/cap/packet.js";
import { Party } from "../../src/cap/party.js";
import { type AgentwireError, AuthError, TimeoutError, ValidationError } from "../../src/core/errors.js";
import { makeAuthority } from "../cap/nats/certificates.ts";
import { clients } from "../cap/nats/clients.ts";
import { describeWithPeers, natsServer } from "../peers/ladder.ts";
import { startNats } from "../peers/processes.ts";
import { makeOperator } from "./operator.ts";
import { silentServer } from "./silent-server.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
const failure = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error as AgentwireError,
  );
const until = async (holds: () => boolean) => {
  while (!holds()) await pause(5);
};
const bytes = (text: string) => new TextEncoder().encode(text);

/** Everything a bus reports of its connection. */
function watch(bus: Bus) {
  const statuses: BusStatus[] = [];
  const errors: AgentwireError[] = [];
  bus.onStatus((status, error) => {
    statuses.push(status);
    if (error !== undefined) errors.push(error);
  });
  return { statuses, errors };
}

/** Log lines at `warn` and above. */
function lines() {
  const all: string[] = [];
  const note =
    (level: string) =>
    (text: string, fields?: object): void =>
      void all.push(`${level} ${text} ${JSON.stringify(fields ?? {})}`);
  return { all, logger: { debug() {}, info: note("info"), warn: note("warn"), error: note("error") } };
}

await describeWithPeers("logins at NATS", [natsServer], ([path]) => {
  const folder = () => {
    const made = mkdtempSync(join(tmpdir(), "agentwire-login-"));
    cleanups.push(() => rmSync(made, { recursive: true, force: true }));
    return made;
  };
  /** A server whose configuration can be replaced while it runs. */
  const configured = async (config: string, port?: number) => {
    const file = join(folder(), "nats.conf");
    writeFileSync(file, config);
    const server = await startNats(path!, { args: ["-c", file], ...(port === undefined ? {} : { port }) });
    cleanups.push(() => server.stop("SIGKILL"));
    let reloads = 0;
    const reload = async (next: string) => {
      writeFileSync(file, next);
      server.process.kill("SIGHUP");
      reloads++;
      await until(() => server.output().split("Reloaded server configuration").length > reloads);
    };
    return { ...server, reload };
  };
  const users = (permissions: string, name = "w") =>
    `authorization { users: [{ user: ${name}, password: p, permissions: ${permissions} }] }`;

  describe.each(clients)("with %s", (_, client) => {
    const open = async (options: NatsOptions) => {
      const bus = await connectNats({ ...client, env: {}, reconnectWaitMs: 50, ...options });
      cleanups.push(() => bus.close());
      return bus;
    };
    const echoes = async (bus: Bus) => {
      const got: string[] = [];
      await bus.subscribe("job.x", ({ data }) => got.push(new TextDecoder().decode(data)));
      return got;
    };

    it("a server that knows another token for a while: refused tries are reported, then it goes on", async () => {
      const first = await configured("authorization { token: A }");
      const bus = await open({ servers: first.url, token: "A" });
      const { statuses, errors } = watch(bus);
      const got = await echoes(bus);
      await first.stop("SIGKILL");
      const other = await configured("authorization { token: B }", first.port);
      await until(() => errors.filter((error) => error instanceof AuthError).length >= 4);
      expect(bus.status()).toBe("reconnecting");
      await other.stop("SIGKILL");
      await configured("authorization { token: A }", first.port);
      await until(() => bus.status() === "connected");
      bus.publish("job.x", bytes("again"));
      await until(() => got.length === 1);
      expect(statuses).not.toContain("closed");
    });

    it("a user taken out by a reload and put back", async () => {
      const server = await configured(users("{ publish: '>', subscribe: '>' }"));
      const bus = await open({ servers: server.url, user: "w", password: "p" });
      const { errors } = watch(bus);
      await server.reload(users("{ publish: '>', subscribe: '>' }", "other"));
      await until(() => errors.filter((error) => error instanceof AuthError).length >= 3);
      await server.reload(users("{ publish: '>', subscribe: '>' }"));
      await until(() => bus.status() === "connected");
    });

    it("with a bound on reconnections refused logins end the connection", async () => {
      const first = await configured("authorization { token: A }");
      const bus = await open({ servers: first.url, token: "A", maxReconnects: 3 });
      const { errors } = watch(bus);
      await first.reload("authorization { token: B }"); // never away: no attempt fails for another reason
      await until(() => bus.status() === "closed");
      expect(errors.some((error) => error instanceof AuthError)).toBe(true);
    });

    it("JWTs that end: a function hands out new ones, and one that fails for a while ends nothing", async () => {
      const operator = makeOperator();
      const server = await configured(operator.config);
      let handedOut = 0;
      let failing = false;
      const credentials = () => {
        if (failing) throw new Error("the vault is sealed");
        handedOut++;
        return operator.credentials(3);
      };
      const log = lines();
      const bus = await open({ servers: server.url, credentials, logger: log.logger });
      const { statuses, errors } = watch(bus);
      const got = await echoes(bus);
      await until(() => handedOut >= 3 && bus.status() === "connected");
      bus.publish("job.x", bytes("1"));
      await until(() => got.length === 1);
      failing = true;
      await until(() => log.all.some((line) => line.includes("the vault is sealed")));
      failing = false;
      const before = handedOut;
      await until(() => handedOut > before && bus.status() === "connected");
      expect(statuses).not.toContain("closed");
      expect(errors.some((error) => error instanceof AuthError)).toBe(true);
      expect(log.all.join("\n")).not.toMatch(/SEED|eyJ/);
    });

    it("a JWT that ends and is never replaced: reconnecting, and every refusal is reported", async () => {
      const operator = makeOperator();
      const server = await configured(operator.config);
      const bus = await open({ servers: server.url, credentials: operator.credentials(3) });
      const { statuses, errors } = watch(bus);
      await until(() => errors.filter((error) => error instanceof AuthError).length >= 4);
      expect(statuses).not.toContain("closed");
    });

    it.each([
      ["CRLF", (text: string) => text.replace(/\n/g, "\r\n")],
      ["no last newline", (text: string) => text.trimEnd()],
      ["CRLF without the last", (text: string) => text.trimEnd().replace(/\n/g, "\r\n")],
      ["CR alone", (text: string) => text.replace(/\n/g, "\r")],
      ["blank lines around it", (text: string) => `\n\n${text}\n\n`],
    ])("credentials text with %s is read", async (_name, change) => {
      const operator = makeOperator();
      const server = await configured(operator.config);
      const credentials = change(operator.credentials());
      expect((await open({ servers: server.url, credentials })).status()).toBe("connected");
    });

    it("credentials that are none are an AuthError", async () => {
      const server = await configured(makeOperator().config);
      const refused = await failure(open({ servers: server.url, credentials: "nothing" }));
      expect(refused).toBeInstanceOf(AuthError);
      expect(
        await failure(
          open({
            servers: server.url,
            credentials: () => {
              throw new Error("the vault is sealed");
            },
          }),
        ),
      ).toMatchObject({ message: expect.stringContaining("the vault is sealed") });
    });

    it.each([undefined, "q"])("a subscribe permission that goes and comes back, queue %s", async (queue) => {
      const [allowed, denied] = ['{ allow: ">" }', '{ allow: ">", deny: "job.x" }'].map((subscribe) =>
        users(`{ publish: ">", subscribe: ${subscribe} }`),
      );
      const server = await configured(allowed!);
      const log = lines();
      const bus = await open({ servers: server.url, user: "w", password: "p", logger: log.logger });
      const { errors } = watch(bus);
      const got: string[] = [];
      const take = ({ data }: { data: Uint8Array }) => got.push(new TextDecoder().decode(data));
      const subscription = await bus.subscribe("job.x", take, { queue });
      const untouched: string[] = [];
      await bus.subscribe("job.y", ({ data }) => untouched.push(new TextDecoder().decode(data)));
      await server.reload(denied!);
      await until(() => subscription.lost !== undefined);
      expect(subscription.lost).toBeInstanceOf(SubscribeFailedError);
      await until(() => errors.some((error) => error instanceof SubscribeFailedError));
      expect(log.all.some((line) => line.startsWith("error") && line.includes("job.x"))).toBe(true);
      await pause(600); // two more refusals
      expect(errors.length).toBe(1);
      await server.reload(allowed!);
      await until(() => subscription.lost === undefined);
      for (const subject of ["job.x", "job.y"]) bus.publish(subject, bytes("1"));
      await until(() => got.length > 0 && untouched.length > 0);
      await bus.flush();
      expect([got, untouched]).toEqual([["1"], ["1"]]);
    });

    it("a result that may not be published is reported with its subject, at error level", async () => {
      const server = await configured(users('{ publish: { deny: "sys.job.result" }, subscribe: ">" }'));
      const log = lines();
      const bus = await open({ servers: server.url, user: "w", password: "p", logger: log.logger });
      const { errors } = watch(bus);
      for (let i = 0; i < 3; i++) bus.publish("sys.job.result", bytes(String(i)));
      await until(() => errors.length === 3);
      for (const error of errors) {
        expect(error).toBeInstanceOf(PublishFailedError);
        expect(error.details).toMatchObject({ subject: "sys.job.result", problem: "permission" });
      }
      expect(log.all.filter((line) => line.startsWith("error"))).toHaveLength(3);
    });

    it("an agent and a worker while their subject is denied: an error, no capacity, and then the jobs", async () => {
      const [allowed, denied] = ['{ allow: ">" }', '{ allow: ">", deny: "job.x" }'].map((subscribe) =>
        users(`{ publish: ">", subscribe: ${subscribe} }`),
      );
      const server = await configured(allowed!);
      const login = { servers: server.url, user: "w", password: "p", logger: false } as const;
      const [agentBus, workerBus, outside] = [await open(login), await open(login), await open(login)];
      const store = new InMemoryBlobStore();
      const agent = new Agent({
        ...{ workerId: "a", pool: "p", bus: agentBus, store, concurrency: 4 },
        ...{ heartbeatIntervalMs: 50, logger: false },
      });
      agent.job("job.x", () => ({}));
      const errors: unknown[] = [];
      agent.on("error", (error) => errors.push(error));
      let beat: { pool?: string; activeJobs?: number } = {};
      agent.on("heartbeat", (heartbeat) => (beat = heartbeat));
      await agent.start();
      cleanups.push(() => agent.close());
      const worker = await runWorker({
        bus: workerBus,
        subject: "job.x",
        handler: () => ({}),
        logger: false,
      });
      worker.on("error", (error) => errors.push(error));
      cleanups.push(() => worker.close());
      await until(() => beat.pool === "p");
      await server.reload(denied!);
      await until(() => errors.filter((error) => error instanceof SubscribeFailedError).length === 2);
      await until(() => beat.pool === "" && beat.activeJobs === 4);
      await server.reload(allowed!);
      await until(() => beat.pool === "p" && beat.activeJobs === 0);
      // The worker may still wait for its next attempt; in a queue group the agent takes its jobs meanwhile.
      const done = new Set<string>();
      await outside.subscribe("sys.job.result", ({ data }) => {
        const { payload } = decodePacket(data);
        if (payload.case === "jobResult") done.add(payload.value.jobId);
      });
      const contextPtr = await putValue(store, "ctx:1", {});
      const party = new Party({ bus: outside, senderId: "s", logger: false });
      for (let i = 0; i < 6; i++) {
        const value = { jobId: `j-${i}`, topic: "job.x", contextPtr };
        await party.send("job.x", { case: "jobRequest", value });
      }
      await until(() => done.size === 6);
    });

    it("results that may not be published count as unpublished, for agent and worker", async () => {
      const server = await configured(users('{ publish: { deny: "sys.job.result" }, subscribe: ">" }'));
      const login = { servers: server.url, user: "w", password: "p", logger: false } as const;
      const [agentBus, workerBus, outside] = [await open(login), await open(login), await open(login)];
      const store = new InMemoryBlobStore();
      const agent = new Agent({ workerId: "a", pool: "p", bus: agentBus, store, logger: false });
      agent.job("job.a", () => ({}));
      const worker = await runWorker({
        bus: workerBus,
        subject: "job.w",
        handler: () => ({}),
        logger: false,
      });
      const errors: unknown[] = [];
      agent.on("error", (error) => errors.push(error));
      worker.on("error", (error) => errors.push(error));
      await agent.start();
      cleanups.push(
        () => agent.close(),
        () => worker.close(),
      );
      const contextPtr = await putValue(store, "ctx:1", {});
      const party = new Party({ bus: outside, senderId: "s", logger: false });
      for (const topic of ["job.a", "job.w"]) {
        await party.send(topic, { case: "jobRequest", value: { jobId: topic, topic, contextPtr } });
      }
      await until(() => agent.stats.unpublished === 1 && worker.stats.unpublished === 1);
      expect(errors).toHaveLength(2);
      for (const error of errors) expect(error).toBeInstanceOf(PublishFailedError);
    });

    it("a worker whose bus is closed for good says so", async () => {
      const server = await configured("");
      const log = lines();
      const bus = await open({ servers: server.url, maxReconnects: 2 });
      const worker = await runWorker({ bus, subject: "job.x", handler: () => ({}), logger: log.logger });
      const errors: unknown[] = [];
      worker.on("error", (error) => errors.push(error));
      await server.stop("SIGKILL");
      await until(() => errors.length > 0);
      expect(errors[0]).toBeInstanceOf(ConnectionLostError);
      expect(log.all.some((line) => line.startsWith("error"))).toBe(true);
      await worker.close();
    });

    it("a message published before its own subscription is drained arrives", async () => {
      const server = await configured("");
      const bus = await open({ servers: server.url });
      const got: string[] = [];
      const subscription = await bus.subscribe("q", ({ data }) => got.push(new TextDecoder().decode(data)));
      bus.publish("q", bytes("1"));
      await subscription.drain();
      expect(got).toEqual(["1"]);
    });

    it("a start against a server that never says anything leaves no socket", async () => {
      const { port, sockets, close } = await silentServer();
      const servers = `127.0.0.1:${port}`;
      const refused = await failure(connectNats({ ...client, env: {}, servers, timeoutMs: 200 }));
      expect(refused).toBeInstanceOf(TimeoutError);
      await until(() => sockets.size === 0);

      // The same while reconnecting, and when the bus is closed meanwhile.
      const server = await configured("");
      const bus = await open({ servers: server.url, timeoutMs: 200, reconnectWaitMs: 20 });
      await server.stop("SIGKILL");
      close();
      const silent = await silentServer(server.port);
      cleanups.push(silent.close);
      await until(() => silent.sockets.size > 0);
      await pause(700);
      expect(silent.sockets.size).toBeLessThanOrEqual(1);
      await bus.close();
      await until(() => silent.sockets.size === 0);
    });

    it("a TLS handshake that a server never answers leaves no socket either", async () => {
      const made = folder();
      const { cert, key } = makeAuthority("test authority").issue(["127.0.0.1"]);
      writeFileSync(join(made, "host.pem"), cert);
      writeFileSync(join(made, "host.key"), key);
      const files = `cert_file: "${made}/host.pem", key_file: "${made}/host.key"`;
      const first = await silentServer();
      const tls = { insecure: true, handshakeFirst: true };
      const options = { ...client, env: {}, timeoutMs: 200, reconnectWaitMs: 20, tls };
      const refused = await failure(connectNats({ ...options, servers: `127.0.0.1:${first.port}` }));
      expect(refused).toBeInstanceOf(TimeoutError);
      await until(() => first.sockets.size === 0);
      first.close();

      const server = await configured(`tls { ${files}, handshake_first: true }`);
      const bus = await open({ ...options, servers: `127.0.0.1:${server.port}` });
      await server.stop("SIGKILL");
      const silent = await silentServer(server.port);
      cleanups.push(silent.close);
      const dials = new Set<unknown>();
      await until(() => {
        for (const socket of silent.sockets) dials.add(socket);
        return dials.size >= 3;
      });
      await until(() => silent.sockets.size <= 1);
      await bus.close();
      await until(() => silent.sockets.size === 0);
    });

    it("a connection cut while this process was blocked says why", async () => {
      const server = await configured('max_payload: 65536\nmax_pending: 262144\nwrite_deadline: "100ms"\n');
      const log = lines();
      const slow = await open({ servers: server.url, logger: log.logger });
      const { errors } = watch(slow);
      await slow.subscribe("a", () => {});
      const file = join(import.meta.dirname, "flood.mjs");
      const { start } = await import("../peers/processes.ts");
      const flood = start(process.execPath, [file, server.url, "a", "60000", "800"]);
      cleanups.push(() => flood.stop("SIGKILL"));
      await flood.until("connected");
      const end = performance.now() + 2_500;
      while (performance.now() < end);
      await until(() => errors.length > 0);
      expect(errors[0]!.message).toMatch(/blocked for [\d.]+ s.*slow consumer/);
      expect(log.all.some((line) => line.startsWith("warn") && line.includes("slow consumer"))).toBe(true);
      await until(() => slow.status() === "connected");
    });
  });

  it("a raw % in a URL is a typed error that does not show the password", async () => {
    for (const servers of ["nats://u:hunter2%@h", "nats://u%zz:hunter2@h", "nats://hunter2%@h"]) {
      const error = await failure(connectNats({ servers, env: {} }));
      expect(error).toBeInstanceOf(ValidationError);
      expect(error?.code).toBe("INVALID_URL");
      expect(error?.message).toContain("%25");
      expect(`${error?.message}${JSON.stringify(error)}`).not.toContain("hunter2");
    }
  });
});
