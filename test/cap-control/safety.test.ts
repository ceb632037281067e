import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { inspect } from "node:util";
import { create, equals, fromBinary, fromJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, describe, expect, it } from "vitest";
import {
  DecisionType,
  JobRequestSchema,
  PolicyCheckRequestSchema,
  PolicyCheckResponseSchema,
  PolicyEvaluateRequestSchema,
  PolicyEvaluateResponseSchema,
} from "../../gen/cap/index.js";
import { SafetyDeniedError } from "../../src/cap/index.js";
import { assertAllowed, SafetyClient, type SafetyClientOptions } from "../../src/cap/safety/index.js";
import { kernelTransport } from "../../src/cap/safety/transport.js";
import { policyCheckRequest, verdictOf } from "../../src/cap/safety/verdict.js";
import {
  AbortError,
  AuthError,
  ClosedError,
  ConflictError,
  ConnectionError,
  NotFoundError,
  PolicyDeniedError,
  RateLimitError,
  TimeoutError,
  UnsupportedError,
  UpstreamError,
  ValidationError,
} from "../../src/core/errors.js";
import type { Logger } from "../../src/core/logger.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { LocalSafetyKernel, type LocalSafetyKernelOptions } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";
import { setUp } from "./scheduler-bench.ts";

const pem = (name: string) => readFileSync(join(import.meta.dirname, "../peers/tls", name), "utf8");
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function client(options: SafetyClientOptions) {
  const made = new SafetyClient(options);
  cleanups.push(() => made.close());
  return made;
}

async function kernel(options: LocalSafetyKernelOptions = {}) {
  const made = await LocalSafetyKernel.start({ port: false, ...options });
  cleanups.push(() => made.close());
  return made;
}

const job = { jobId: "j", topic: "job.echo", tenant: "t" };

interface RecordedMessage {
  readonly type: string;
  readonly json: never;
  readonly deterministic_b64: string;
}
const recorded = JSON.parse(
  readFileSync(join(import.meta.dirname, "../vectors/cap/messages.json"), "utf8"),
) as RecordedMessage[];
const of = (type: string) => recorded.filter((message) => message.type === `cordum.agent.v1.${type}`);
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "base64"));

describe("over the wire", () => {
  it.each([
    ["grpc", "plaintext", "2"],
    ["grpc", "TLS", "2"],
    ["connect", "plaintext", "1.1"],
    ["connect", "TLS", "2"],
  ] as const)(
    req("cap.safety.wire", "all five questions are answered over %s, %s"),
    async (protocol, security, httpVersion) => {
      const secure = security === "TLS";
      const local = await kernel({
        decide: ({ labels }) => ({ decision: Number(labels.say), ruleId: "r-1" }),
        port: 0,
        httpVersion,
        ...(secure ? { tls: { cert: pem("server.pem"), key: pem("server.key") } } : {}),
      });
      const tls = secure ? { tls: { ca: pem("ca.pem"), serverName: "redis.test" } } : {};
      const chosen = protocol === "grpc" ? {} : { protocol };
      const safety = client({ url: local.url, ...chosen, ...tls, timeoutMs: 20_000 });
      const allow = { ...job, labels: { say: String(DecisionType.ALLOW) } };
      const deny = { ...job, labels: { say: String(DecisionType.DENY) } };
      const first = await safety.checkPolicy(allow);
      expect(first).toMatchObject({
        allowed: true,
        decision: DecisionType.ALLOW,
        ruleId: "r-1",
        failed: false,
      });
      expect(first.policySnapshot).toMatch(/^[0-9a-f]{64}$/);
      expect(await safety.checkPolicy(deny)).toMatchObject({ allowed: false, failed: false });
      for (const question of ["evaluate", "explain", "simulate"] as const) {
        const { response, ...verdict } = await safety[question](allow);
        const { response: _, ...expected } = first;
        expect(verdict).toEqual(expected);
      }
      expect(await safety.listSnapshots()).toEqual([first.policySnapshot]);
      expect(local.requests).toHaveLength(5);
    },
  );

  it("a server nobody vouches for is no kernel", async () => {
    const tls = { cert: pem("server.pem"), key: pem("server.key") };
    const local = await kernel({ port: 0, tls });
    const safety = client({ url: local.url, timeoutMs: 20_000 });
    expect(await safety.checkPolicy(job)).toMatchObject({ allowed: false, failed: true });
    expect(local.requests).toEqual([]);
  });

  it(
    req("cap.safety.bytes", "recorded requests and responses go through byte for byte in meaning"),
    async () => {
      const [response] = of("PolicyCheckResponse").map((message) =>
        fromJson(PolicyCheckResponseSchema, message.json),
      );
      const local = await kernel({ port: 0, decide: () => response! });
      const safety = client({ url: local.url, timeoutMs: 20_000 });
      const requests = of("PolicyCheckRequest");
      expect(requests.length).toBeGreaterThan(0);
      for (const message of requests) {
        const request = fromBinary(PolicyCheckRequestSchema, bytes(message.deterministic_b64));
        const verdict = await safety.checkPolicy(request);
        expect(equals(PolicyCheckRequestSchema, local.requests.at(-1)!, request)).toBe(true);
        const original = fromBinary(
          PolicyCheckResponseSchema,
          bytes(of("PolicyCheckResponse")[0]!.deterministic_b64),
        );
        expect(equals(PolicyCheckResponseSchema, verdict.response!, original)).toBe(true);
        // The recorded one allows with constraints, but wants an approval.
        expect(verdict).toMatchObject({
          decision: DecisionType.REQUIRE_HUMAN,
          approvalRequired: true,
          approvalRef: "a",
        });
        expect(verdict.remediations[0]!.addLabels["9"]).toBe("emoji 😀925");
      }
    },
  );

  it(req("cap.safety.evaluator", "the policy evaluator is asked and answers"), async () => {
    const asked: unknown[] = [];
    const expected = create(PolicyEvaluateResponseSchema, {
      decision: { type: DecisionType.ALLOW, ruleId: "r" },
    });
    const local = await kernel({
      port: 0,
      evaluate: (request) => {
        asked.push(request);
        return expected;
      },
    });
    const safety = client({ url: local.url, timeoutMs: 20_000 });
    const question = fromBinary(
      PolicyEvaluateRequestSchema,
      bytes(of("PolicyEvaluateRequest")[0]!.deterministic_b64),
    );
    const response = await safety.evaluateUnified(question);
    expect(equals(PolicyEvaluateResponseSchema, response, expected)).toBe(true);
    expect(equals(PolicyEvaluateRequestSchema, asked[0] as never, question)).toBe(true);
  });

  it(
    req("cap.safety.credentials", "headers reach the kernel, follow no redirect and are never shown"),
    async () => {
      const seen: string[] = [];
      const server = createServer((request, response) => {
        seen.push(`${request.url} ${request.headers.authorization}`);
        response.writeHead(307, { location: "/elsewhere" }).end();
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      cleanups.push(() => new Promise((resolve) => server.close(resolve)));
      const lines: string[] = [];
      const log = (message: string, fields?: object) => void lines.push(`${message} ${inspect(fields)}`);
      const logger: Logger = { debug: log, info: log, warn: log, error: log };
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const headers = { "x-team": "a", authorization: "Bearer hunter2" };
      const safety = client({ url, protocol: "connect", headers, logger, timeoutMs: 20_000 });
      expect(await safety.checkPolicy(job)).toMatchObject({ failed: true, allowed: false });
      expect(seen).toEqual(["/cordum.agent.v1.SafetyKernel/Check Bearer hunter2"]);
      const error = await safety.explain(job).catch((error: unknown) => error);
      expect(inspect(safety) + inspect(error, { depth: 9 }) + lines.join()).not.toContain("hunter2");
      (await kernelTransport({ url: "http://kernel.test:1", headers, logger })).close();
      expect(lines.join()).toContain("a credential is sent unencrypted");
    },
  );

  it("speaks gRPC, and Connect if it is told to", async () => {
    const types: unknown[] = [];
    const server = createHttp2Server().on("stream", (stream, headers) => {
      types.push(headers["content-type"]);
      stream.respond({ ":status": 404 }, { endStream: true });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const protocol of [undefined, "grpc"] as const)
      await client({ url, protocol })
        .explain(job)
        .catch(() => {});
    const fetch = async (_: unknown, init?: RequestInit) => {
      types.push(new Headers(init?.headers).get("content-type"), init?.redirect);
      return new Response("", { status: 404 });
    };
    await client({ url, protocol: "connect", fetch })
      .explain(job)
      .catch(() => {});
    expect(types).toEqual(["application/grpc+proto", "application/grpc+proto", "application/json", "error"]);
  });

  it("refuses a URL that is none before it connects", async () => {
    const urls = [
      undefined,
      "",
      "kernel:50051",
      "ftp://kernel",
      "xhttp://kernel",
      "http://u:hunter2@kernel",
      "http://u@kernel",
      "http://:hunter2@kernel",
    ];
    for (const url of urls) {
      const error = await client({ url })
        .explain(job)
        .catch((error: unknown) => error);
      expect(error).toBeInstanceOf(ValidationError);
      expect(error).toMatchObject({ code: "INVALID_URL" });
      expect(String(error)).not.toContain("hunter2");
    }
  });
});

describe("verdicts", () => {
  it.each([
    [DecisionType.ALLOW, false, DecisionType.ALLOW, true],
    [DecisionType.ALLOW, true, DecisionType.REQUIRE_HUMAN, false],
    [DecisionType.ALLOW_WITH_CONSTRAINTS, false, DecisionType.ALLOW_WITH_CONSTRAINTS, true],
    [DecisionType.ALLOW_WITH_CONSTRAINTS, true, DecisionType.REQUIRE_HUMAN, false],
    [DecisionType.REQUIRE_HUMAN, false, DecisionType.REQUIRE_HUMAN, false],
    [DecisionType.THROTTLE, false, DecisionType.THROTTLE, false],
    [DecisionType.DENY, true, DecisionType.DENY, false],
    [DecisionType.UNSPECIFIED, false, DecisionType.DENY, false],
    [DecisionType.QUARANTINE, false, DecisionType.DENY, false],
    [DecisionType.REDACT, true, DecisionType.DENY, false],
    [99 as DecisionType, true, DecisionType.DENY, false],
  ])(
    req("cap.safety.verdict", "decision %i with approval %s is %i, allowed %s"),
    (decision, approvalRequired, expected, allowed) => {
      const verdict = verdictOf(create(PolicyCheckResponseSchema, { decision, approvalRequired }));
      expect(verdict).toMatchObject({ decision: expected, allowed });
    },
  );

  it(
    req("cap.safety.verdict", "keeps all that the kernel says, and approvals only where one is needed"),
    () => {
      const said = {
        decision: DecisionType.ALLOW,
        reason: "because",
        ruleId: "r",
        policySnapshot: "s",
        constraints: { budgets: { maxRuntimeMs: 1n } },
        approvalRef: "a",
        redactedContextPtr: "mem://x",
        remediations: [{ id: "m" }],
      };
      const response = create(PolicyCheckResponseSchema, said);
      const { constraints, remediations, reason, ruleId, policySnapshot, approvalRef, redactedContextPtr } =
        response;
      const kept = {
        constraints,
        remediations,
        reason,
        ruleId,
        policySnapshot,
        approvalRef,
        redactedContextPtr,
      };
      const allow = { decision: DecisionType.ALLOW, allowed: true, approvalRequired: false, failed: false };
      expect(verdictOf(response)).toEqual({ ...kept, ...allow, response });
      const asks = (decision: DecisionType, approvalRequired = true) =>
        verdictOf(create(PolicyCheckResponseSchema, { decision, approvalRequired })).approvalRequired;
      expect([
        asks(DecisionType.ALLOW),
        asks(DecisionType.DENY),
        asks(DecisionType.REQUIRE_HUMAN, false),
      ]).toEqual([true, false, true]);
      const reasons = [99 as DecisionType, DecisionType.DENY].map((decision) =>
        ["", "own"].map(
          (reason) => verdictOf(create(PolicyCheckResponseSchema, { decision, reason })).reason,
        ),
      );
      expect(reasons).toEqual([
        ["unknown decision 99", "own"],
        ["", "own"],
      ]);
    },
  );

  it("a verdict that does not allow is thrown as what a caller can do about it", () => {
    const verdict = (decision: DecisionType) =>
      verdictOf(
        create(PolicyCheckResponseSchema, {
          decision,
          reason: "because",
          ruleId: "r",
          policySnapshot: "s",
          approvalRef: "a",
          remediations: [{ id: "m" }],
        }),
      );
    const thrown = (decision: DecisionType) => {
      try {
        assertAllowed(verdict(decision));
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(thrown(DecisionType.ALLOW)).toBeUndefined();
    expect(thrown(DecisionType.DENY)).toBeInstanceOf(SafetyDeniedError);
    expect(thrown(DecisionType.THROTTLE)).toBeInstanceOf(RateLimitError);
    expect(thrown(DecisionType.REQUIRE_HUMAN)).toBeInstanceOf(PolicyDeniedError);
    const details = { ruleId: "r", policySnapshot: "s" };
    for (const [decision, facts, more] of [
      [DecisionType.THROTTLE, { code: "SAFETY_THROTTLE", retryAfterMs: 5_000 }, {}],
      [DecisionType.REQUIRE_HUMAN, { code: "APPROVAL_REQUIRED" }, { approvalRef: "a" }],
      [DecisionType.DENY, {}, { remediations: [expect.objectContaining({ id: "m" })] }],
    ] as const) {
      const error = thrown(decision) as ValidationError;
      expect(error).toMatchObject({ message: expect.stringContaining("because"), ...facts });
      expect(error.details).toEqual({ ...details, ...more });
    }
  });

  it.each([
    [{ ...job, topic: "" }, "missing topic"],
    [{ ...job, topic: "sys.job" }, "unsupported topic"],
  ])(
    req("cap.safety.kernel", "the local kernel refuses %j as the real one does"),
    async (request, reason) => {
      const safety = client({ transport: (await kernel()).transport() });
      expect(await safety.checkPolicy(request)).toMatchObject({ decision: DecisionType.DENY, reason });
      expect(await safety.checkPolicy(job)).toMatchObject({ allowed: true });
    },
  );

  it("the question about a job leaves its input out and names its tenant", () => {
    const ask = (request: Parameters<typeof create<typeof JobRequestSchema>>[1]) =>
      policyCheckRequest(create(JobRequestSchema, request));
    expect(ask({ jobId: "j", tenantId: "a", env: { tenant_id: "b" } }).tenant).toBe("a");
    expect(ask({ jobId: "j", env: { tenant_id: "b" } }).tenant).toBe("b");
    expect(ask({ jobId: "j" })).toMatchObject({ tenant: "default", inputContent: new Uint8Array() });
    const config = ask({ env: { CORDUM_EFFECTIVE_CONFIG: "{}" } }).effectiveConfig;
    expect(new TextDecoder().decode(config)).toBe("{}");
  });
});

describe("a kernel that gives no answer", () => {
  const broken = async (error: unknown) =>
    (await kernel({ decide: () => Promise.reject(error) })).transport();

  it(
    req("cap.safety.fail-closed", "denies, unless it was asked to allow, and says so either way"),
    async () => {
      const lines: string[] = [];
      const warn = (message: string, fields?: object) =>
        void lines.push(`${message} ${JSON.stringify(fields)}`);
      const logger: Logger = { debug() {}, info() {}, warn, error() {} };
      const transport = await broken(new ConnectError("away", Code.Unavailable));
      const closed = await client({ transport, logger }).checkPolicy(job);
      expect(closed).toMatchObject({ allowed: false, decision: DecisionType.DENY, failed: true });
      expect(closed.reason).toBe("safety kernel error: away");
      const open = await client({ transport, logger, failOpen: true }).checkPolicy(job);
      expect(open).toMatchObject({ allowed: true, decision: DecisionType.ALLOW, failed: true });
      const fields = (decision: string) => JSON.stringify({ reason: closed.reason, decision });
      expect(lines).toEqual([
        `the safety kernel did not answer ${fields("DENY")}`,
        "failOpen is set: jobs run even if the safety kernel does not answer undefined",
        `the safety kernel did not answer ${fields("ALLOW")}`,
      ]);
    },
  );

  it(req("cap.safety.timeout", "is given up after 2 s, or as long as the call says"), async () => {
    const clock = new FakeClock();
    const transport = (await kernel({ decide: () => new Promise(() => {}) })).transport();
    const safety = client({ transport, clock });
    const slow = safety.checkPolicy(job);
    const short = expect(safety.explain(job, { timeoutMs: 500 })).rejects.toBeInstanceOf(TimeoutError);
    await clock.advance(500);
    await short;
    await clock.advance(1_499);
    expect(clock.pending).toBe(1);
    await clock.advance(1);
    expect(await slow).toMatchObject({ failed: true, allowed: false });
    const controller = new AbortController();
    const cut = safety.checkPolicy(job, { signal: controller.signal });
    controller.abort();
    await expect(cut).rejects.toBeInstanceOf(AbortError);
    expect(clock.pending).toBe(0);
  });

  it("errors of the peer have the class that says what to do", async () => {
    const ask = async (code: Code) =>
      client({ transport: await broken(new ConnectError("x", code)) }).explain(job);
    for (const [code, type] of [
      [Code.Canceled, AbortError],
      [Code.InvalidArgument, ValidationError],
      [Code.OutOfRange, ValidationError],
      [Code.DeadlineExceeded, TimeoutError],
      [Code.NotFound, NotFoundError],
      [Code.AlreadyExists, ConflictError],
      [Code.Aborted, ConflictError],
      [Code.FailedPrecondition, ConflictError],
      [Code.PermissionDenied, PolicyDeniedError],
      [Code.Unauthenticated, AuthError],
      [Code.ResourceExhausted, RateLimitError],
      [Code.Unimplemented, UnsupportedError],
      [Code.Unavailable, ConnectionError],
      [Code.Internal, UpstreamError],
    ] as const) {
      const error = await ask(code).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(type);
      expect(error).toMatchObject({ message: expect.stringContaining("x"), cause: { code } });
    }
  });

  it(
    req(
      "cap.safety.circuit",
      "3 failures stop the questions for 30 s; 2 of at most 3 tries start them again",
    ),
    async () => {
      const clock = new FakeClock();
      const pending: { answer(ok: boolean): void }[] = [];
      const local = await kernel({
        decide: () =>
          new Promise((resolve, reject) =>
            pending.push({
              answer: (ok) => (ok ? resolve({ decision: DecisionType.ALLOW }) : reject(new Error("x"))),
            }),
          ),
      });
      const safety = client({ transport: local.transport(), clock });
      const ask = async (ok: boolean) => {
        const verdict = safety.checkPolicy(job);
        await clock.settle();
        pending.pop()?.answer(ok);
        return (await verdict).allowed;
      };
      // A success between failures starts the count again.
      expect([await ask(false), await ask(false), await ask(true)]).toEqual([false, false, true]);
      expect([await ask(false), await ask(false), await ask(false)]).toEqual([false, false, false]);
      expect(safety.circuit).toBe("open");
      const asked = local.requests.length;
      const refused = await safety.checkPolicy(job);
      expect(refused.reason).toContain("circuit breaker open");
      await clock.advance(29_999);
      expect(await ask(true)).toBe(false);
      expect(local.requests).toHaveLength(asked);
      await clock.advance(1);
      expect(safety.circuit).toBe("half-open");

      const probes = [1, 2, 3, 4].map(() => safety.checkPolicy(job));
      await clock.settle();
      expect(local.requests).toHaveLength(asked + 3);
      expect((await probes[3]!).failed).toBe(true);
      pending[0]!.answer(false);
      await probes[0];
      expect(safety.circuit).toBe("open");
      for (const { answer } of pending.splice(0)) answer(true);
      expect((await Promise.all(probes)).map(({ allowed }) => allowed)).toEqual([false, true, true, false]);
      // Those two were asked before it opened again: they do not close it.
      expect(safety.circuit).toBe("open");

      await clock.advance(30_000);
      expect(await ask(true)).toBe(true);
      expect(safety.circuit).toBe("half-open");
      expect(await ask(true)).toBe(true);
      expect(safety.circuit).toBe("closed");
    },
  );

  it("the caller's own abort is neither a failure nor a success", async () => {
    const clock = new FakeClock();
    const answers: (() => Promise<{ decision: DecisionType }>)[] = [];
    const forever = () => new Promise<never>(() => {});
    const local = await kernel({ decide: () => (answers.shift() ?? forever)() });
    const safety = client({ transport: local.transport(), clock });
    const aborted = async () => {
      const controller = new AbortController();
      const cut = safety.checkPolicy(job, { signal: controller.signal });
      controller.abort();
      await expect(cut).rejects.toBeInstanceOf(AbortError);
    };
    for (let i = 0; i < 5; i++) await aborted();
    expect(safety.circuit).toBe("closed");
    answers.push(...Array(3).fill(() => Promise.reject(new Error("x"))));
    for (let i = 0; i < 3; i++) await safety.checkPolicy(job);
    await clock.advance(30_000);
    for (let i = 0; i < 5; i++) await aborted();
    expect(safety.circuit).toBe("half-open");
    answers.push(...Array(2).fill(async () => ({ decision: DecisionType.ALLOW })));
    for (const state of ["half-open", "closed"]) {
      expect(await safety.checkPolicy(job)).toMatchObject({ allowed: true });
      expect(safety.circuit).toBe(state);
    }
  });

  it("a closed client says so", async () => {
    const safety = new SafetyClient({ transport: (await kernel()).transport() });
    await safety.close();
    await safety.close();
    const disposed = client({ transport: (await kernel()).transport() });
    await disposed[Symbol.asyncDispose]();
    await expect(disposed.listSnapshots()).rejects.toBeInstanceOf(ClosedError);
    await expect(safety.checkPolicy(job)).rejects.toBeInstanceOf(ClosedError);
  });
});

it(req("cap.safety.scheduler", "the local scheduler asks a kernel through the client"), async () => {
  const local = await kernel({
    decide: ({ labels }) => ({
      decision: labels.risky ? DecisionType.DENY : DecisionType.ALLOW_WITH_CONSTRAINTS,
      reason: "too risky",
      constraints: { budgets: { maxRuntimeMs: 1_000n } },
    }),
  });
  const safety = client({ transport: local.transport() });
  const { submit, dispatched, letters, clock } = await setUp({
    safety: (request, { signal }) => safety.checkPolicy(request, { signal }),
  });
  await submit({ jobId: "1", labels: { risky: "yes" } });
  await submit({ jobId: "2" });
  await clock.settle();
  expect(letters()).toMatchObject([{ jobId: "1", errorCode: "safety_denied", errorMessage: "too risky" }]);
  expect(dispatched().map(({ request }) => [request.jobId, request.budget?.deadlineMs])).toEqual([
    ["2", 1_000n],
  ]);
});
