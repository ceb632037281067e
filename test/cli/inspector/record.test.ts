/** The record: what is observed, masked, kept, and joined again. */
import { describe, expect, it } from "vitest";
import { GatewayClient } from "../../../src/4runr/index.js";
import { AureusClient } from "../../../src/aureus/index.js";
import { httpRecorder } from "../../../src/cli/inspector/http-record.js";
import { packetRecord } from "../../../src/cli/inspector/packet-record.js";
import { commandOf, curlOf } from "../../../src/cli/inspector/page/copy.js";
import { parseFilter } from "../../../src/cli/inspector/page/filter.js";
import { isHead, type Row, Rows, statusOf } from "../../../src/cli/inspector/page/rows.js";
import { scaleOf, tracesOf } from "../../../src/cli/inspector/page/trace.js";
import { type CaptureRecord, parseCapture, type Summary } from "../../../src/cli/inspector/record.js";
import { Recorder } from "../../../src/cli/inspector/recorder.js";
import { Tracker } from "../../../src/cli/inspector/tracker.js";
import { FakeClock, Local4Runr, LocalAureus, LocalBigBrain } from "../../../src/testing/index.js";
import { negative, packets } from "../../cap/vectors.ts";
import { req } from "../../requirements/index.ts";

const parsed = (recorder: Recorder): CaptureRecord[] =>
  recorder.after(0, Infinity).records.map(({ line }) => JSON.parse(line) as CaptureRecord);

describe("the recorder", () => {
  it(req("cli.inspector.bounded", "keeps so many bytes, and says how many records are gone"), () => {
    const recorder = new Recorder({ maxBytes: 10_000, clock: new FakeClock() });
    for (let n = 0; n < 100; n++) recorder.add({ type: "log", body: "x".repeat(200) });
    const { records, dropped } = recorder.after(0, Infinity);
    expect(records.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(10_000);
    expect(records.length).toBeGreaterThan(5);
    expect(dropped).toBe(100 - records.length);
    expect(recorder.dropped).toBe(dropped);
    expect(recorder.get(1)).toBeUndefined();
    expect(recorder.get(100)?.seq).toBe(100);
    expect(recorder.after(99, 10)).toMatchObject({ dropped: 0, records: [{ seq: 100 }] });
  });

  it("masks secrets before a record exists, and says where", () => {
    const recorder = new Recorder();
    const planted = "planted-0123456789";
    recorder.add({
      type: "request",
      target: `GET /x?token=${planted}`,
      reason: `Bearer ${planted}`,
      headers: { authorization: `Bearer ${planted}` },
      body: { agent_token: planted, nested: [{ api_key: planted }], text: "kept" },
    });
    const [record] = parsed(recorder);
    expect(JSON.stringify(record)).not.toContain(planted);
    expect(record).toMatchObject({
      body: { text: "kept" },
      masked: ["/headers/authorization", "/body/agent_token", "/body/nested/0/api_key"],
    });
    expect(recorder.get(1)!.summary).not.toContain(planted);
  });

  it("measures from what was asked to what answers it, on a clock that never goes back", async () => {
    const clock = new FakeClock();
    const recorder = new Recorder({ clock });
    recorder.add({ type: "message", name: "job.x" }, { opens: "job:1" });
    await clock.advance(1_250);
    recorder.add({ type: "message" }, { answers: "job:1" });
    expect(parsed(recorder)[1]).toMatchObject({ re: 1, ms: 1_250, name: "job.x" });
  });
});

describe("a packet as a record", () => {
  it("has its payload, ids and digest, and no verdict without keys", async () => {
    for (const { packet_b64 } of [...packets, ...negative]) {
      const data = new Uint8Array(Buffer.from(packet_b64, "base64"));
      const [seen, beside] = await packetRecord("sys.job.submit", data, new Map());
      expect(seen).toMatchObject({ type: "message", protocol: "cap", bytes: data.length });
      expect(beside.data).toBe(data);
      expect(["unsigned", "not_checked", "malformed"]).toContain(seen.sig?.verdict);
    }
  });

  it("is refused if the bytes are not a packet", async () => {
    const [seen] = await packetRecord("job.x", new TextEncoder().encode("hello"), new Map());
    expect(seen).toMatchObject({ status: "refused", code: "malformed" });
  });
});

describe("an exchange over HTTP as records", () => {
  it("joins a lease with its answer, and a heartbeat with the lease it renews", async () => {
    const recorder = new Recorder();
    const tracker = new Tracker();
    recorder.onRecord(({ line }) => tracker.take(JSON.parse(line) as CaptureRecord));
    const gateway = await LocalBigBrain.start({ observe: httpRecorder("neuron", recorder) });
    const { Neuron } = await import("../../../src/neuron/index.js");
    const neuron = new Neuron({ gatewayUrl: gateway.url, neuronId: "n-1", auth: () => "planted-token-1" });
    neuron.handle({ type: "test/echo", scope: "any", concurrency: 1 }, (input) => input);
    await neuron.start();
    await gateway.submit({ capability: "test/echo", input: { text: "hello" } });
    await gateway.close();
    await neuron.stop();
    const records = parsed(recorder);
    expect(JSON.stringify(records)).not.toContain("planted-token-1");
    const lease = records.find(({ kind, type }) => kind === "lease" && type === "event")!;
    expect(lease).toMatchObject({
      from: "gateway",
      to: "n-1",
      name: "test/echo",
      status: "pending",
      attempt: 0,
    });
    const ack = records.find(({ kind, type }) => kind === "ack" && type === "request")!;
    expect(ack).toMatchObject({
      op: "ack",
      re: lease.seq,
      name: "test/echo",
      ids: { lease: lease.ids!.lease },
    });
    expect(records.find(({ re, type }) => re === ack.seq && type === "response")).toMatchObject({
      http: 200,
      status: "ok",
    });
    expect(tracker.state()).toMatchObject({
      neurons: { "n-1": ["test/echo"] },
      leases: [{ status: "ok" }],
      ended: { ok: 1 },
    });
  });
});

describe("the state behind records", () => {
  it("moves the end of a lease with each heartbeat that lists it", () => {
    const tracker = new Tracker();
    const record = (seq: number, extra: Partial<CaptureRecord>): CaptureRecord => ({
      ...{ seq, at: `2026-01-01T00:00:0${seq}.000Z`, mono: seq, type: "request", protocol: "neuron" },
      ...extra,
    });
    const lease = { expiresAt: "2026-01-01T00:00:31.000Z", ttlMs: 30_000 };
    tracker.take(
      record(1, { type: "event", kind: "lease", ids: { lease: "l-1" }, status: "pending", lease }),
    );
    tracker.take(record(5, { kind: "heartbeat", body: { inFlight: [{ leaseId: "l-1" }] } }));
    expect(tracker.state().leases).toMatchObject([{ renewals: 1, expiresAt: "2026-01-01T00:00:35.000Z" }]);
    tracker.take(record(6, { kind: "ack", ids: { lease: "l-1" } }));
    expect(tracker.state()).toMatchObject({ leases: [{ status: "ok" }], ended: { ok: 1 } });
  });
});

describe("tokens and policies behind records", () => {
  const observed = () => {
    const [recorder, tracker] = [new Recorder(), new Tracker()];
    recorder.onRecord(({ line }) => tracker.take(JSON.parse(line) as CaptureRecord));
    return { recorder, tracker };
  };

  it("count the calls of a 4Runr token, and keep the last that were refused, with the reason", async () => {
    const { recorder, tracker } = observed();
    const gateway = await Local4Runr.start({ observe: httpRecorder("4runr", recorder) });
    const { agentId } = await gateway.register({ spec: { scopes: ["serpapi:search"] } });
    const ask = async (path: string, body: object) =>
      (await (
        await fetch(`${gateway.url}${path}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        })
      ).json()) as Record<string, string>;
    const quotas = [{ action: "serpapi:search", limit: 1, window: "1h" }];
    const spec = { scopes: ["serpapi:search", "openai:chat"], quotas };
    await ask("/api/policies", { name: "searches", agentId, spec });
    const client = new GatewayClient({ baseUrl: gateway.url, agentId });
    await client.proxy("serpapi", "search", { q: "x" });
    await expect(client.proxy("serpapi", "search", { q: "x" })).rejects.toThrow();
    await expect(client.proxy("gmail_send", "profile", {})).rejects.toThrow();
    await client.close();
    const call = { tool: "serpapi", action: "search", params: {} };
    await ask("/api/proxy-request", { ...call, agent_token: "wrong", token_id: "t-0", proof_payload: "x" });
    await gateway.close();
    const { tokens, policies, denials } = tracker.state();
    const quota = { name: "serpapi:search", why: expect.stringMatching(/quota/i) };
    const scope = { name: "gmail_send:profile", why: expect.stringMatching(/scope/i) };
    expect(policies).toMatchObject([
      {
        ...{ protocol: "4runr", name: agentId, allowed: 1, denied: 2, denials: [quota, scope] },
        rules: { searches: "serpapi:search, openai:chat, serpapi:search 1 per 1h" },
      },
    ]);
    expect(tokens.reduce((sum, { calls }) => sum + calls, 0)).toBe(3);
    expect(tokens.reduce((sum, { refused }) => sum + refused, 0)).toBe(2);
    expect(tokens.at(-1)).toMatchObject({ denial: scope });
    // A token that the gateway did not issue is denied, but by no policy.
    expect(denials).toHaveLength(3);
  });

  it("keep the last denials of an Aureus action", async () => {
    const { recorder, tracker } = observed();
    const aureus = await LocalAureus.start({ observe: httpRecorder("aureus", recorder) });
    const read = { action: "read", resource: "reports", intent: "read", dataZone: "internal" } as const;
    const client = new AureusClient({ baseUrl: aureus.url });
    for (let n = 0; n < 8; n++) {
      await client.evaluatePolicy({
        principal: { id: `agent-${n}`, type: "agent", permissions: n === 0 ? [read] : [] },
        action: { id: `a-${n}`, name: "read-reports", riskTier: "low", requiredPermissions: [read] },
        ...{ currentState: "evaluating", auditLog: [] },
      });
    }
    await client.close();
    await aureus.close();
    const { policies } = tracker.state();
    expect(policies).toMatchObject([{ protocol: "aureus", name: "read-reports", allowed: 1, denied: 7 }]);
    const [{ denials }] = policies as [(typeof policies)[number]];
    expect(denials.map(({ who }) => who)).toEqual([3, 4, 5, 6, 7].map((n) => `agent-${n}`));
    for (const { why } of denials) expect(why).not.toBe("");
  });

  it("survive a policy that cannot be read", () => {
    const { recorder, tracker } = observed();
    for (const spec of ["{", null, 7, { scopes: "all", quotas: {} }]) {
      const about = { type: "response", protocol: "4runr", op: "createPolicy", status: "ok" } as const;
      recorder.add({ ...about, body: { id: "p-1", role: "tester", spec } });
    }
    expect(tracker.state().policies).toMatchObject([{ name: "role tester", rules: { "p-1": "" } }]);
  });
});

describe("a capture", () => {
  it(req("cli.inspector.capture", "keeps unknown members, and names the line that is not a record"), () => {
    const record = { seq: 1, at: "2026-01-01T00:00:00Z", mono: 0, type: "message", later: { x: 1 } };
    expect(parseCapture(`{"v":1,"type":"capture"}\n${JSON.stringify(record)}\n\n`)).toEqual([record]);
    expect(() => parseCapture(`${JSON.stringify(record)}\n{`)).toThrow("line 2 is not JSON");
    expect(() => parseCapture("[]")).toThrow("line 1 is not a record");
    expect(() => parseCapture('{"v":2,"type":"capture"}')).toThrow("expected 1");
  });
});

const summary = (seq: number, extra: Partial<Summary>): Summary => ({
  seq,
  at: "",
  mono: seq * 10,
  type: "message",
  ...extra,
});
function rowsOf(records: readonly Summary[]): Row[] {
  const rows = new Rows();
  rows.take(
    records,
    () => {},
    () => {},
  );
  return rows.all;
}

describe("rows of the page", () => {
  it("keep the progress of a job together, also when the oldest are dropped", () => {
    const rows = new Rows();
    const take = (from: number, to: number) => {
      const records = Array.from({ length: to - from }, (_, at): Summary => {
        const job = at % 2 === 0 ? "a" : "b";
        const seq = from + at;
        return {
          seq,
          mono: seq,
          at: "",
          type: "message",
          protocol: "cap",
          kind: "jobProgress",
          ids: { job },
        };
      });
      rows.take(
        records,
        () => {},
        () => {},
      );
      return rows.trim();
    };
    expect(take(0, 100)).toBe(false);
    expect(rows.get(2)?.group).toBe(rows.get(0)?.group);
    expect(rows.get(1)?.group?.rows).toHaveLength(50);
    expect(rows.all.filter(isHead).map(({ s }) => s.seq)).toEqual([0, 1]);
    expect(take(100, 30_000)).toBe(true);
    expect(rows.all.filter(isHead).map(({ s }) => s.seq)).toEqual([10_000, 10_001]);
    expect(rows.get(10_000)?.group?.rows).toHaveLength(10_000);
    rows.clear();
    take(30_000, 30_001);
    expect(rows.all.filter(isHead)).toEqual([]);
  });

  it("are filled in by responses and by the end of a job, and keep what was dropped", () => {
    const rows = rowsOf([
      summary(1, { protocol: "cap", status: "pending", kind: "jobRequest", ids: { job: "j" } }),
      summary(2, { type: "request", protocol: "4runr", status: "pending", op: "proxyRequest" }),
      summary(3, { type: "response", protocol: "4runr", re: 2, http: 429, status: "refused" }),
      summary(4, { protocol: "cap", kind: "jobResult", status: "failed", ids: { job: "j" } }),
      summary(5, { type: "gap", dropped: 7 }),
    ]);
    expect(rows.map(statusOf)).toEqual(["failed", "refused", "failed"]);
  });

  it("make one trace of what shares an id, directly or through others", () => {
    const rows = rowsOf([
      summary(1, { ids: { trace: "t", job: "j" } }),
      summary(2, { type: "request", status: "pending", ids: { request: "r", job: "j" } }),
      summary(3, { ids: { request: "r" } }),
      summary(4, { ids: { job: "other" } }),
      summary(500, { ids: { parent: "j" } }),
    ]);
    const traces = tracesOf(rows, 10);
    expect(traces.map(({ rows }) => rows.map(({ s }) => s.seq))).toEqual([[1, 2, 3, 500]]);
    expect(traces[0]!.end).toBeUndefined();
  });

  it("are placed in order, with long gaps compressed", () => {
    const rows = rowsOf([summary(1, { ms: 5 }), summary(2, {}), summary(1_000, {})]);
    const { at, gaps } = scaleOf(rows, 20_000);
    expect(gaps).toHaveLength(1);
    const places = rows.map(({ s }) => at(s.mono));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places[1]).toBeGreaterThan(0.5);
  });

  it("are filtered by words, members, numbers and their negation", () => {
    const [row] = rowsOf([
      summary(1, {
        protocol: "cap",
        name: "job.greet",
        from: "web-1",
        bytes: 120,
        status: "failed",
        ids: { job: "j-7" },
      }),
    ]);
    const passes = (text: string): boolean => parseFilter(text)(row!);
    for (const text of [
      "",
      "greet",
      "proto:cap",
      "topic:job.*",
      "bytes:>=120",
      "bytes:<121",
      "-status:ok",
      "j-7",
      'from:"web-1"',
      "peer:WEB*",
    ]) {
      expect(passes(text), text).toBe(true);
    }
    for (const text of [
      "nothing",
      "proto:aureus",
      "topic:job",
      "bytes:>120",
      "-job:j-7",
      "web-1 -greet",
      "unknown:x",
    ]) {
      expect(passes(text), text).toBe(false);
    }
  });
});

describe("copies", () => {
  it("quote for a POSIX shell, and put variables where secrets were", () => {
    const record: CaptureRecord = {
      ...{ seq: 1, at: "", mono: 0, type: "request", protocol: "4runr", target: "POST /api/proxy-request" },
      headers: { host: "127.0.0.1:80", authorization: "Bearer [secret]", "content-length": "5" },
      body: { agent_token: "[secret]", note: "it's $HOME `x`" },
      masked: ["/headers/authorization", "/body/agent_token"],
    };
    expect(curlOf(record)).toBe(
      [
        "curl -X POST http://127.0.0.1:80/api/proxy-request",
        `-H 'authorization: Bearer '"$AUTHORIZATION"`,
        `--data-raw '{"agent_token":"'"$AGENT_TOKEN"'","note":"it'\\''s $HOME \`x\`"}'`,
      ].join(" \\\n  "),
    );
    expect(
      commandOf({
        seq: 1,
        at: "",
        mono: 0,
        type: "message",
        protocol: "cap",
        op: "job.x y",
        ids: { job: "j" },
      }),
    ).toBe("agentwire tap 'job.x y' --job j");
  });
});
