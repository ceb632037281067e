/** One event stream, from its opening to its end. */
import type { EventSourceMessage } from "eventsource-parser";
import { linkSignals } from "../core/abort.js";
import type { Clock } from "../core/clock.js";
import { errorText, ProtocolError, TimeoutError } from "../core/errors.js";
import type { HttpClient, HttpOperation } from "../http/index.js";
import { SseDecoder } from "../http/sse.js";

/** Options of {@link openEventStream}. */
export interface EventStreamOptions {
  readonly operation: HttpOperation;
  readonly neuronId: string;
  /** Ends the stream. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
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

/** Opens a stream, on a connection of its own where the platform allows it. Rejects as `HttpClient.request` does. */
export async function openEventStream(http: HttpClient, options: EventStreamOptions): Promise<EventStream> {
  const { operation, neuronId, signal, lastEventId } = options;
  const link = linkSignals([signal]);
  try {
    const answer = await http.request(operation, [], {
      headers: {
        accept: "text/event-stream",
        "cache-control": "no-store",
        ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
      },
      query: { neuronId },
      signal: link.signal,
    });
    const type = answer.headers.get("content-type") ?? "text/event-stream";
    if (!type.startsWith("text/event-stream") || answer.chunks === undefined) {
      link.abort();
      throw new ProtocolError(`SSE open failed: the answer is ${type}, no event stream`, { retryable: true });
    }
    const { chunks } = answer;
    return { read: (onEvent) => readStream(chunks, link, onEvent, options) };
  } catch (error) {
    link.dispose();
    throw error;
  }
}

async function readStream(
  chunks: AsyncIterable<Uint8Array>,
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
    for await (const chunk of chunks) {
      lastMs = clock.monotonic();
      decoder.push(chunk);
    }
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
