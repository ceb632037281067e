/** A gateway that does nothing but keep a number of echo leases unanswered, and takes the time of each. */
import { createServer, type ServerResponse } from "node:http";

/** What one round found. */
export interface LeaseRound {
  readonly perSecond: number;
  /** Median from the lease written to its ack received, in milliseconds. */
  readonly p50Ms: number;
}

export class BenchGateway {
  readonly #server = createServer((request, response) => {
    const { url = "" } = request;
    if (url.startsWith("/neuron/events")) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.flushHeaders();
      this.#stream = response;
      return;
    }
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      text += chunk;
    });
    request.on("end", () => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "11" });
      response.end('{"ok":true}');
      if (url === "/neuron/ack") this.#acked((JSON.parse(text) as { leaseId: string }).leaseId);
      else if (url === "/neuron/register") this.#registered?.();
    });
  });
  #stream: ServerResponse | undefined;
  #registered: (() => void) | undefined;
  #next = 0;
  readonly #sent = new Map<string, number>();
  #times: number[] = [];
  #running = false;

  async start(): Promise<string> {
    this.#server.keepAliveTimeout = 60_000;
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** Resolves with the next registration. */
  registered(): Promise<void> {
    return new Promise((resolve) => {
      this.#registered = resolve;
    });
  }

  /** Keeps so many leases unanswered for so long. */
  async round(concurrency: number, windowMs: number): Promise<LeaseRound> {
    this.#times = [];
    this.#running = true;
    const started = performance.now();
    for (let i = 0; i < concurrency; i++) this.#lease();
    await new Promise((resolve) => setTimeout(resolve, windowMs));
    this.#running = false;
    const elapsed = performance.now() - started;
    while (this.#sent.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const times = this.#times.sort((a, b) => a - b);
    return { perSecond: (times.length / elapsed) * 1000, p50Ms: times[times.length >> 1] ?? Number.NaN };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #lease(): void {
    const leaseId = `L${this.#next++}`;
    const now = new Date();
    const lease = {
      leaseId,
      expiresAt: new Date(now.getTime() + 60_000).toISOString(),
      task: {
        taskId: leaseId,
        workflowId: "w",
        capability: "bench/echo",
        input: { n: this.#next },
        attempt: 0,
      },
    };
    const frame = JSON.stringify({ type: "lease", lease, sentAt: now.toISOString() });
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
