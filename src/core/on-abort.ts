/** Many listeners on one abort signal behind a single real one. */

interface Hub {
  readonly listeners: Set<{ run: () => void }>;
  readonly dispatch: () => void;
}

/**
 * Platforms warn of a leak when one signal has more than ten listeners. A worker's signal has as many as it
 * has jobs in flight, so all of ours share one.
 */
const hubs = new WeakMap<AbortSignal, Hub>();

/**
 * Calls `run` once when `signal` fires, unless the returned function is called before. Listeners run in the
 * order in which they came and must not throw. Does nothing for a signal that has fired already.
 */
export function onAbort(signal: AbortSignal, run: () => void): () => void {
  if (signal.aborted) return () => {};
  const hub = hubs.get(signal) ?? openHub(signal);
  const entry = { run };
  hub.listeners.add(entry);
  return () => {
    if (!hub.listeners.delete(entry) || hub.listeners.size > 0) return;
    hubs.delete(signal);
    signal.removeEventListener("abort", hub.dispatch);
  };
}

function openHub(signal: AbortSignal): Hub {
  const listeners: Hub["listeners"] = new Set();
  const dispatch = (): void => {
    hubs.delete(signal);
    for (const { run } of listeners) run();
  };
  const hub = { listeners, dispatch };
  hubs.set(signal, hub);
  signal.addEventListener("abort", dispatch, { once: true });
  return hub;
}
