/** What carries frames between a neuron and its gateway. */
import type { ClientFrame } from "../../gen/neuron/index.js";
import type { PostPath } from "./frames.js";

/** A reconnect that follows after a delay. */
export interface ReconnectInfo {
  /** 1 for the first one after a connection that stood. */
  readonly attempt: number;
  /** The wait before it, in milliseconds. */
  readonly delayMs: number;
  /** Why it is needed. */
  readonly reason: string;
}

/** What a transport tells its neuron. It calls them in the order in which things happen. */
export interface TransportCallbacks {
  /** The stream stands; the neuron registers now. */
  onOpen?(): void;
  /** The stream is gone. */
  onClose?(reason: string): void;
  /** A frame came. The neuron checks it; a transport need not. */
  onFrame?(frame: unknown): void;
  /** A lease came that is too large to be read; the neuron refuses it. */
  onUnreadableLease?(leaseId: string, problem: string): void;
  /** Something failed that no caller waits for. */
  onError?(error: Error): void;
  /** The transport gives up: no reconnect follows. The error was passed to `onError` before. */
  onEnd?(error: Error): void;
  /** A reconnect will follow after a wait. */
  onReconnecting?(info: ReconnectInfo): void;
}

/** Options of one post. */
export interface PostOptions {
  /** Ends the post at once. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Carries frames. One neuron subscribes, before `start`. A transport never registers by itself.
 *
 * `post` resolves when the gateway accepted the frame; what it resolves with is not looked at. It rejects with an
 * error of this package; one that says `retryable`, and a 401, may be tried again.
 */
export interface Transport {
  subscribe(callbacks: TransportCallbacks): void;
  /** Resolves once the first attempt to open the stream has succeeded or failed. */
  start(): Promise<void>;
  /** Ends the stream and lets go of everything. */
  stop(): Promise<void>;
  post(path: PostPath, frame: ClientFrame, options?: PostOptions): Promise<unknown>;
  isConnected(): boolean;
}
