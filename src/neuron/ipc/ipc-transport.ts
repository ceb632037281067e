/** The transport over a bridge to another process, which holds the connection, the credentials and the retries. */
import type { ClientFrame, ServerToNeuronFrame } from "../../../gen/neuron/index.js";
import { AgentwireError, ClosedError, ConnectionError, errorText } from "../../core/errors.js";
import { jsonCopy } from "../../core/json-form.js";
import { type Logger, safeLogger } from "../../core/logger.js";
import { checkOptions } from "../../core/options.js";
import type { PostPath } from "../frames.js";
import type { Transport, TransportCallbacks } from "../transport.js";

/** The functions that the preload script exposes. */
export interface NeuronIpcBridge {
  /** Connects a neuron; its frames come on the channel that is named. */
  attach(neuronId: string): Promise<{ channel: string }>;
  detach(neuronId: string): Promise<void>;
  /** Calls back with every frame of a channel until the returned function is called. */
  subscribe(channel: string, callback: (frame: ServerToNeuronFrame) => void): () => void;
  /** Posts a frame to the gateway. */
  invoke(path: PostPath, frame: ClientFrame): Promise<unknown>;
}

/** Options of {@link IpcTransport}. */
export interface IpcTransportOptions {
  readonly bridge: NeuronIpcBridge;
  readonly neuronId: string;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
}

/**
 * Carries frames over a {@link NeuronIpcBridge}. No reconnect, no auth, no keep-alive: those are the other
 * process's. A bridge that throws is reported through `onError`.
 */
export class IpcTransport implements Transport {
  readonly #options: IpcTransportOptions;
  readonly #logger: Logger;
  #callbacks: TransportCallbacks = {};
  #off: (() => void) | undefined;
  #attached: Promise<void> | undefined;
  #connected = false;
  #stopped = false;

  /** @throws ValidationError for a bridge that is not an object */
  constructor(options: IpcTransportOptions) {
    checkOptions(options, { bridge: "object", neuronId: "string" });
    this.#options = options;
    this.#logger = safeLogger(options.logger);
  }

  subscribe(callbacks: TransportCallbacks): void {
    this.#callbacks = callbacks;
  }

  start(): Promise<void> {
    this.#attached ??= this.#attach();
    return this.#attached;
  }

  async #attach(): Promise<void> {
    const { bridge, neuronId } = this.#options;
    let call = "attach";
    try {
      const { channel } = await bridge.attach(neuronId);
      if (this.#stopped) return;
      call = "subscribe";
      this.#off = bridge.subscribe(channel, (frame) => this.#callbacks.onFrame?.(frame));
      this.#connected = true;
    } catch (error) {
      return this.#report(call, error);
    }
    this.#callbacks.onOpen?.();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.#attached;
    const { bridge, neuronId } = this.#options;
    try {
      this.#off?.();
      if (this.#attached !== undefined) await bridge.detach(neuronId);
    } catch (error) {
      this.#report("detach", error);
    }
    if (!this.#connected) return;
    this.#connected = false;
    this.#callbacks.onClose?.("clean close");
  }

  async post(path: PostPath, frame: ClientFrame): Promise<unknown> {
    if (this.#stopped) throw new ClosedError("the transport is stopped");
    // What can be cloned to another process is more than what JSON can say.
    const copy = jsonCopy(frame, `the ${frame.type} frame`);
    try {
      return await this.#options.bridge.invoke(path, copy);
    } catch (error) {
      throw error instanceof AgentwireError ? error : broken("invoke", error);
    }
  }

  isConnected(): boolean {
    return this.#connected;
  }

  #report(call: string, error: unknown): void {
    this.#logger.error("the IPC bridge failed", { call, error });
    this.#callbacks.onError?.(broken(call, error));
  }
}

function broken(call: string, cause: unknown): ConnectionError {
  return new ConnectionError(`the bridge failed in ${call}: ${errorText(cause)}`, { cause });
}
