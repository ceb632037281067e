import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { connect as connectVersion3 } from "@nats-io/transport-node";
import { connect as connectVersion2, nkeys } from "nats";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Bus, BusMessage } from "../../../src/cap/index.js";
import { PublishFailedError, SubscribeFailedError } from "../../../src/cap/index.js";
import type { NatsOptions } from "../../../src/cap/nats/index.js";
import { connectNats, natsBus } from "../../../src/cap/nats/index.js";
import { requestOver } from "../../../src/cap/request.js";
import {
  AbortError,
  type AgentwireError,
  AuthError,
  ClosedError,
  ConnectionError,
  TimeoutError,
  ValidationError,
} from "../../../src/core/errors.js";
import { describeWithPeers, natsServer } from "../../peers/ladder.ts";
import { freePort, startNats } from "../../peers/processes.ts";
import { req } from "../../requirements/index.ts";
import { makeAuthority } from "./certificates.ts";
import { clients } from "./clients.ts";

type Server = Awaited<ReturnType<typeof startNats>>;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (message: BusMessage) => new TextDecoder().decode(message.data);
const buses: Bus[] = [];
const open = async (options: NatsOptions) => {
  const bus = await connectNats({ env: {}, ...options });
  buses.push(bus);
  return bus;
};
afterEach(async () => {
  for (const bus of buses.splice(0)) await bus.close();
});
/** What a call fails with. */
const failure = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error as AgentwireError,
  );

await describeWithPeers("NATS bus", [natsServer], ([path]) => {
  let server: Server;
  beforeAll(async () => {
    server = await startNats(path!);
  });
  afterAll(() => server.stop());

  describe.each(clients)("with %s", (_, client) => {
    it(
      req("cap.nats.bus", "carries messages, shares them in queue groups, and answers requests"),
      async () => {
        const bus = await open({ ...client, servers: server.url });
        const other = await open({ ...client, servers: server.url });
        const seen: string[][] = [[], [], []];
        await bus.subscribe("a.*", (message) => seen[0]!.push(`${message.subject} ${text(message)}`));
        for (const at of [1, 2]) {
          await other.subscribe("a.>", (message) => seen[at]!.push(text(message)), { queue: "q" });
        }
        for (let i = 0; i < 20; i++) other.publish(`a.${i % 2}`, bytes(`${i}`));
        await other.flush();
        await bus.flush();
        await other.flush();
        expect(seen[0]).toHaveLength(20);
        expect([...seen[1]!, ...seen[2]!].sort()).toEqual(
          Array.from({ length: 20 }, (_, i) => `${i}`).sort(),
        );
        await bus.subscribe("ask", ({ reply, data }) => void bus.publish(reply!, data));
        expect(text(await requestOver(other, "ask", bytes("hello"), {}))).toBe("hello");
      },
    );

    it(
      req("cap.nats.errors", "fails a request in our words: nobody listens, nobody answers, abort"),
      async () => {
        const bus = await open({ ...client, servers: server.url });
        const none = await failure(requestOver(bus, "nobody", bytes(""), {}));
        expect(none).toBeInstanceOf(ConnectionError);
        expect(none?.code).toBe("NO_RESPONDERS");
        await bus.subscribe("silent", () => {});
        expect(await failure(requestOver(bus, "silent", bytes(""), { timeoutMs: 20 }))).toBeInstanceOf(
          TimeoutError,
        );
        const controller = new AbortController();
        const waiting = failure(requestOver(bus, "silent", bytes(""), { signal: controller.signal }));
        controller.abort();
        expect(await waiting).toBeInstanceOf(AbortError);
        const early = failure(requestOver(bus, "silent", bytes(""), { signal: controller.signal }));
        expect(await early).toBeInstanceOf(AbortError);
      },
    );

    it(
      req("cap.nats.bus", "hands on the server's word that nobody listens, and who may respond where"),
      async () => {
        const bus = await open({ ...client, servers: server.url });
        const got: BusMessage[] = [];
        await bus.subscribe("replies", (message) => got.push(message));
        await bus.publish("nobody", bytes("?"), { reply: "replies" });
        await bus.publish("replies", bytes(""));
        await bus.flush();
        expect(got.map(({ data, status }) => [data.length, status])).toEqual(
          expect.arrayContaining([
            [0, 503],
            [0, undefined],
          ]),
        );
        const connect = client.connect === undefined ? connectVersion2 : connectVersion3;
        const own = natsBus(await connect({ servers: server.url, inboxPrefix: "_INBOX_w1" }));
        buses.push(own);
        expect([bus.inboxPrefix, own.inboxPrefix]).toEqual([undefined, "_INBOX_w1"]);
      },
    );

    it(
      req("cap.nats.errors", "refuses what cannot be published: no subject, too large, closed"),
      async () => {
        const bus = await open({ ...client, servers: server.url });
        expect(() => bus.publish("no subject", bytes(""))).toThrow(ValidationError);
        const large = () => bus.publish("a", new Uint8Array(1024 * 1024 + 1));
        expect(large).toThrow(PublishFailedError);
        expect(large).toThrow(expect.objectContaining({ retryable: false }));
        await bus.close();
        expect(bus.status()).toBe("closed");
        expect(() => bus.publish("a", bytes(""))).toThrow(ClosedError);
        expect(await failure(bus.flush())).toBeInstanceOf(ClosedError);
        expect(await failure(bus.subscribe("a", () => {}))).toBeInstanceOf(ClosedError);
        await bus.close();
        await bus.drain();
      },
    );

    it(
      req("cap.bus.drain", "drains: what has arrived is handed over, then the connection is closed"),
      async () => {
        const bus = await open({ ...client, servers: server.url });
        const other = await open({ ...client, servers: server.url });
        const statuses: string[] = [];
        bus.onStatus((status) => statuses.push(status));
        let seen = 0;
        await bus.subscribe("d", () => seen++);
        for (let i = 0; i < 100; i++) other.publish("d", bytes("x"));
        await other.flush();
        await bus.drain();
        expect(seen).toBe(100);
        expect(statuses).toEqual(["draining", "closed"]);
      },
    );

    it("ends one subscription and keeps the others", async () => {
      const bus = await open({ ...client, servers: server.url });
      const seen: string[] = [];
      const first = await bus.subscribe("e", () => seen.push("first"));
      const second = await bus.subscribe("e", () => seen.push("second"));
      const third = await bus.subscribe("e", () => {
        seen.push("third");
        throw new Error("a listener that throws");
      });
      await first.drain();
      second.unsubscribe();
      bus.publish("e", bytes(""));
      await bus.flush();
      expect(seen).toEqual(["third"]);
      await bus.close();
      await third.drain();
      third.unsubscribe();
    });

    it(
      req("cap.nats.auth", "takes a token, a user, and both from the URL; refuses others as AuthError"),
      async () => {
        for (const [args, good, inUrl] of [
          [["--auth", "s3cret-t0ken"], { token: "s3cret-t0ken" }, "s3cret-t0ken@"],
          [["--user", "ann", "--pass", "pa ss"], { user: "ann", password: "pa ss" }, "ann:pa%20ss@"],
        ] as const) {
          const guarded = await startNats(path!, { args });
          const url = `127.0.0.1:${guarded.port}`;
          const named = await open({ ...client, servers: url, ...good });
          expect(inspect(named, { depth: 9, showHidden: true })).not.toMatch(/s3cret|pa ss/);
          await open({ ...client, servers: `nats://${inUrl}${url}` });
          await open({ ...client, env: { NATS_URL: `nats://${inUrl}${url}` } });
          for (const bad of [{}, { token: "other" }, { user: "ann", password: "x" }]) {
            const refused = await failure(connectNats({ ...client, env: {}, servers: url, ...bad }));
            expect(refused).toBeInstanceOf(AuthError);
            const waiting = { ...client, env: {}, servers: url, ...bad, waitOnFirstConnect: true };
            expect(await failure(connectNats(waiting))).toBeInstanceOf(AuthError);
          }
          for (const bus of buses.splice(0)) await bus.close();
          await guarded.stop();
        }
      },
    );

    it(req("cap.nats.auth", "takes the content of a credentials file"), async () => {
      const folder = mkdtempSync(join(tmpdir(), "agentwire-"));
      const user = nkeys.createUser();
      const users = `authorization { users: [{ nkey: ${user.getPublicKey()} }] }`;
      writeFileSync(join(folder, "nats.conf"), users);
      const guarded = await startNats(path!, { args: ["-c", join(folder, "nats.conf")] });
      const seed = new TextDecoder().decode(user.getSeed());
      const block = (kind: string, content: string) =>
        `-----BEGIN ${kind}-----\n${content}\n------END ${kind}------\n`;
      const credentials = block("NATS USER JWT", "not-looked-at") + block("USER NKEY SEED", seed);
      const bus = await open({ ...client, servers: guarded.url, credentials });
      await bus.flush();
      expect(inspect(bus, { depth: 9, showHidden: true })).not.toContain(seed);
      expect(await failure(connectNats({ ...client, env: {}, servers: guarded.url }))).toBeInstanceOf(
        AuthError,
      );
      await bus.close();
      await guarded.stop();
      rmSync(folder, { recursive: true });
    });

    it(req("cap.nats.permissions", "tells of what the server does not allow"), async () => {
      const folder = mkdtempSync(join(tmpdir(), "agentwire-"));
      const permissions = '{ publish: ["ok"], subscribe: ["ok", "_INBOX.>"] }';
      writeFileSync(
        join(folder, "nats.conf"),
        `authorization { users: [{ user: u, password: p, permissions: ${permissions} }] }`,
      );
      const guarded = await startNats(path!, { args: ["-c", join(folder, "nats.conf")] });
      const bus = await open({ ...client, servers: guarded.url, user: "u", password: "p" });
      const refused = await failure(bus.subscribe("secret", () => {}, { queue: "q" }));
      expect(refused).toBeInstanceOf(SubscribeFailedError);
      expect(refused?.retryable).toBe(false);
      await bus.subscribe("ok", () => {});
      const told = new Promise<[string, AgentwireError | undefined]>((resolve) => {
        bus.onStatus((status, error) => {
          if (error instanceof PublishFailedError) resolve([status, error]);
        });
      });
      bus.publish("secret", bytes(""));
      const [status, error] = await told;
      expect(status).toBe("connected");
      expect(error?.retryable).toBe(false);
      bus.publish("ok", bytes(""));
      await bus.flush();
      await bus.close();
      await guarded.stop();
      rmSync(folder, { recursive: true });
    });

    it(
      req("cap.nats.wait", "fails when no server is there, or waits for one, or for the signal"),
      async () => {
        const port = await freePort();
        const servers = `127.0.0.1:${port}`;
        const refused = await failure(connectNats({ ...client, env: {}, servers }));
        expect(refused).toBeInstanceOf(ConnectionError);
        expect(refused?.retryable).toBe(true);
        const controller = new AbortController();
        const { signal } = controller;
        let tries = 0;
        const logger = { debug() {}, info() {}, error() {}, warn: () => void tries++ };
        const common = { ...client, servers, waitOnFirstConnect: true, reconnectWaitMs: 20, logger };
        const aborted = failure(connectNats({ ...common, env: {}, signal }));
        while (tries === 0) await new Promise((resolve) => setImmediate(resolve));
        controller.abort();
        expect(await aborted).toBeInstanceOf(AbortError);
        const waiting = open(common);
        while (tries < 3) await new Promise((resolve) => setImmediate(resolve));
        const late = await startNats(path!, { port });
        expect((await waiting).status()).toBe("connected");
        for (const bus of buses.splice(0)) await bus.close();
        await late.stop();
      },
    );

    it(req("cap.nats.tls", "speaks TLS by options and by environment, and never falls back"), async () => {
      const folder = mkdtempSync(join(tmpdir(), "agentwire-"));
      const file = (name: string, content: string) => {
        writeFileSync(join(folder, name), content);
        return join(folder, name);
      };
      const authority = makeAuthority("test authority");
      const host = authority.issue(["nats.test", "127.0.0.1"]);
      const agent = authority.issue(["agent.test"]);
      const caFile = file("ca.pem", authority.cert);
      const certFile = file("host.pem", host.cert);
      const keyFile = file("host.key", host.key);
      const args = ["--tls", "--tlscert", certFile, "--tlskey", keyFile];
      const secure = await startNats(path!, { args });
      const servers = `tls://127.0.0.1:${secure.port}`;

      await open({ ...client, servers, tls: { ca: authority.cert } });
      await open({ ...client, servers, tls: { caFile, serverName: "nats.test" } });
      await open({ ...client, env: { NATS_URL: servers, NATS_TLS_CA: caFile } });
      await open({ ...client, servers, env: { NATS_TLS_CA: caFile, NATS_TLS_SERVER_NAME: "nats.test" } });
      await open({ ...client, servers, env: { NATS_TLS_INSECURE: "true" } });
      await open({ ...client, servers, tls: { insecure: true } });

      const stranger = makeAuthority("somebody else");
      for (const tls of [true, { ca: stranger.cert }, { ca: authority.cert, serverName: "other.test" }]) {
        const refused = await failure(connectNats({ ...client, env: {}, servers, tls }));
        expect(refused, JSON.stringify(tls)).toBeInstanceOf(ConnectionError);
        expect(refused?.code).toBe("TLS");
        expect(refused?.retryable).toBe(false);
      }
      const plain = await failure(
        connectNats({ ...client, env: { NATS_TLS_CA: caFile }, servers: server.url }),
      );
      expect(plain).toBeInstanceOf(ConnectionError);
      expect(plain?.code).toBe("TLS");

      const mutual = await startNats(path!, { args: [...args, "--tlsverify", "--tlscacert", caFile] });
      const both = `tls://127.0.0.1:${mutual.port}`;
      await open({ ...client, servers: both, tls: { ca: authority.cert, ...agent } });
      const NATS_TLS_CERT = file("agent.pem", agent.cert);
      const NATS_TLS_KEY = file("agent.key", agent.key);
      const env = { NATS_TLS_CA: caFile, NATS_TLS_CERT, NATS_TLS_KEY };
      await open({ ...client, servers: both, env });
      // The alert comes after the handshake; both clients wait out their time.
      const nameless = {
        ...client,
        env: {},
        servers: both,
        tls: { ca: authority.cert },
        timeoutMs: 300,
      };
      expect(await failure(connectNats(nameless))).toBeInstanceOf(TimeoutError);
      const half = { ...client, servers: both, env: { NATS_TLS_CERT } };
      expect(await failure(connectNats(half))).toBeInstanceOf(ValidationError);

      const old = authority.issue(["127.0.0.1"], { daysLeft: -1 });
      const expired = await startNats(path!, {
        args: ["--tls", "--tlscert", file("old.pem", old.cert), "--tlskey", file("old.key", old.key)],
      });
      const late = await failure(
        connectNats({ ...client, env: { NATS_TLS_CA: caFile }, servers: `127.0.0.1:${expired.port}` }),
      );
      expect(late?.code).toBe("TLS");
      for (const bus of buses.splice(0)) await bus.close();
      for (const started of [secure, mutual, expired]) await started.stop();
      rmSync(folder, { recursive: true });
    });
  });

  it("takes connections that somebody else made, of either client", async () => {
    const servers = server.url;
    for (const connection of [await connectVersion2({ servers }), await connectVersion3({ servers })]) {
      const bus = natsBus(connection);
      const got = new Promise((resolve) => void bus.subscribe("x", (message) => resolve(text(message))));
      await bus.flush();
      bus.publish("x", bytes("hi"));
      expect(await got).toBe("hi");
      await bus.drain();
      expect(connection.isClosed()).toBe(true);
      expect(natsBus(connection).status()).toBe("closed");
    }
  });

  it("refuses options that make no sense, and does not repeat secrets", async () => {
    for (const bad of [
      { servers: "http://user:hunter2@host" },
      { servers: "nats://hunter2@" },
      { servers: [""] },
      { servers: server.url, password: "hunter2" },
    ]) {
      const refused = await failure(connectNats({ env: {}, ...bad }));
      expect(refused).toBeInstanceOf(ValidationError);
      expect(inspect(refused)).not.toContain("hunter2");
    }
  });
});
