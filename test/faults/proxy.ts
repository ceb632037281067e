/** A TCP link in front of a server, which can stall: connections stay open, nothing gets through. */
import { createServer, connect as dial, type Server, type Socket } from "node:net";

/** A link that can stall. */
export interface Proxy {
  readonly url: string;
  /** Nothing passes any more, in either direction; new connections are taken and not answered. */
  stall(): void;
  /** Stops reading what the server sends, as a client that is too slow does. */
  stallReading(): void;
  /** Ends every connection, and new ones as soon as they are made. */
  refuse(): void;
  /** Everything passes again, also what was held back. */
  resume(): void;
  /** New connections go to another port of this machine. */
  pointTo(port: number): void;
  stop(): Promise<void>;
}

/** Starts a link to a port of this machine. */
export async function startProxy(port: number): Promise<Proxy> {
  let target = port;
  const pairs = new Set<readonly [Socket, Socket]>();
  let mode: "open" | "stalled" | "not reading" | "refusing" = "open";
  const apply = ([client, server]: readonly [Socket, Socket]): void => {
    if (mode === "stalled") client.pause();
    else client.resume();
    if (mode === "open") server.resume();
    else server.pause();
  };
  const listener: Server = createServer((client) => {
    client.on("error", () => {});
    if (mode === "refusing") return void client.destroy();
    const server = dial(target, "127.0.0.1");
    const pair = [client, server] as const;
    pairs.add(pair);
    client.on("data", (chunk) => server.write(chunk));
    server.on("data", (chunk) => client.write(chunk));
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.on("close", () => {
        pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
    apply(pair);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const set = (next: typeof mode): void => {
    mode = next;
    for (const pair of pairs) apply(pair);
  };
  return {
    url: `nats://127.0.0.1:${(listener.address() as { port: number }).port}`,
    stall: () => set("stalled"),
    stallReading: () => set("not reading"),
    refuse: () => {
      mode = "refusing";
      for (const pair of pairs) for (const socket of pair) socket.destroy();
    },
    resume: () => set("open"),
    pointTo: (next) => {
      target = next;
    },
    stop: async () => {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
