/** What comes over HTTP: event streams, frames, answers, tokens; and schemas that come with a lease. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { GatewayClient } from "../../src/4runr/index.js";
import { AureusClient, AureusConsoleClient } from "../../src/aureus/index.js";
import { parseRetryAfter } from "../../src/core/retry-after.js";
import { SseDecoder } from "../../src/http/sse.js";
import { ajvValidator, type JsonSchema } from "../../src/index.js";
import { parseServerFrame } from "../../src/neuron/frames.js";
import { almostJson, almostText, must, refusable, type Target } from "./target.ts";

const vectors = join(import.meta.dirname, "../vectors");

type Event = readonly [event: string | undefined, data: string, id: string | undefined];

/** The events of a whole stream, by the words of WHATWG HTML 9.2.6: lines first, then fields. */
function wholeStream(text: string): { events: Event[]; lastEventId: string } {
  const events: Event[] = [];
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  lines.pop(); // what follows the last line end is not a line yet
  let [data, event, id]: [string[], string | undefined, string | undefined] = [[], undefined, undefined];
  let lastEventId = "";
  for (const line of lines) {
    if (line === "") {
      if (data.length > 0) events.push([event || undefined, data.join("\n"), id]);
      lastEventId = id ?? lastEventId;
      [data, event, id] = [[], undefined, undefined];
      continue;
    }
    const [, field = line, value = ""] = /^([^:]*):? ?(.*)$/su.exec(line) ?? [];
    if (field === "data") data.push(value);
    else if (field === "event") event = value;
    else if (field === "id" && !value.includes("\0")) id = value;
  }
  return { events, lastEventId };
}

const streams = [
  'event: frame\nid: 1\ndata: {"type":"lease"}\n\n',
  ": hello\r\nretry: 10\r\ndata: a\r\ndata: b\r\n\r\n",
  "data\r\rid\r\rdata: x\r\r",
  "\uFEFFdata: é😀\n\nid: \0\ndata:  y\n\n",
];

const sse: Target = {
  name: "event streams",
  promise: "the events of the standard, on every chunking",
  short: 1_000,
  property: () =>
    fc.property(
      fc.oneof(almostText(streams), fc.string({ unit: fc.constantFrom(..."\r\n:data id\0é😀\uFEFF") })),
      fc.array(fc.nat(), { maxLength: 8 }),
      (text, cuts) => {
        const bytes = new TextEncoder().encode(text);
        const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
        const found: Event[] = [];
        const decoder = new SseDecoder({
          onEvent: ({ event, data, id }) => void found.push([event, data, id]),
        });
        let from = 0;
        for (const end of ends) {
          decoder.push(bytes.subarray(from, end));
          from = end;
        }
        const expected = wholeStream(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
        const got = JSON.stringify({ events: found, lastEventId: decoder.lastEventId });
        must(got === JSON.stringify(expected), `${got} is not ${JSON.stringify(expected)}`);
        return true;
      },
    ),
};

/** Frames that a gateway sent, from the recordings. */
const frames = readdirSync(join(vectors, "neuron/traces"))
  .flatMap(
    (name) => readFileSync(join(vectors, "neuron/traces", name), "utf8").match(/\{\\"type.*?\}\\n/g) ?? [],
  )
  .flatMap((line) => {
    try {
      return [JSON.parse(JSON.parse(`"${line.replace(/\\n$/, "")}"`) as string) as unknown];
    } catch {
      return [];
    }
  });
const lease = {
  type: "lease",
  sentAt: "2026-01-01T00:00:00Z",
  lease: {
    leaseId: "l",
    expiresAt: "2026-01-01T00:01:00Z",
    task: { taskId: "t", capability: "c", attempt: 1, payload: { kind: "inline", data: { a: [1] } } },
  },
};

const neuronFrames: Target = {
  name: "neuron frames",
  promise: "a frame of a known type, or a typed error",
  short: 2_000,
  property: (count) =>
    fc.asyncProperty(
      fc.oneof(
        almostJson([...frames, lease]),
        almostText([JSON.stringify(lease)]),
        fc.string({ unit: "binary" }),
      ),
      async (given) => {
        const frame = await refusable(count, () => parseServerFrame(given));
        must(frame === undefined || typeof frame.type === "string", "a frame without a type");
        return true;
      },
    ),
};

const bodies = fc.oneof(
  almostJson([
    { error: "x", details: { code: "Y" }, correlation_id: "c" },
    { agent_token: "a.b", expires_at: "2030-01-01T00:00:00Z", token_id: "t" },
    { success: true, data: { result: 1 }, metadata: {} },
    { id: "w", status: "completed", task_results: [{ taskId: "t" }] },
  ]).map((value) => JSON.stringify(value)),
  fc.string({ unit: "binary", maxLength: 60 }),
);
const headers = fc.dictionary(
  fc.constantFrom(
    "retry-after",
    "content-type",
    "x-request-id",
    "x-ratelimit-reset",
    "x-ratelimit-remaining",
  ),
  fc.oneof(
    fc.constantFrom(
      "0",
      "-1",
      "1e9",
      "NaN",
      "application/json",
      "text/html",
      "application/json; charset=x",
      "",
    ),
    fc.string({ unit: "grapheme-ascii", maxLength: 12 }).map((text) => text.trim()),
  ),
);

const answers: Target = {
  name: "HTTP answers",
  promise: "a value or a typed error of every client, whatever a server says",
  short: 300,
  property: (count) =>
    fc.asyncProperty(bodies, headers, fc.integer({ min: 200, max: 599 }), async (body, given, status) => {
      const empty = [204, 205, 304].includes(status);
      const send: typeof fetch = async () => new Response(empty ? null : body, { status, headers: given });
      const common = { fetch: send, retry: false, logger: false } as const;
      const gateway = new GatewayClient({ ...common, baseUrl: "http://127.0.0.1:1", agentId: "a" });
      const v1 = new AureusClient(common);
      const console = new AureusConsoleClient({ ...common, credentials: { username: "u", password: "p" } });
      const calls: (() => PromiseLike<unknown>)[] = [
        () => gateway.proxy("serpapi", "search", { q: "x" }),
        () => v1.getMetrics(),
        () => console.getWorkflow("w"),
      ];
      for (const call of calls) await refusable(count, () => call());
      return true;
    }),
};

const waits: Target = {
  name: "Retry-After",
  promise: "undefined, or a whole number of milliseconds up to a day",
  short: 2_000,
  property: (count) =>
    fc.property(
      almostText(["120", "0.5", "Wed, 21 Oct 2026 07:28:00 GMT", "2026-10-21T07:28:00Z", "-5", "1e3"]),
      (text) => {
        const wait = parseRetryAfter(text, { now: () => 1_790_000_000_000 });
        if (wait === undefined) count.refused++;
        else must(Number.isInteger(wait) && wait >= 0 && wait <= 86_400_000, `a wait of ${wait}`);
        return true;
      },
    ),
};

interface SchemaCase {
  readonly schema: JsonSchema | null;
  readonly instance: unknown;
}
const cases = (
  JSON.parse(readFileSync(join(vectors, "neuron/schema_cases.json"), "utf8")) as SchemaCase[]
).filter(({ schema }) => typeof schema === "object" && schema !== null);
const hostile = [
  { pattern: "^(a+)+$" },
  { pattern: "(x+x+)+y", type: "string" },
  { $ref: "#" },
  { $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } }, $ref: "#/$defs/a" },
  { patternProperties: { "^(.*)*$": { type: "number" } } },
  { $id: "x", $dynamicRef: "#y" },
  { uniqueItems: true, items: { anyOf: [{ type: "string" }, {}] } },
];

const schemas: Target = {
  name: "JSON Schemas",
  promise: "a verdict or a typed error within the bounds of schemas that come from a peer",
  short: 150,
  property: (count) => {
    const validator = ajvValidator({ untrusted: true, unresolvedRefs: "when-reached" });
    return fc.asyncProperty(
      almostJson([...cases.map(({ schema }) => schema), ...hostile]),
      almostJson([...cases.map(({ instance }) => instance), "a".repeat(60), Array(40).fill("x")]),
      async (schema, instance) => {
        await refusable(count, async () => {
          const { ok } = (await validator.compile(schema as JsonSchema)).validate(instance);
          must(typeof ok === "boolean", "no verdict");
        });
        return true;
      },
    );
  },
};

export const readerTargets = [sse, neuronFrames, answers, waits, schemas];
