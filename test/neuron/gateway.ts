/** A gateway for odd cases: does what a test tells it, nothing on its own. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

export interface GatewayRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}

export interface GatewayAnswer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** What to answer; undefined leaves the request without an answer. */
export type Answering = (request: GatewayRequest) => GatewayAnswer | undefined;

export class TestGateway {
  readonly requests: GatewayRequest[] = [];
  /** Streams opened and not ended. */
  readonly streams: ServerResponse[] = [];
  answering: Answering = () => ({ status: 200, body: '{"ok":true}' });
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  async start(port = 0): Promise<this> {
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Bodies of one kind of frame, in the order in which they came. */
  frames(type: string): Record<string, unknown>[] {
    return this.requests
      .map(({ body }) => body as Record<string, unknown>)
      .filter((body) => body?.type === type);
  }

  write(raw: string | Uint8Array): void {
    for (const stream of this.streams) stream.write(raw);
  }

  send(frame: { type: string }): void {
    this.write(`event: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`);
  }

  /** Sends a lease that lives for a minute. */
  lease(leaseId: string, capability: string, input: unknown = {}, more: object = {}): void {
    const task = { taskId: `task-${leaseId}`, workflowId: "wf-1", capability, input, attempt: 0 };
    const sentAt = "2026-01-01T00:00:00.000Z";
    const lease = { leaseId, expiresAt: "2026-01-01T00:01:00.000Z", task, ...more };
    this.send({ type: "lease", lease, sentAt } as { type: string });
  }

  /** Ends all streams: cleanly, or by breaking the connection. */
  drop(how: "end" | "break" = "end"): void {
    for (const stream of this.streams.splice(0)) {
      if (how === "end") stream.end();
      else stream.destroy();
    }
  }

  /** Breaks every connection, in the middle of whatever is under way. */
  breakConnections(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    this.drop("break");
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const { method = "", url = "", headers } = request;
    const body: unknown = text === "" ? null : JSON.parse(text);
    const seen: GatewayRequest = { method, path: url, headers, body };
    this.requests.push(seen);
    const answer = this.answering(seen);
    if (answer === undefined) return;
    if (method === "GET" && answer.status === 200) {
      response.writeHead(200, { "content-type": "text/event-stream", ...answer.headers });
      response.flushHeaders();
      this.streams.push(response);
      response.on("close", () => {
        const at = this.streams.indexOf(response);
        if (at >= 0) this.streams.splice(at, 1);
      });
      return;
    }
    response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
    response.end(answer.body);
  }
}

/** One turn of the event loop, sockets included. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits for something that is bound to happen; the test's own time limit ends a wait in vain. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/** Lets everything that is under way on loopback arrive. */
export async function quiet(gateway: TestGateway, turns = 25): Promise<void> {
  let seen = -1;
  for (let still = 0; still < turns; still++) {
    if (gateway.requests.length !== seen) still = 0;
    seen = gateway.requests.length;
    await turn();
  }
}
