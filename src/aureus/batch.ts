/** Many calls at once, but not too many. */
import { abortError, linkSignals } from "../core/abort.js";
import { Limiter } from "../core/limiter.js";

/** How one item of a batch ended. */
export type BatchResult<Value> =
  | { readonly index: number; readonly ok: true; readonly value: Value }
  | { readonly index: number; readonly ok: false; readonly error: unknown };

/** Options of {@link batch}. */
export interface BatchOptions {
  /** Calls in hand at the same time. Default: 8. */
  readonly concurrency?: number | undefined;
  /** Starts no further item and is handed to those in hand. */
  readonly signal?: AbortSignal | undefined;
  /** True starts no further item after the first failure. Default: false. */
  readonly stopOnError?: boolean | undefined;
}

/**
 * Calls `run` for every item, at most `concurrency` at a time, and resolves with one result for each, in the
 * order of the items. Never rejects for an item: what was not started has an AbortError.
 *
 * ```ts
 * const results = await batch(commits, (commit, signal) => client.validateCommit(commit, gate, { signal }));
 * ```
 */
export async function batch<Item, Value>(
  items: Iterable<Item>,
  run: (item: Item, signal: AbortSignal, index: number) => Promise<Value>,
  options: BatchOptions = {},
): Promise<BatchResult<Value>[]> {
  const { concurrency = 8, signal: outer, stopOnError = false } = options;
  const limiter = new Limiter(Math.max(1, concurrency));
  const stop = linkSignals([outer]);
  const work = outer ?? new AbortController().signal;
  const results = Promise.all(
    Array.from(items, async (item, index): Promise<BatchResult<Value>> => {
      let release: (() => void) | undefined;
      try {
        release = await limiter.acquire({ signal: stop.signal });
        if (stop.signal.aborted) throw abortError(stop.signal);
        return { index, ok: true, value: await run(item, work, index) };
      } catch (error) {
        if (stopOnError) stop.abort(error);
        return { index, ok: false, error };
      } finally {
        release?.();
      }
    }),
  );
  return results.finally(stop.dispose);
}
