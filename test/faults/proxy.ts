/** A TCP link in front of a server, which can stall, refuse, reset, delay, split and cut what passes. */
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** What is done to the bytes that pass, in both directions. */
export interface LinkShape {
  /** Each piece arrives so much later. Default: 0. */
  readonly delayMs?: number;
  /** Largest piece. Default: as it comes. */
  readonly pieceBytes?: number;
}

/** A link that can fail. */
export interface Proxy {
  readonly url: string;
  readonly port: number;
  /** Nothing passes any more, in either direction; new connections are taken and not answered. */
  stall(): void;
  /** Stops reading what the server sends, as a client that is too slow does. */
  stallReading(): void;
  /** Ends every connection, and new ones as soon as they are made. */
  refuse(): void;
  /** Ends every connection by a reset. New ones pass. */
  reset(): void;
  /** Delays and splits what passes from now on; `{}` stops that. */
  shape(shape: LinkShape): void;
  /** After so many more bytes from the server, the connection that carries the last of them is reset. */
  cutAfter(bytes: number): void;
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
  let shape: LinkShape = {};
  let cutIn = Infinity;
  const apply = ([client, server]: readonly [Socket, Socket]): void => {
    if (mode === "stalled") client.pause();
    else client.resume();
    if (mode === "open") server.resume();
    else server.pause();
  };
  /** Writes in order, also when the shape changes while pieces are on their way. */
  const writer = (to: Socket) => {
    let onTheWay: Promise<void> | undefined;
    return (chunk: Buffer): void => {
      const { delayMs = 0, pieceBytes = chunk.length } = shape;
      if (onTheWay === undefined && delayMs === 0 && pieceBytes >= chunk.length) return void to.write(chunk);
      const mine = (onTheWay ?? Promise.resolve()).then(async () => {
        for (let from = 0; from < chunk.length && !to.destroyed; from += pieceBytes) {
          await pause(delayMs);
          to.write(chunk.subarray(from, from + pieceBytes));
        }
        if (onTheWay === mine) onTheWay = undefined;
      });
      onTheWay = mine;
    };
  };
  const listener: Server = createServer((client) => {
    client.on("error", () => {});
    if (mode === "refusing") return void client.destroy();
    const server = dial(target, "127.0.0.1");
    for (const socket of [client, server]) socket.setNoDelay(true);
    const pair = [client, server] as const;
    pairs.add(pair);
    const [toServer, toClient] = [writer(server), writer(client)];
    client.on("data", toServer);
    server.on("data", (chunk: Buffer) => {
      const cut = chunk.length >= cutIn;
      if (!cut) {
        cutIn -= chunk.length;
        return toClient(chunk);
      }
      client.write(chunk.subarray(0, cutIn), () => client.resetAndDestroy());
      cutIn = Infinity;
    });
    const end = () => pairs.delete(pair);
    client
      .on("error", () => {})
      .on("close", () => {
        end();
        server.destroy();
      });
    // What the server wrote before it closed still gets through.
    server
      .on("error", () => {})
      .on("close", () => {
        end();
        client.destroySoon();
      });
    apply(pair);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port: own } = listener.address() as { port: number };
  const set = (next: typeof mode): void => {
    mode = next;
    for (const pair of pairs) apply(pair);
  };
  const end = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  return {
    url: `nats://127.0.0.1:${own}`,
    port: own,
    stall: () => set("stalled"),
    stallReading: () => set("not reading"),
    refuse: () => {
      mode = "refusing";
      end();
    },
    reset: () => {
      for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
    },
    shape: (next) => {
      shape = next;
    },
    cutAfter: (bytes) => {
      cutIn = bytes;
    },
    resume: () => set("open"),
    pointTo: (next) => {
      target = next;
    },
    stop: async () => {
      end();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
