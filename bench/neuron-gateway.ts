/**
 * A gateway that does nothing but keep a number of echo leases unanswered, and takes the time of each. It speaks
 * HTTP over bare sockets: with a server of node:http it would itself be the limit.
 */
import { type AddressInfo, createServer, type Socket } from "node:net";

/** What one round found. */
export interface LeaseRound {
  readonly perSecond: number;
  /** Median from the lease written to its ack received, in milliseconds. */
  readonly p50Ms: number;
  /** CPU time of the gateway's process per lease, in microseconds. */
  readonly cpuUs: number;
}

const ok = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}';
const streamHead = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

export class BenchGateway {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#serve(socket));
  #stream: Socket | undefined;
  #registered: (() => void) | undefined;
  #next = 0;
  readonly #sent = new Map<string, number>();
  #times: number[] = [];
  #running = false;
  #sentAt = "";
  #expiresAt = "";

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves with the next registration. */
  registered(): Promise<void> {
    return new Promise((resolve) => {
      this.#registered = resolve;
    });
  }

  /** Ends the event stream. */
  drop(): void {
    this.#stream?.destroy();
    this.#stream = undefined;
  }

  /** Keeps so many leases unanswered for so long. */
  async round(concurrency: number, windowMs: number): Promise<LeaseRound> {
    this.#times = [];
    this.#running = true;
    this.#sentAt = new Date().toISOString();
    this.#expiresAt = new Date(Date.now() + 60_000).toISOString();
    const started = performance.now();
    const cpu = process.cpuUsage();
    for (let i = 0; i < concurrency; i++) this.#lease();
    await new Promise((resolve) => setTimeout(resolve, windowMs));
    this.#running = false;
    const elapsed = performance.now() - started;
    const { user, system } = process.cpuUsage(cpu);
    while (this.#sent.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const times = this.#times.sort((a, b) => a - b);
    return {
      perSecond: (times.length / elapsed) * 1000,
      p50Ms: times[times.length >> 1] ?? Number.NaN,
      cpuUs: (user + system) / times.length,
    };
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Requests one after the other; their bodies are ASCII here, and have a length. */
  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("error", () => {});
    socket.on("close", () => void this.#sockets.delete(socket));
    let text = "";
    socket.on("data", (more) => {
      text += String(more);
      for (;;) {
        const end = text.indexOf("\r\n\r\n");
        if (end < 0) return;
        const head = text.slice(0, end);
        const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
        if (text.length < end + 4 + length) return;
        this.#answer(socket, head, text.slice(end + 4, end + 4 + length));
        text = text.slice(end + 4 + length);
      }
    });
  }

  #answer(socket: Socket, head: string, body: string): void {
    if (head.startsWith("GET /neuron/events")) {
      this.#stream = socket;
      socket.write(streamHead);
      return;
    }
    socket.write(ok);
    if (head.startsWith("POST /neuron/ack ")) this.#acked((JSON.parse(body) as { leaseId: string }).leaseId);
    else if (head.startsWith("POST /neuron/register ") && this.#stream) this.#registered?.();
  }

  #lease(): void {
    const leaseId = `L${this.#next++}`;
    const lease = {
      leaseId,
      expiresAt: this.#expiresAt,
      task: {
        taskId: leaseId,
        workflowId: "w",
        capability: "bench/echo",
        input: { n: this.#next },
        attempt: 0,
      },
    };
    const frame = JSON.stringify({ type: "lease", lease, sentAt: this.#sentAt });
    this.#sent.set(leaseId, performance.now());
    this.#stream?.write(`event: lease\ndata: ${frame}\n\n`);
  }

  #acked(leaseId: string): void {
    const sent = this.#sent.get(leaseId);
    if (sent === undefined || !this.#sent.delete(leaseId)) return;
    if (!this.#running) return;
    this.#times.push(performance.now() - sent);
    this.#lease();
  }
}
