/** One event stream, from its first byte to its end. */
import type { Clock, TimerHandle } from "../core/clock.js";
import type { Cut } from "../core/cut.js";
import { TimeoutError } from "../core/errors.js";
import type { SseDecoder } from "../http/sse.js";

/** The chunks of a response. */
export type Chunks = AsyncIterable<Uint8Array> | readonly Uint8Array[];

/**
 * Feeds a stream to its decoder. Resolves at its end; rejects with what broke it or what the decoder threw, and with a
 * TimeoutError when nothing came for `idleTimeoutMs`.
 */
export async function readStream(
  chunks: Chunks,
  decoder: SseDecoder,
  cut: Cut,
  clock: Clock,
  idleTimeoutMs: number,
): Promise<void> {
  let lastMs = clock.monotonic();
  let timer: TimerHandle | undefined;
  let idle: TimeoutError | undefined;
  // One timer for many chunks: it looks how long ago the last one came.
  const watch = (): void => {
    const leftMs = lastMs + idleTimeoutMs - clock.monotonic();
    if (leftMs > 0) timer = clock.setTimeout(watch, leftMs);
    else {
      idle = new TimeoutError(`idle: the stream sent nothing for ${idleTimeoutMs} ms`);
      cut.cut(idle);
    }
  };
  if (idleTimeoutMs !== Infinity) watch();
  try {
    for await (const chunk of chunks) {
      lastMs = clock.monotonic();
      decoder.push(chunk);
    }
  } catch (error) {
    throw idle ?? error;
  } finally {
    clock.clearTimeout(timer);
  }
}
