import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AuthError, ProtocolError, TimeoutError, ValidationError } from "../../src/core/errors.js";
import type { AuthReason, HttpTransportOptions, ReconnectInfo } from "../../src/neuron/index.js";
import { HttpTransport } from "../../src/neuron/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { quiet, TestGateway, until } from "./gateway.ts";

const heartbeat = {
  type: "heartbeat" as const,
  neuronId: "n",
  inFlight: [],
  sentAt: "2030-01-01T00:00:00.000Z",
};
let gateway: TestGateway;
const cleanups: (() => Promise<void>)[] = [];
beforeEach(async () => {
  gateway = await new TestGateway().start();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await gateway.stop();
});

function make(options: Partial<HttpTransportOptions> = {}) {
  const clock = new FakeClock({ turns: 10 });
  const logged: string[] = [];
  const log = (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const transport = new HttpTransport({
    gatewayUrl: gateway.url,
    neuronId: "n",
    auth: () => "planted-token",
    clock,
    logger: { debug: log, info: log, warn: log, error: log },
    ...options,
  });
  cleanups.push(() => transport.stop());
  const seen = { open: 0, closed: [] as string[], frames: [] as unknown[], errors: [] as Error[] };
  const waits: ReconnectInfo[] = [];
  transport.subscribe({
    onOpen: () => void seen.open++,
    onClose: (reason) => void seen.closed.push(reason),
    onFrame: (frame) => void seen.frames.push(frame),
    onError: (error) => void seen.errors.push(error),
    onReconnecting: (info) => void waits.push(info),
  });
  return { transport, clock, seen, waits, logged };
}

const platforms: [string, Partial<HttpTransportOptions>][] = [
  ["kept connections", {}],
  ["a given fetch", { fetch }],
];

describe.each(platforms)("HttpTransport over %s", (_, how) => {
  it("reads frames, keeps a path prefix, and posts", async () => {
    const { transport, seen } = make({ ...how, gatewayUrl: `${gateway.url}/bb/v1/` });
    await transport.start();
    expect(transport.isConnected()).toBe(true);
    gateway.write('data: {"type":"x"}\r\n\r\n: c\n\ndata: 42\n\ndata: {"type":"y"}\n\n');
    await until(() => seen.frames.length === 2);
    await transport.post("/neuron/heartbeat", heartbeat);
    expect(gateway.requests.map(({ path }) => path)).toEqual([
      "/bb/v1/neuron/events?neuronId=n",
      "/bb/v1/neuron/heartbeat",
    ]);
    await transport.stop();
    expect(seen.closed).toEqual(["clean close"]);
  });

  it(
    req("neuron.auth.refresh", "asks for a token per request, and once more, with the reason, on a 401"),
    async () => {
      const reasons: string[] = [];
      const auth = ({ reason }: AuthReason) => `tok-${reasons.push(reason)}`;
      gateway.answering = ({ headers }) => ({ status: headers.authorization === "Bearer tok-1" ? 401 : 200 });
      const { transport } = make({ ...how, auth });
      await transport.post("/neuron/heartbeat", heartbeat);
      expect(reasons).toEqual(["request", "unauthorized"]);
      gateway.answering = () => ({ status: 401, body: '{"error":"expired"}' });
      const refused = transport.post("/neuron/heartbeat", heartbeat);
      await expect(refused).rejects.toMatchObject({ code: "AUTH", reason: "expired", status: 401 });
      await expect(refused).rejects.toBeInstanceOf(AuthError);
      expect(reasons).toHaveLength(4);
    },
  );

  it(
    req("neuron.http.redirect", "follows no redirect, neither with a frame nor for the stream"),
    async () => {
      const other = await new TestGateway().start();
      cleanups.push(() => other.stop());
      gateway.answering = ({ path }) => ({ status: 307, headers: { location: other.url + path } });
      const { transport, waits } = make(how);
      await transport.start();
      await expect(transport.post("/neuron/ack", heartbeat as never)).rejects.toBeInstanceOf(ProtocolError);
      expect(waits[0]!.reason).toMatch(/SSE open failed: 30[27]/);
      expect(other.requests).toEqual([]);
    },
  );

  it(
    req("neuron.http.errors", "turns refusals into typed errors that hold the gateway's code, and no token"),
    async () => {
      const { transport, logged } = make(how);
      const cases: [number, string, unknown][] = [
        [
          403,
          '{"error":{"code":"CAPABILITY_DENIED"}}',
          { code: "POLICY_DENIED", reason: "CAPABILITY_DENIED", name: "PolicyDeniedError" },
        ],
        [
          422,
          '{"code":"INVALID_FRAME"}',
          { code: "VALIDATION", reason: "INVALID_FRAME", name: "ValidationError" },
        ],
        [503, "<h1>busy</h1>", { name: "UpstreamError", retryable: true, body: "<h1>busy</h1>" }],
        [429, '{"retryAfter":2}', { name: "RateLimitError", retryAfterMs: 2_000 }],
      ];
      for (const [status, body, expected] of cases) {
        gateway.answering = () => ({ status, body });
        const error = await transport.post("/neuron/heartbeat", heartbeat).catch((e: unknown) => e);
        expect(error).toMatchObject(expected as object);
        expect(String((error as Error).stack)).not.toContain("planted-token");
      }
      expect(logged.join()).not.toContain("planted-token");
    },
  );

  it(req("neuron.stream.idle", "opens a stream anew on which nothing comes, comments included"), async () => {
    const { transport, clock, seen, waits } = make({ ...how, idleTimeoutMs: 1_000 });
    await transport.start();
    await clock.advance(900);
    gateway.write(": keep-alive\n\n");
    await quiet(gateway);
    await clock.advance(900);
    expect(seen.closed).toEqual([]);
    await clock.advance(200);
    await until(() => waits.length === 1);
    expect(seen.closed).toEqual(["idle: the stream sent nothing for 1000 ms"]);
    await clock.advance(500);
    await until(() => seen.open === 2);
  });

  it("does not wait for ever for the head of an answer", async () => {
    const { transport, clock } = make({ ...how, requestTimeoutMs: 1_000 });
    gateway.answering = () => undefined;
    const late = transport.post("/neuron/heartbeat", heartbeat).catch((e: unknown) => e);
    await until(() => gateway.requests.length === 1);
    await clock.advance(1_000);
    expect(await late).toBeInstanceOf(TimeoutError);
  });

  it(req("neuron.stream.event-id", "says the last event id when it comes back"), async () => {
    const { transport, clock, seen } = make(how);
    await transport.start();
    gateway.write('id: e-7\ndata: {"type":"x"}\n\n');
    await until(() => seen.frames.length === 1);
    gateway.drop();
    await until(() => seen.closed.length === 1);
    await clock.advance(500);
    await until(() => seen.open === 2);
    expect(gateway.requests[1]!.headers["last-event-id"]).toBe("e-7");
  });

  it("takes nothing but an event stream for one", async () => {
    gateway.answering = () => ({ status: 200, headers: { "content-type": "text/html" } });
    const { transport, waits } = make(how);
    await transport.start();
    await until(() => waits.length === 1);
    expect(waits[0]!.reason).toContain("text/html");
    expect(transport.isConnected()).toBe(false);
  });

  it("ends a stream whose event is too large, and comes back", async () => {
    const { transport, seen, waits } = make({ ...how, maxEventBytes: 1_000 });
    await transport.start();
    gateway.write(`data: ${"x".repeat(5_000)}`);
    await until(() => waits.length === 1);
    expect(seen.closed[0]).toContain("more than 1000 bytes");
  });
});

describe("HttpTransport", () => {
  it(req("neuron.auth.revoked", "stops coming back when the credentials are revoked"), async () => {
    class CredentialRevokedError extends AuthError {
      static override readonly brands: readonly string[] = ["CredentialRevokedError"];
    }
    const auth = () => {
      throw new CredentialRevokedError("revoked");
    };
    const { transport, clock, seen, waits } = make({ auth });
    await transport.start();
    await quiet(gateway);
    await clock.advance(60_000);
    expect(seen.errors.map(({ cause }) => (cause as Error).name)).toEqual(["CredentialRevokedError"]);
    expect([waits.length, gateway.requests.length, clock.pending]).toEqual([0, 0, 0]);
  });

  it("comes back when the callback fails otherwise, with backoff", async () => {
    const auth = () => Promise.reject(new Error("vault is sealed"));
    const { transport, clock, waits } = make({ auth, maxReconnectDelayMs: 1_500 });
    await transport.start();
    await clock.advance(5_000);
    expect(waits.map(({ attempt, delayMs }) => [attempt, delayMs])).toEqual([
      [1, 500],
      [2, 1_000],
      [3, 1_500],
      [4, 1_500],
      [5, 1_500],
    ]);
    expect(waits[0]!.reason).toContain("auth callback raised: vault is sealed");
  });

  it(req("neuron.stream.disconnect", "does not come back when told so, unless it is set to"), async () => {
    for (const alwaysReconnect of [false, true]) {
      const { transport, clock, seen } = make({ alwaysReconnect });
      await transport.start();
      gateway.send({ type: "disconnect", reason: "bye", reconnectable: false, sentAt: "x" } as {
        type: string;
      });
      await until(() => seen.frames.length === 1);
      gateway.drop();
      await until(() => seen.closed.length === 1);
      await clock.advance(1_000);
      await quiet(gateway);
      expect([seen.open, seen.errors.length]).toEqual(alwaysReconnect ? [2, 0] : [1, 1]);
      await transport.stop();
    }
  });

  it("takes only http URLs without user, query or fragment", () => {
    for (const gatewayUrl of ["", "ftp://x", "http://u:p@x", "http://x?y", "http://x#y"]) {
      expect(() => make({ gatewayUrl })).toThrow(ValidationError);
    }
  });

  it(req("neuron.auth.insecure", "warns when a token would travel in the clear"), () => {
    const { logged } = make({ gatewayUrl: "http://gateway.example" });
    expect(logged.join()).toContain("unencrypted");
    expect(make({ gatewayUrl: "http://gateway.example", allowInsecure: true }).logged).toEqual([]);
  });
});
