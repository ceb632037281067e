/** What goes over a local server as records: a request, its response, and each event of a stream. */
import type { Observation as Observed } from "../../testing/http/observe.js";
import { HttpFacts, type HttpProtocol, type Seen } from "./http-facts.js";
import type { Observation } from "./record.js";
import type { Recorder } from "./recorder.js";

/** So many bytes of a body are kept; the rest is counted. */
const MAX_BODY = 1_048_576;

interface Open {
  readonly seq: number;
  readonly mono: number;
  readonly seen: Seen;
  streams?: boolean;
}

/** The `observe` option of a local server that records what it sees. */
export function httpRecorder(protocol: HttpProtocol, recorder: Recorder): (observed: Observed) => void {
  const open = new Map<number, Open>();
  const facts = new HttpFacts(protocol);
  const about = { protocol, via: "server" } as const;
  return (observed) => {
    const { exchange, operation: op } = observed;
    if (observed.type === "request") {
      const { method, path: url, headers, body: text } = observed;
      const { body, ...size } = bodyOf(text);
      const seen = { op, url, headers, body };
      const { beside, ...found } = facts.of(seen);
      const target = `${method} ${url}`;
      const resent = headers["x-agentwire-resent"];
      const reason = resent && `resent from #${resent}`;
      const record = recorder.add(
        {
          ...about,
          type: "request",
          dir: "in",
          status: "pending",
          target,
          headers,
          reason,
          ...found,
          body,
          ...size,
        },
        { data: Buffer.from(text), ...beside },
      );
      open.set(exchange, { seq: record.seq, mono: record.mono, seen });
      return;
    }
    const opened = open.get(exchange);
    if (opened === undefined) return;
    const { seq: re, mono, seen } = opened;
    if (observed.type === "event") {
      for (const frame of framesOf(observed.body)) {
        const { body, ...size } = bodyOf(frame);
        const { beside, ...found } = facts.of(seen, { event: body });
        recorder.add({ ...about, type: "event", dir: "out", status: "ok", ...found, body, ...size }, beside);
      }
      return;
    }
    if (observed.type === "end") {
      open.delete(exchange);
      const [from, to] = [facts.peer, facts.of(seen).from];
      const cut = {
        status: "failed",
        code: "CONNECTION",
        reason: "the connection was cut before the response",
      } as const;
      const ended = opened.streams ? ({ kind: "closed", status: "ok" } as const) : cut;
      recorder.add({
        ...about,
        type: opened.streams ? "event" : "response",
        dir: "out",
        re,
        from,
        to,
        op,
        ...ended,
      });
      return;
    }
    opened.streams = observed.headers["content-type"]?.startsWith("text/event-stream") ?? false;
    if (!opened.streams) open.delete(exchange);
    const { status: http, headers } = observed;
    const { body, ...size } = bodyOf(observed.body);
    const { beside: _, ...found } = facts.of(seen, { answer: { http, headers, body } });
    const ms = Math.round((recorder.mono() - mono) * 1_000) / 1_000;
    recorder.add({ ...about, type: "response", dir: "out", re, ms, http, headers, ...found, body, ...size });
  };
}

function bodyOf(text: string): Pick<Observation, "body" | "bytes" | "cut"> {
  const bytes = Buffer.byteLength(text);
  if (text === "") return { bytes };
  if (bytes > MAX_BODY) return { bytes, body: text.slice(0, MAX_BODY), cut: bytes - MAX_BODY };
  try {
    return { bytes, body: JSON.parse(text) as unknown };
  } catch {
    return { bytes, body: text };
  }
}

/** The data of each event in what was written to a stream; comments have none. */
function framesOf(text: string): string[] {
  return text
    .split(/\r?\n\r?\n/)
    .map((frame) =>
      frame
        .split(/\r?\n/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).trimStart())
        .join("\n"),
    )
    .filter((data) => data !== "");
}
