/** One event stream, from its opening to its end. */
import type { EventSourceMessage } from "eventsource-parser";
import { linkSignals } from "../core/abort.js";
import type { Clock } from "../core/clock.js";
import { errorText, ProtocolError, TimeoutError } from "../core/errors.js";
import type { KeepAliveAnswer } from "../core/keep-alive.js";
import { SseDecoder } from "../http/sse.js";
import type { GatewayHttp } from "./gateway-http.js";

/** Options of {@link openEventStream}. */
export interface EventStreamOptions {
  readonly http: GatewayHttp;
  /** Ends the stream. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxEventBytes: number | undefined;
  /** Id of the last event of an earlier stream, if one had an id. */
  readonly lastEventId: string | undefined;
}

/** A stream that stands. */
export interface EventStream {
  /** Hands out events until the end. Resolves with the reason of the end; never rejects. */
  read(onEvent: (event: EventSourceMessage) => void): Promise<string>;
}

/** Opens a stream, on a connection of its own where the platform allows it. Rejects as `GatewayHttp.send` does. */
export async function openEventStream(url: string, options: EventStreamOptions): Promise<EventStream> {
  const { http, signal, requestTimeoutMs, lastEventId } = options;
  const link = linkSignals([signal]);
  try {
    const answer = await http.send(url, {
      method: "GET",
      headers: {
        accept: "text/event-stream",
        "cache-control": "no-store",
        ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
      },
      ownConnection: true,
      signal: link.signal,
      headTimeoutMs: requestTimeoutMs,
      what: "SSE open",
    });
    const type = String(answer.headers["content-type"] ?? "text/event-stream");
    if (!type.startsWith("text/event-stream")) {
      link.abort();
      throw new ProtocolError(`SSE open failed: the answer is ${type}, no event stream`, { retryable: true });
    }
    return { read: (onEvent) => readStream(answer, link, onEvent, options) };
  } catch (error) {
    link.dispose();
    throw error;
  }
}

async function readStream(
  answer: KeepAliveAnswer,
  link: ReturnType<typeof linkSignals>,
  onEvent: (event: EventSourceMessage) => void,
  { clock, idleTimeoutMs, maxEventBytes, signal }: EventStreamOptions,
): Promise<string> {
  const decoder = new SseDecoder({ onEvent, maxEventBytes });
  let lastMs = clock.monotonic();
  let idle = false;
  const watch = (ms: number): ReturnType<Clock["setTimeout"]> =>
    clock.setTimeout(() => {
      const leftMs = lastMs + idleTimeoutMs - clock.monotonic();
      if (leftMs > 0) timer = watch(leftMs);
      else {
        idle = true;
        link.abort(new TimeoutError("the stream is idle"));
      }
    }, ms);
  let timer = idleTimeoutMs === Infinity ? undefined : watch(idleTimeoutMs);
  try {
    await answer.read((chunk) => {
      lastMs = clock.monotonic();
      decoder.push(chunk);
    });
    return "clean close";
  } catch (error) {
    if (idle) return `idle: nothing came for ${idleTimeoutMs} ms`;
    return signal.aborted ? "clean close" : `read error: ${errorText(error)}`;
  } finally {
    clock.clearTimeout(timer);
    // Ends the connection as well where the bytes were what was wrong.
    link.abort();
  }
}
