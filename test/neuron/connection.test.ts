/** Where a neuron connects to, and through what: the environment, proxies, certificates, connections of their own. */
import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import os, { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConnectionError, ValidationError } from "../../src/core/errors.js";
import { createClientCredentialsAuth, writeCredentialFile } from "../../src/neuron/auth/index.js";
import { HttpTransport, Neuron, type NeuronOptions } from "../../src/neuron/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { pem, startProxy, tls } from "../http/forward-proxy.ts";
import { req } from "../requirements/index.ts";
import { freshPath, startAuthServer } from "./auth-server.ts";
import { quiet, TestGateway, until } from "./gateway.ts";

let gateway: TestGateway;
const cleanups: (() => unknown)[] = [];
beforeEach(async () => {
  gateway = await new TestGateway().start();
  for (const name of ["GATEWAY_URL", "NEURON_ID", "TOKEN", "TOKEN_FILE", "CREDENTIAL_FILE"])
    vi.stubEnv(`BIGBRAIN_${name}`, undefined);
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"])
    vi.stubEnv(name, undefined);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await gateway.stop();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

function make(options: NeuronOptions = {}): Neuron {
  const neuron = new Neuron({ logger: false, ...options });
  neuron.handle({ type: "a/b", scope: "any", concurrency: 100 }, () => "out");
  cleanups.push(() => neuron.stop({ drain: false }));
  return neuron;
}

const tokens = () => [...new Set(gateway.requests.map(({ headers }) => headers.authorization))];

describe("the environment", () => {
  it(req("neuron.environment", "gives what is not given, without the blanks around it"), async () => {
    vi.stubEnv("BIGBRAIN_GATEWAY_URL", ` ${gateway.url}\n`);
    vi.stubEnv("BIGBRAIN_NEURON_ID", "\tn-env ");
    vi.stubEnv("BIGBRAIN_TOKEN", " tok-env\n");
    const neuron = make();
    await neuron.start();
    expect(neuron.neuronId).toBe("n-env");
    expect(gateway.requests[0]!.path).toBe("/neuron/events?neuronId=n-env");
    expect(tokens()).toEqual(["Bearer tok-env"]);
  });

  it("gives way to options", async () => {
    vi.stubEnv("BIGBRAIN_GATEWAY_URL", "http://127.0.0.1:1");
    vi.stubEnv("BIGBRAIN_NEURON_ID", "n-env");
    vi.stubEnv("BIGBRAIN_TOKEN", "tok-env");
    await make({ gatewayUrl: gateway.url, neuronId: "n", auth: () => "tok" }).start();
    expect(gateway.requests[0]!.path).toContain("neuronId=n");
    expect(tokens()).toEqual(["Bearer tok"]);
  });

  it("names a file whose token is read for every request", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "agentwire-")), "token");
    writeFileSync(file, "tok-1\n");
    vi.stubEnv("BIGBRAIN_TOKEN", " ");
    vi.stubEnv("BIGBRAIN_TOKEN_FILE", file);
    const neuron = make({ gatewayUrl: gateway.url, neuronId: "n" });
    await neuron.start();
    await until(() => gateway.frames("register").length === 1);
    writeFileSync(file, "tok-2\n");
    await neuron.updateCapability({ type: "a/b", concurrency: 2 });
    expect(tokens()).toEqual(["Bearer tok-1", "Bearer tok-2"]);
  });

  it("names a credential file, which comes before a token", async () => {
    const server = await startAuthServer(() => ({ body: { access_token: "tok-cred", expires_in: 900 } }));
    cleanups.push(() => server.close());
    const path = freshPath();
    const tokenEndpoint = `${server.url}/oauth/token`;
    await writeCredentialFile(path, {
      clientId: "c",
      clientSecret: "s3cret",
      tokenEndpoint,
      mokuBaseUrl: server.url,
    });
    vi.stubEnv("BIGBRAIN_CREDENTIAL_FILE", path);
    vi.stubEnv("BIGBRAIN_TOKEN", "tok-env");
    const warned: string[] = [];
    const logger = { debug() {}, info() {}, warn: (line: string) => void warned.push(line), error() {} };
    await make({ gatewayUrl: gateway.url, neuronId: "n", logger }).start();
    expect(tokens()).toEqual(["Bearer tok-cred"]);
    const spare = () =>
      warned.splice(0).filter((line) => line.startsWith("BIGBRAIN_CREDENTIAL_FILE is used"));
    expect(spare()).toHaveLength(1);
    vi.stubEnv("BIGBRAIN_TOKEN", undefined);
    make({ gatewayUrl: gateway.url, neuronId: "n", logger });
    expect(spare()).toEqual([]);
    vi.stubEnv("BIGBRAIN_TOKEN_FILE", path);
    make({ gatewayUrl: gateway.url, neuronId: "n", logger });
    expect(spare()).toHaveLength(1);
  });

  it("leaves the credential to the file of this user, read with the options of the neuron", async () => {
    const home = mkdtempSync(join(tmpdir(), "agentwire-"));
    vi.spyOn(os, "homedir").mockReturnValue(home); // HOME cannot be set in a thread
    const path = join(home, ".holokai/neuron-credentials.json");
    const mokuBaseUrl = "https://moku.example";
    const tokenEndpoint = `${mokuBaseUrl}/token`;
    await writeCredentialFile(path, { clientId: "c", clientSecret: "s", tokenEndpoint, mokuBaseUrl });
    chmodSync(path, 0o644);
    const clock = new FakeClock({ turns: 10 });
    let asked = 0;
    const own: typeof fetch = async (input, init) => {
      if (String(input) !== tokenEndpoint) return fetch(input, init);
      return Response.json({ access_token: `tok-${++asked}`, expires_in: 100 });
    };
    const warned: string[] = [];
    const logger = { debug() {}, info() {}, warn: (line: string) => void warned.push(line), error() {} };
    const neuron = make({ gatewayUrl: gateway.url, neuronId: "n", fetch: own, clock, logger });
    cleanups.unshift(() => clock.until(neuron.stop({ drain: false })));
    await neuron.start();
    await until(() => gateway.frames("register").length === 1);
    await quiet(gateway);
    await clock.advance(49_999);
    await neuron.updateCapability({ type: "a/b", concurrency: 2 });
    expect(tokens()).toEqual(["Bearer tok-1"]);
    await clock.advance(1);
    await neuron.updateCapability({ type: "a/b", concurrency: 3 });
    expect(tokens()).toEqual(["Bearer tok-1", "Bearer tok-2"]);
    if (process.platform !== "win32") expect(warned).toEqual([expect.stringContaining(`chmod 600 ${path}`)]);
  });

  it("leaves no credential where there are no files", () => {
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
    expect(() => make({ gatewayUrl: gateway.url, neuronId: "n", fetch })).toThrow("auth is required");
  });

  it("that says nothing is an error that names the variable", () => {
    expect(() => make()).toThrow("BIGBRAIN_NEURON_ID");
    expect(() => make({ neuronId: "n" })).toThrow("BIGBRAIN_GATEWAY_URL");
    vi.stubEnv("BIGBRAIN_GATEWAY_URL", "nonsense");
    expect(() => make({ neuronId: "n" })).toThrow(ValidationError);
  });
});

describe("by default", () => {
  it("a dead gateway is warned about on the console", async () => {
    vi.stubEnv("AGENTWIRE_LOG", undefined);
    const lines: string[] = [];
    for (const level of ["warn", "error"] as const)
      vi.spyOn(console, level).mockImplementation((...args) => void lines.push(args.join(" ")));
    const { url } = gateway;
    await gateway.stop();
    await make({ gatewayUrl: url, neuronId: "n", auth: () => "t", logger: undefined }).start();
    expect(lines.join("\n")).toContain("the stream could not be opened");
    gateway = await new TestGateway().start();
  });

  it(req("neuron.run", "run() serves until its signal fires"), async () => {
    const controller = new AbortController();
    const over = make({ gatewayUrl: gateway.url, neuronId: "n", auth: () => "t" }).run(controller);
    await until(() => gateway.frames("register").length === 1);
    controller.abort();
    await over;
    await expect(
      make({ neuronId: "n", gatewayUrl: gateway.url, auth: () => "t" }).run(controller),
    ).resolves.toBe(undefined);
  });

  it("does not start again after a stop, and says so", async () => {
    const neuron = make({ gatewayUrl: gateway.url, neuronId: "n", auth: () => "t" });
    await neuron.start();
    await neuron.stop();
    await expect(neuron.start()).rejects.toMatchObject({ name: "ClosedError" });
    await expect(neuron.run()).rejects.toMatchObject({ name: "ClosedError" });
  });

  it("run() ends with the stop, and rejects when the gateway says not to come back", async () => {
    const neuron = make({ gatewayUrl: gateway.url, neuronId: "n", auth: () => "t" });
    const over = neuron.run();
    await until(() => gateway.frames("register").length === 1);
    await neuron.stop();
    await over;
    const second = make({ gatewayUrl: gateway.url, neuronId: "n", auth: () => "t" });
    const failed = second.run().catch((error: unknown) => error);
    await until(() => gateway.frames("register").length === 2);
    gateway.send({ type: "disconnect", reason: "x", reconnectable: false, sentAt: "x" } as { type: string });
    await quiet(gateway);
    gateway.drop();
    expect(await failed).toMatchObject({ code: "NOT_RECONNECTABLE" });
    const missing = createClientCredentialsAuth(freshPath());
    const third = make({ gatewayUrl: gateway.url, neuronId: "n", auth: missing });
    await expect(third.run()).rejects.toMatchObject({ code: "CREDENTIAL_REVOKED" });
  });

  it("a credential file that cannot be read is an error event, and read again", async () => {
    const path = freshPath();
    await writeCredentialFile(path, {
      clientId: "c",
      clientSecret: "s",
      tokenEndpoint: "x",
      mokuBaseUrl: "x",
    });
    writeFileSync(path, "{");
    const clock = new FakeClock({ turns: 10 });
    const neuron = make({
      gatewayUrl: gateway.url,
      neuronId: "n",
      auth: createClientCredentialsAuth(path),
      clock,
    });
    const errors: Error[] = [];
    let reconnects = 0;
    neuron.on("error", (error) => errors.push(error));
    neuron.on("connection:reconnecting", () => reconnects++);
    cleanups.unshift(() => clock.until(neuron.stop()));
    await neuron.start();
    expect(errors).toMatchObject([{ code: "MALFORMED_CREDENTIAL_FILE" }]);
    expect(reconnects).toBe(1);
  });
});

describe("proxies", () => {
  it(
    req("neuron.http.proxy", "of HTTP_PROXY carry the stream, the frames and the token requests"),
    async () => {
      const proxy = await startProxy();
      const server = await startAuthServer(() => ({ body: { access_token: "t", expires_in: 900 } }));
      cleanups.push(() => server.close());
      vi.stubEnv("HTTP_PROXY", proxy.url);
      const path = freshPath();
      const tokenEndpoint = `http://moku.internal:${new URL(server.url).port}/token`;
      await writeCredentialFile(path, {
        clientId: "c",
        clientSecret: "s",
        tokenEndpoint,
        mokuBaseUrl: server.url,
      });
      const auth = createClientCredentialsAuth(path, { allowInsecure: true });
      const inside = `http://gateway.internal:${gateway.port}`;
      const neuron = make({ gatewayUrl: inside, neuronId: "n", auth, allowInsecure: true });
      await neuron.start();
      gateway.lease("L1", "a/b");
      await until(() => gateway.frames("ack").length === 1);
      expect(proxy.asked.map(({ line }) => line).sort()).toEqual([
        `GET ${inside}/neuron/events?neuronId=n`,
        `POST ${inside}/neuron/ack`,
        `POST ${inside}/neuron/register`,
        `POST ${tokenEndpoint}`,
      ]);
    },
  );

  it.each(["127.0.0.1", "*", "other,127.0.0.1"])("are not used for what NO_PROXY=%s names", async (names) => {
    const proxy = await startProxy();
    vi.stubEnv("HTTP_PROXY", proxy.url);
    vi.stubEnv("NO_PROXY", names);
    await make({ gatewayUrl: gateway.url, neuronId: "n", auth: () => "t" }).start();
    await until(() => gateway.frames("register").length === 1);
    expect(proxy.asked).toEqual([]);
  });
});

describe("certificates", () => {
  it("are those of the tls option", async () => {
    const seen: string[] = [];
    const server = createSecureServer(
      { key: pem("server.key"), cert: pem("server.pem") },
      (request, response) => {
        seen.push(`${request.method} ${request.url}`);
        response.writeHead(200, { "content-type": "text/event-stream" });
        if (request.method === "GET") response.flushHeaders();
        else response.end();
      },
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const gatewayUrl = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const reasons: string[] = [];
    const untrusting = make({ gatewayUrl, neuronId: "n", auth: () => "t" });
    untrusting.on("connection:reconnecting", ({ reason }) => reasons.push(reason));
    await untrusting.start();
    expect(reasons.join()).toMatch(/certificate/);
    expect(seen).toEqual([]);
    await make({ gatewayUrl, neuronId: "n", auth: () => "t", tls }).start();
    await until(() => seen.length === 2);
    expect(seen).toEqual(["GET /neuron/events?neuronId=n", "POST /neuron/register"]);
  });
});

describe("connections", () => {
  it(req("neuron.heartbeat.bounded", "of heartbeats are not those of answers"), async () => {
    const clock = new FakeClock({ turns: 10 });
    gateway.answering = ({ path }) => (path === "/neuron/ack" ? undefined : { status: 200 });
    const neuron = make({ gatewayUrl: gateway.url, neuronId: "n", auth: () => "t", clock, maxSockets: 2 });
    cleanups.unshift(() => clock.until(neuron.stop({ drain: false })));
    await neuron.start();
    await until(() => gateway.frames("register").length === 1);
    await quiet(gateway);
    for (let i = 0; i < 100; i++) gateway.lease(`L${i}`, "a/b");
    await until(() => gateway.frames("ack").length === 2);
    await clock.advance(10_000);
    await until(() => gateway.frames("heartbeat").length === 1);
    expect((gateway.frames("heartbeat")[0]!.inFlight as unknown[]).length).toBe(100);
  });

  it(req("neuron.progress.bounded", "of progress are not those of answers"), async () => {
    gateway.answering = ({ path }) => (path === "/neuron/progress" ? undefined : { status: 200 });
    const neuron = new Neuron({
      gatewayUrl: gateway.url,
      neuronId: "n",
      auth: () => "t",
      maxSockets: 1,
      logger: false,
    });
    neuron.handle({ type: "a/long", scope: "any", concurrency: 1 }, (_, ctx) => {
      ctx.progress({ percent: 1 });
      return new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
    });
    neuron.handle({ type: "a/b", scope: "any", concurrency: 1 }, () => "out");
    cleanups.push(() => neuron.stop({ drain: false }));
    await neuron.start();
    gateway.lease("L1", "a/long");
    await until(() => gateway.frames("progress").length === 1);
    gateway.lease("L2", "a/b");
    await until(() => gateway.frames("ack").length === 1);
  });

  it.each([200, 401])("40 posts that are answered 401 late ask for one token (then %d)", async (status) => {
    const server = await startAuthServer((_, index) => ({
      body: { access_token: `t-${index + 1}`, expires_in: 900 },
    }));
    cleanups.push(() => server.close());
    const path = freshPath();
    const tokenEndpoint = `${server.url}/token`;
    await writeCredentialFile(path, {
      clientId: "c",
      clientSecret: "s",
      tokenEndpoint,
      mokuBaseUrl: server.url,
    });
    const held: (() => void)[] = [];
    const target = createServer((request, response) => {
      request.resume();
      const isOld = request.headers.authorization === "Bearer t-1";
      const answer = (): void => void response.writeHead(isOld ? 401 : status).end();
      if (isOld) held.push(answer);
      else answer();
    });
    await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => {
      target.closeAllConnections();
      target.close();
    });
    const transport = new HttpTransport({
      gatewayUrl: `http://127.0.0.1:${(target.address() as AddressInfo).port}`,
      neuronId: "n",
      auth: createClientCredentialsAuth(path),
      logger: false,
    });
    cleanups.push(() => transport.stop());
    const frame = { type: "ack", leaseId: "L", output: 1, completedAt: "2026-01-01T00:00:00Z" } as const;
    const posts = Array.from({ length: 40 }, () =>
      transport
        .post("/neuron/ack", frame)
        .catch((error: unknown) => expect(error).not.toBeInstanceOf(ConnectionError)),
    );
    await until(() => held.length === 40);
    for (const [index, answer] of held.entries()) {
      answer();
      // Each comes when the one before has its new token.
      if (status === 200) await posts[index];
      else await quiet(gateway, 3);
    }
    await Promise.all(posts);
    if (status === 200) expect(server.seen).toHaveLength(2);
    // A token that is refused as well is replaced for later requests, not for each of these.
    else expect(server.seen.length).toBeLessThanOrEqual(2);
  });
});
