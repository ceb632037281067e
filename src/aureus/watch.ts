/** Progress of something that a server only tells when it is asked. */
import { type Clock, sleep } from "../core/clock.js";
import { checkOption, milliseconds } from "../core/options.js";

/** Options of a watch. */
export interface WatchOptions<State> {
  /** Wait between two questions, in milliseconds. Default: 2000. */
  readonly intervalMs?: number | undefined;
  /** Ends the iteration with an AbortError. */
  readonly signal?: AbortSignal | undefined;
  /** True for the last state. */
  readonly isEnd?: ((state: State) => boolean) | undefined;
  /** Default: the client's. */
  readonly clock?: Clock | undefined;
}

/** What is watched. */
export interface Watched<State> extends WatchOptions<State> {
  /** Asks once. What it throws ends the iteration. */
  readonly read: (signal: AbortSignal | undefined) => Promise<State>;
}

/** The first state, and each that differs from the one before, until `isEnd`. */
export async function* watchState<State>(watched: Watched<State>): AsyncGenerator<State> {
  const { read, intervalMs = 2_000, signal, isEnd, clock } = watched;
  checkOption("intervalMs", intervalMs, milliseconds);
  let last: string | undefined;
  for (;;) {
    const state = await read(signal);
    const text = JSON.stringify(state);
    if (text !== last) yield state;
    last = text;
    if (isEnd?.(state) === true) return;
    await sleep(intervalMs, { signal, clock });
  }
}
