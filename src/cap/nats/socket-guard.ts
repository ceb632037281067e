/**
 * Keeps a defect of both NATS clients from ending the process.
 *
 * When a server goes away, their transport takes all listeners off its socket while a write may still be
 * under way. The socket then tells of that write's failure ("write after end") as an `error` event that
 * nobody listens to, which Node turns into an uncaught exception. (Seen with nats 2.29.3.)
 */

interface GuardedSocket {
  on(event: "error", listener: () => void): unknown;
  removeAllListeners(event?: string): unknown;
}

const guarded = new WeakSet<object>();

/** Lets the present socket of a connection fail unheard once its owner has let go of it. */
export function guardSocket(connection: object): void {
  const { protocol } = connection as { protocol?: { transport?: { socket?: Partial<GuardedSocket> } } };
  const socket = protocol?.transport?.socket;
  if (typeof socket?.on !== "function" || typeof socket.removeAllListeners !== "function") return;
  if (guarded.has(socket)) return;
  guarded.add(socket);
  const { removeAllListeners } = socket;
  socket.removeAllListeners = (...event) => {
    const result = removeAllListeners.apply(socket, event);
    socket.on?.("error", () => {});
    return result;
  };
}
