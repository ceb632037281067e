/** Signals of the process, where there is one. */

interface SignalSource {
  once(signal: string, listener: () => void): unknown;
  off(signal: string, listener: () => void): unknown;
}

/** Calls `run` for the first of these signals; afterwards, and after the returned function, they do as before. */
export function onProcessSignal(given: boolean | readonly string[] | undefined, run: () => void): () => void {
  const host = (globalThis as { readonly process?: Partial<SignalSource> }).process;
  if (!given || typeof host?.once !== "function" || typeof host.off !== "function") return () => {};
  const names = given === true ? ["SIGTERM", "SIGINT"] : given;
  const source = host as SignalSource;
  const off = (): void => {
    for (const name of names) source.off(name, listener);
  };
  const listener = (): void => {
    off();
    run();
  };
  for (const name of names) source.once(name, listener);
  return off;
}
