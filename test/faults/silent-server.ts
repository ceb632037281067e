/** A server that takes connections and never says anything. */
import { createServer, type Socket } from "node:net";

/** Listens on loopback; `sockets` are those that are open now. */
export async function silentServer(at = 0) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(at, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return { port, sockets, close: () => server.close() };
}
