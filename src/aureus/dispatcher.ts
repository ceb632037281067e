/** Connection pools: undici's dispatchers, as Node's own `fetch` takes them. */

/** The option both clients take. */
export interface DispatcherOption {
  /**
   * A dispatcher of undici (`new Agent({ connections: 64 })`), handed to every `fetch`; it decides on
   * connections, keep-alive and proxies. Only for platforms whose `fetch` takes one, such as Node.
   */
  readonly dispatcher?: object | undefined;
}

/** `send`, or the platform's `fetch`, with the dispatcher in every call. */
export function withDispatcher(
  send: typeof fetch | undefined,
  dispatcher: object | undefined,
): typeof fetch | undefined {
  if (dispatcher === undefined) return send;
  return (input, init) => (send ?? fetch)(input, { ...init, dispatcher } as RequestInit);
}
