/** The least that can talk to a gateway: a stream read as text, and POSTs of any body. */
import type { ServerToNeuronFrame } from "../../gen/neuron/index.js";

type FrameOf<Type> = Extract<ServerToNeuronFrame, { type: Type }>;

/** What a POST came back with. */
export interface RawAnswer {
  readonly status: number;
  readonly code?: string;
}

/** One open stream. */
export class RawNeuron {
  readonly frames: ServerToNeuronFrame[] = [];
  /** The stream as it came, chunk by chunk. */
  readonly chunks: string[] = [];
  readonly ended: Promise<void>;
  readonly #watchers = new Set<() => void>();
  readonly #abort: AbortController;
  #over = false;

  private constructor(
    readonly url: string,
    readonly neuronId: string,
    body: ReadableStream<Uint8Array>,
    abort: AbortController,
  ) {
    this.#abort = abort;
    this.ended = this.#read(body).finally(() => {
      this.#over = true;
      this.#tell();
    });
  }

  /** Opens a stream. Rejects with the status when it is not 200. */
  static async open(url: string, neuronId = "n-1", token = "t"): Promise<RawNeuron> {
    const abort = new AbortController();
    const response = await fetch(`${url}/neuron/events?neuronId=${encodeURIComponent(neuronId)}`, {
      headers: { Accept: "text/event-stream", Authorization: `Bearer ${token}` },
      signal: abort.signal,
    });
    if (response.status !== 200) throw new Error(`status ${response.status}`);
    return new RawNeuron(url, neuronId, response.body!, abort);
  }

  /** Opens a stream and registers. */
  static async serve(
    url: string,
    capabilities: readonly object[] = [{ type: "acme/echo", scope: "any", concurrency: 1 }],
    neuronId = "n-1",
  ): Promise<RawNeuron> {
    const neuron = await RawNeuron.open(url, neuronId);
    await neuron.post("register", { neuronId, protocolVersion: "1.1.0", capabilities });
    return neuron;
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    try {
      for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
        const part = decoder.decode(chunk, { stream: true });
        this.chunks.push(part);
        text += part.replaceAll("\r", "");
        for (let at = text.indexOf("\n\n"); at >= 0; at = text.indexOf("\n\n")) {
          const data = /^data: (.*)$/m.exec(text.slice(0, at))?.[1];
          if (data !== undefined) this.frames.push(JSON.parse(data) as ServerToNeuronFrame);
          text = text.slice(at + 2);
        }
        this.#tell();
      }
    } catch {
      // Broken off: that is the end as well.
    }
  }

  #tell(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** The `index`th frame of a type, once it is there. Rejects when the stream ends before. */
  frame<Type extends ServerToNeuronFrame["type"]>(type: Type, index = 0): Promise<FrameOf<Type>> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.frames.filter((frame) => frame.type === type)[index];
        if (found === undefined && !this.#over) return;
        this.#watchers.delete(look);
        if (found !== undefined) resolve(found as FrameOf<Type>);
        else reject(new Error(`the stream ended without ${type} ${index}`));
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** Posts one frame; `type` is filled in. */
  post(path: string, frame: object, headers: Record<string, string> = {}): Promise<RawAnswer> {
    return this.postRaw(path, JSON.stringify({ type: path, ...frame }), headers);
  }

  /** Posts any text. */
  async postRaw(path: string, body: string, headers: Record<string, string> = {}): Promise<RawAnswer> {
    const response = await fetch(`${this.url}/neuron/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: "Bearer t", ...headers },
      body,
    });
    const { status } = response;
    const { code } = (await response.json()) as { code?: string };
    return code === undefined ? { status } : { status, code };
  }

  ack(leaseId: string, output?: unknown, completedAt = "2026-01-01T00:00:00.000Z"): Promise<RawAnswer> {
    return this.post("ack", { leaseId, ...(output !== undefined && { output }), completedAt });
  }

  nack(leaseId: string, kind: string, extra: object = {}): Promise<RawAnswer> {
    return this.post("nack", { leaseId, kind, reason: "r", failedAt: "2026-01-01T00:00:00.000Z", ...extra });
  }

  /** Breaks the stream off. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.ended;
  }
}
