/** What the NATS clients leave behind on their sockets. Private fields are read here, never written. */
import { AsyncLocalStorage } from "node:async_hooks";
import diagnostics from "node:diagnostics_channel";

interface ClientSocket {
  on(event: string, listener: () => void): unknown;
  listeners(event: string): unknown[];
  destroy(): unknown;
  readonly bytesRead: number;
}

/** One dial of a client. */
export interface Transport {
  readonly socket?: ClientSocket;
}

/** The present dial of a connection, where the client keeps it in the known place. */
export function transportOf(connection: object): Transport | undefined {
  return (connection as { protocol?: { transport?: Transport } }).protocol?.transport;
}

const guarded = new WeakSet<object>();
const ignore = (): void => {};

/**
 * Keeps a failed write from ending the process.
 *
 * When a server goes away, both clients remove all listeners from their socket while a write may still fail. The
 * socket then emits an `error` that nobody listens to, which Node turns into an uncaught exception.
 */
export function guardSocket(connection: object): void {
  const socket = transportOf(connection)?.socket;
  if (socket === undefined || guarded.has(socket)) return;
  guarded.add(socket);
  socket.on("removeListener", () =>
    queueMicrotask(() => {
      if (!socket.listeners("error").includes(ignore)) socket.on("error", ignore);
    }),
  );
}

/**
 * Runs `connect` and destroys the sockets it abandons: all of them if it fails, and otherwise those on which a server
 * never said anything. Version 2 leaves a dial that took too long open for ever.
 */
export async function closingAbandoned<T>(connect: () => Promise<T>): Promise<T> {
  const own = new AsyncLocalStorage<true>();
  const sockets: ClientSocket[] = [];
  const collect = (message: unknown): void => {
    if (own.getStore()) sockets.push((message as { socket: ClientSocket }).socket);
  };
  diagnostics.subscribe("net.client.socket", collect);
  let failed = true;
  try {
    const connected = await own.run(true, connect);
    failed = false;
    return connected;
  } finally {
    diagnostics.unsubscribe("net.client.socket", collect);
    own.disable();
    for (const socket of sockets) if (failed || socket.bytesRead === 0) socket.destroy();
  }
}

/**
 * TLS settings under which a dial ends when the next one begins, and with `end`. The client hands them to
 * `tls.connect`, whose sockets it does not keep before the handshake is over.
 */
export function endingDials<T extends object>(tls: T): { readonly tls: T; end(): void } {
  let dial = new AbortController();
  const end = (): void => dial.abort();
  const get = (): AbortSignal => {
    end();
    dial = new AbortController();
    return dial.signal;
  };
  return { tls: Object.defineProperty({ ...tls }, "signal", { enumerable: true, get }), end };
}
