/** Whatever the stream brings, nothing crashes, and memory stays bounded. */
import { describe, expect, it } from "vitest";
import { ProtocolError } from "../../src/core/errors.js";
import { SseDecoder } from "../../src/http/sse.js";
import { leaseIdInStart, parseServerFrame } from "../../src/neuron/frames.js";
import { memoryTransport, Neuron } from "../../src/neuron/index.js";
import { req } from "../requirements/index.ts";
import { runs } from "../runs.ts";

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

const encoder = new TextEncoder();

const task = { taskId: "t", workflowId: "w", capability: "a/b", input: null, attempt: 0 };
const frames: object[] = [
  {
    type: "lease",
    lease: { leaseId: "L", expiresAt: "2030-01-01T00:00:00Z", task },
    sentAt: "2030-01-01T00:00:00Z",
  },
  { type: "cancel", leaseId: "L", reason: "r", cancelledAt: "2030-01-01T00:00:00Z" },
  {
    type: "registered",
    sessionId: "s",
    capabilities: [{ type: "a/b", scope: "any", concurrency: 1 }],
    acceptedAt: "x",
  },
  { type: "capability-revoked", capability: "a/b", reason: "r", revokedAt: "x" },
  { type: "disconnect", reason: "r", reconnectable: true, sentAt: "x" },
];
const odd: unknown[] = [
  null,
  0,
  -1,
  1.5,
  "",
  "x",
  [],
  {},
  true,
  [[]],
  { a: 1 },
  "__proto__",
  Number.MAX_VALUE,
];

/** A frame with one place changed, left out, or added. */
function mutate(random: () => number): unknown {
  const copy = structuredClone(frames[Math.floor(random() * frames.length)]!) as Record<string, unknown>;
  let at: Record<string, unknown> = copy;
  for (let deeper = random(); deeper > 0.3; deeper = random()) {
    const inner = Object.values(at).filter((value) => typeof value === "object" && value !== null);
    if (inner.length === 0) break;
    at = inner[Math.floor(random() * inner.length)] as Record<string, unknown>;
  }
  const keys = Object.keys(at);
  const key = keys[Math.floor(random() * keys.length)] ?? "x";
  const dice = random();
  if (dice < 0.3) delete at[key];
  else if (dice < 0.8) at[key] = odd[Math.floor(random() * odd.length)];
  else at[`x${key}`] = odd[Math.floor(random() * odd.length)];
  return random() < 0.05 ? odd[Math.floor(random() * odd.length)] : copy;
}

describe("the beginning of a lease frame", () => {
  const odd = ['"', "\\", '","leaseId":"no","', "}]", "{[:,", "é😀", "\n", "\u0000"];
  const hostile = odd.join("").repeat(5);
  const rest = {
    expiresAt: "2030-01-01T00:00:00Z",
    task: { ...task, input: { leaseId: "no", lease: hostile } },
  };
  it.each<[string, object, string | undefined]>([
    ["as it is sent", { type: "lease", lease: { leaseId: "L1", ...rest } }, "L1"],
    ["with the task first", { type: "lease", lease: { ...rest, leaseId: "L1" } }, "L1"],
    ["with the type last", { lease: { leaseId: "L1", ...rest }, type: "lease" }, "L1"],
    ["with an odd id", { type: "lease", lease: { leaseId: hostile } }, hostile],
    ["of another type", { type: "cancel", leaseId: "no", lease: { leaseId: "no" } }, undefined],
    ["with an id deeper inside", { type: "lease", lease: { task: { lease: { leaseId: "no" } } } }, undefined],
    ["with an id in a list", { type: "lease", lease: [{ leaseId: "no" }] }, undefined],
    ["with an id that is no text", { type: "lease", lease: { leaseId: { leaseId: "no" } } }, undefined],
    ["with an empty id", { type: "lease", lease: { leaseId: "" } }, undefined],
  ])(req("neuron.stream.too-large", "%s, cut anywhere, gives its id or nothing"), (_, frame, id) => {
    const text = JSON.stringify(frame);
    expect(leaseIdInStart(text)).toBe(id);
    expect(leaseIdInStart(JSON.stringify(frame, null, 2))).toBe(id);
    for (let cut = 0; cut < text.length; cut++)
      expect([undefined, id]).toContain(leaseIdInStart(text.slice(0, cut)));
  });
});

describe("the stream decoder", () => {
  it("skips an event that is too large alike on every chunking", () => {
    const random = seeded(3);
    const big = `data: {"a":"${"x".repeat(300)}"}`;
    const text = `id: 1\ndata: a\n\n${big}\ndata: ${"y".repeat(200)}\r\n: c\rid: 2\n\ndata: b\n\n${big}\n\ndata: c\n\n`;
    const bytes = encoder.encode(text);
    for (let round = 0; round < runs(300); round++) {
      const seen: string[] = [];
      const starts: string[] = [];
      const decoder = new SseDecoder({
        maxEventBytes: 100,
        onEvent: ({ data }) => seen.push(data),
        onTooLarge: (start) => starts.push(start.slice(0, 6)) > 0,
      });
      for (let at = 0; at < bytes.length; ) {
        const end = at + 1 + Math.floor(random() * (round === 0 ? 1 : 250));
        decoder.push(bytes.subarray(at, end));
        at = end;
      }
      expect(seen).toEqual(["a", "b", "c"]);
      expect(starts).toEqual(['{"a":"', '{"a":"']);
      expect(decoder.lastEventId).toBe("1");
    }
  });

  const parts = [
    "data:",
    "data: ",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "event: lease\n",
    ": c\n",
    "id: 1\n",
    "retry: x\n",
    "{}",
    "é",
    "😀",
    "\0",
    "\uFEFF",
    'data: {"a":1}\n\n',
  ];

  it(req("neuron.sse.any-bytes", "takes 60,000 streams of any bytes, and splits change nothing"), () => {
    const random = seeded(7);
    let events = 0;
    for (let round = 0; round < runs(60_000); round++) {
      let text = "";
      for (let i = 0; i < 12; i++) text += parts[Math.floor(random() * parts.length)];
      const bytes = encoder.encode(text);
      // A few streams are no UTF-8 at all.
      if (random() < 0.1) for (let i = 0; i < bytes.length; i += 3) bytes[i] = Math.floor(random() * 256);
      const whole: string[] = [];
      const pieces: string[] = [];
      const one = new SseDecoder({ onEvent: ({ data }) => whole.push(data) });
      one.push(bytes);
      one.push(encoder.encode("\n\n"));
      const many = new SseDecoder({ onEvent: ({ data }) => pieces.push(data) });
      for (let at = 0; at < bytes.length; ) {
        const end = at + 1 + Math.floor(random() * 5);
        many.push(bytes.subarray(at, end));
        at = end;
      }
      many.push(encoder.encode("\n\n"));
      expect(pieces).toEqual(whole);
      events += whole.length;
    }
    expect(events).toBeGreaterThan(runs(10_000));
  });

  it.each([
    ["\n", "a lone LF"],
    ["\r\n", "CRLF"],
  ])(
    req("neuron.sse.form", "reads lines that end with %j (%s), after a byte order mark, byte by byte"),
    (end) => {
      const seen: string[] = [];
      const decoder = new SseDecoder({ onEvent: ({ data }) => seen.push(data) });
      const text = `\uFEFFdata: 1${end}data:2${end}${end}: comment${end}event: x${end}${end}data: é${end}${end}data: unfinished`;
      for (const byte of encoder.encode(text)) decoder.push(Uint8Array.of(byte));
      expect(seen).toEqual(["1\n2", "é"]);
    },
  );

  it(req("neuron.sse.bound", "refuses an event that is too large, with or without a line end"), () => {
    for (const piece of ["data: x\n", "xxxxxxxx"]) {
      const decoder = new SseDecoder({ onEvent: () => {}, maxEventBytes: 1_000 });
      const push = () => {
        for (let i = 0; i < 1_000; i++) decoder.push(encoder.encode(piece));
      };
      expect(push).toThrow(ProtocolError);
    }
  });
});

describe("the frame decoder", () => {
  it(
    req("neuron.frame.any-value", "takes 60,000 mutated frames: each is read, or refused with a typed error"),
    () => {
      const random = seeded(11);
      const count = { read: 0, refused: 0 };
      for (let round = 0; round < runs(60_000); round++) {
        const frame = mutate(random);
        try {
          parseServerFrame(
            random() < 0.5 ? frame : JSON.stringify(frame).slice(0, random() < 0.2 ? 20 : undefined),
          );
          count.read++;
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          count.refused++;
        }
      }
      expect(count.read).toBeGreaterThan(runs(1_000));
      expect(count.refused).toBeGreaterThan(runs(10_000));
    },
  );

  it("keeps a neuron going, in bounded memory, through 30,000 of them", async () => {
    const random = seeded(13);
    const { transport, gateway } = memoryTransport();
    const neuron = new Neuron({ neuronId: "n", transport });
    neuron.handle({ type: "a/b", scope: "any", concurrency: 1_000 }, () => 1);
    await neuron.start();
    for (let round = 0; round < runs(30_000); round++) {
      const frame = mutate(random) as { lease?: { leaseId?: unknown } };
      if (frame?.lease?.leaseId === "L") frame.lease.leaseId = `L${round}`;
      gateway.send(frame);
      if (round % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await neuron.stop({ timeoutMs: 1_000 });
    expect(neuron.inFlight).toBe(0);
    const answers = gateway.posted.filter(({ path }) => path === "/neuron/ack" || path === "/neuron/nack");
    const ids = answers.map(({ frame }) => (frame as { leaseId: string }).leaseId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThan(runs(2_500));
  });
});
