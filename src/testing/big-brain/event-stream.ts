/** The open event stream of a neuron, and what the neuron has registered over it. */
import type { Capability, ServerToNeuronFrame } from "../../../gen/neuron/index.js";
import type { Clock, TimerHandle } from "../../core/clock.js";
import { type HttpAnswer, type Pieces, sendInPieces } from "../http/answer.js";
import type { LocalRequest } from "../http/local-server.js";

/** A capability with the leases of it that this stream has not answered. */
export interface ServedCapability {
  capability: Capability;
  unanswered: number;
}

/** An open stream. */
export class EventStream {
  /** What the neuron serves over this stream; empty until it has registered. */
  readonly served = new Map<string, ServedCapability>();
  /** Tasks that this stream handed back without running them; it does not get them again. */
  readonly handedBack = new Set<string>();
  readonly #request: LocalRequest;
  readonly #body: ReadableStream<Uint8Array>;
  readonly #ends: (() => void)[] = [];
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #open = true;
  /** Set while a frame is sent in pieces: what is written meanwhile waits here. */
  #waiting: (string | Uint8Array)[] | undefined;

  constructor(
    readonly neuronId: string,
    readonly number: number,
    request: LocalRequest,
  ) {
    this.#request = request;
    this.#body = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => this.#ended(),
    });
  }

  /** The response that carries the stream. */
  get answer(): HttpAnswer {
    const headers = { "content-type": "text/event-stream", "cache-control": "no-store" };
    return { status: 200, headers, text: undefined, stream: this.#body };
  }

  /** False once either side ended it. */
  get open(): boolean {
    return this.#open;
  }

  /** Calls `run` once, when either side has ended the stream. */
  onEnd(run: () => void): void {
    this.#ends.push(run);
  }

  /** Writes a comment line every `ms`. */
  keepAlive(clock: Clock, ms: number): void {
    let timer: TimerHandle | undefined;
    const wait = (): void => {
      const beat = (): void => {
        this.write(": keep-alive\n\n");
        wait();
      };
      timer = clock.setTimeout(beat, ms, { unref: true });
    };
    wait();
    this.onEnd(() => clock.clearTimeout(timer));
  }

  /** Writes one frame as an event. */
  send(frame: ServerToNeuronFrame): void {
    this.write(`event: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`);
  }

  /** Writes anything, after what is being sent in pieces. */
  write(what: string | Uint8Array): void {
    if (this.#waiting !== undefined) this.#waiting.push(what);
    else if (this.#open) {
      this.#controller.enqueue(typeof what === "string" ? new TextEncoder().encode(what) : what);
      const body = typeof what === "string" ? what : new TextDecoder().decode(what);
      this.#request.exchange({ type: "event", body });
    }
  }

  /** Writes one frame in pieces. */
  async sendInPieces(frame: ServerToNeuronFrame, pieces: Pieces, clock: Clock): Promise<void> {
    const text = `event: ${frame.type}\r\ndata: ${JSON.stringify(frame)}\r\n\r\n`;
    if (this.#waiting !== undefined) return this.write(text);
    const waiting: (string | Uint8Array)[] = [];
    this.#waiting = waiting;
    this.#request.exchange({ type: "event", body: text });
    await sendInPieces((piece) => this.#open && this.#controller.enqueue(piece), text, pieces, clock);
    this.#waiting = undefined;
    for (const later of waiting) this.write(later);
  }

  /** Ends the stream: gracefully, or by cutting the connection. */
  end(how: "end" | "drop"): void {
    if (!this.#open) return;
    if (how === "end") this.#controller.close();
    else if (this.#request.cut === undefined) this.#controller.error(new TypeError("terminated"));
    else this.#request.cut();
    this.#ended();
  }

  #ended(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#request.exchange({ type: "end" });
    for (const run of this.#ends) run();
  }
}
