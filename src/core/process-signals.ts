/** Signals of the process, where there is one. */

interface SignalSource {
  once(signal: string, listener: () => void): unknown;
  off(signal: string, listener: () => void): unknown;
}

const NAMES = ["SIGTERM", "SIGINT"];

/** Calls `run` for the first of SIGTERM and SIGINT; afterwards, and after the returned function, they do as before. */
export function onProcessSignal(run: () => void): () => void {
  const host = (globalThis as { readonly process?: Partial<SignalSource> }).process;
  if (typeof host?.once !== "function" || typeof host.off !== "function") return () => {};
  const source = host as SignalSource;
  const off = (): void => {
    for (const name of NAMES) source.off(name, listener);
  };
  const listener = (): void => {
    off();
    run();
  };
  for (const name of NAMES) source.once(name, listener);
  return off;
}
