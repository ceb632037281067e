/** One open event stream of one neuron, and what the neuron has registered over it. */
import type { Capability, ServerToNeuronFrame } from "../../../gen/neuron/index.js";
import type { Clock, TimerHandle } from "../../core/clock.js";
import { type Pieces, writeInPieces } from "../http/answer.js";
import type { Exchange } from "../http/observe.js";
import type { HttpResponse } from "../http/server.js";

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
  readonly #response: HttpResponse;
  readonly #exchange: Exchange;
  #keepAlive: TimerHandle | undefined;
  #open = true;
  /** Set while a frame is being written in pieces; what comes meanwhile waits here. */
  #waiting: (string | Uint8Array)[] | undefined;

  constructor(
    readonly neuronId: string,
    readonly number: number,
    response: HttpResponse,
    exchange: Exchange,
  ) {
    this.#response = response;
    this.#exchange = exchange;
    response.socket?.setNoDelay(true);
    const headers = { "content-type": "text/event-stream", "cache-control": "no-store" };
    response.writeHead(200, headers);
    response.flushHeaders();
    exchange({ type: "response", status: 200, headers, body: "" });
  }

  /** False once either side ended it. */
  get open(): boolean {
    return this.#open && !this.#response.destroyed;
  }

  /** Calls `run` once, when either side has ended the stream. */
  onEnd(run: () => void): void {
    this.#response.once("close", () => {
      this.#open = false;
      run();
    });
  }

  /** Writes a comment line every `ms`. */
  keepAlive(clock: Clock, ms: number): void {
    const wait = (): void => {
      this.#keepAlive = clock.setTimeout(
        () => {
          if (!this.open) return;
          this.write(": keep-alive\n\n");
          wait();
        },
        ms,
        { unref: true },
      );
    };
    wait();
    this.onEnd(() => clock.clearTimeout(this.#keepAlive));
  }

  /** Writes one frame as an event. */
  send(frame: ServerToNeuronFrame): void {
    this.write(`event: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`);
  }

  /** Writes anything, after what is being written in pieces. */
  write(text: string | Uint8Array): void {
    if (this.#waiting !== undefined) this.#waiting.push(text);
    else if (this.open) {
      this.#response.write(text);
      this.#exchange({
        type: "event",
        body: typeof text === "string" ? text : new TextDecoder().decode(text),
      });
    }
  }

  /** Writes one frame in pieces, each when the one before has left. */
  async sendInPieces(frame: ServerToNeuronFrame, pieces: Pieces, clock: Clock): Promise<void> {
    const text = `event: ${frame.type}\r\ndata: ${JSON.stringify(frame)}\r\n\r\n`;
    if (this.#waiting !== undefined) return this.write(text);
    const waiting: (string | Uint8Array)[] = [];
    this.#waiting = waiting;
    this.#exchange({ type: "event", body: text });
    await writeInPieces(this.#response, text, pieces, clock);
    this.#waiting = undefined;
    for (const later of waiting) this.write(later);
  }

  /** Ends the stream: in order, or by cutting the connection. */
  end(how: "end" | "drop"): void {
    this.#open = false;
    if (how === "end") this.#response.end();
    else this.#response.destroy();
  }
}
