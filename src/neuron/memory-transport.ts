/** A transport and its gateway in one process, for tests and for embedding. */
import type { ClientFrame, ServerToNeuronFrame } from "../../gen/neuron/index.js";
import { ClosedError } from "../core/errors.js";
import { jsonCopy } from "../core/json-form.js";
import type { PostPath } from "./frames.js";
import type { Transport, TransportCallbacks } from "./transport.js";

/** The gateway's end of a {@link memoryTransport}. */
export interface MemoryGateway {
  /** What was posted, as it would have come over a protocol. */
  readonly posted: { readonly path: PostPath; readonly frame: ClientFrame }[];
  /** Sends a frame, or anything else, to the neuron. Lost while the stream is closed. */
  send(frame: ServerToNeuronFrame | unknown): void;
  /** Opens the stream (the transport's start does so too), or ends it. */
  open(): void;
  drop(reason?: string): void;
}

/** Called with every frame. If it throws or rejects, the post fails with that error. */
export type MemoryPostHandler = (path: PostPath, frame: ClientFrame) => unknown;

/** A transport whose gateway is the function given here and the object returned. No reconnect of its own. */
export function memoryTransport(onPost: MemoryPostHandler = () => undefined): {
  readonly transport: Transport;
  readonly gateway: MemoryGateway;
} {
  let callbacks: TransportCallbacks = {};
  let connected = false;
  let stopped = false;
  const posted: { path: PostPath; frame: ClientFrame }[] = [];
  const gateway: MemoryGateway = {
    posted,
    send(frame) {
      if (connected) callbacks.onFrame?.(frame);
    },
    open() {
      if (connected || stopped) return;
      connected = true;
      callbacks.onOpen?.();
    },
    drop(reason = "clean close") {
      if (!connected) return;
      connected = false;
      callbacks.onClose?.(reason);
    },
  };
  const transport: Transport = {
    subscribe(given) {
      callbacks = given;
    },
    async start() {
      gateway.open();
    },
    async stop() {
      gateway.drop();
      stopped = true;
    },
    async post(path, frame) {
      if (stopped) throw new ClosedError("the transport is stopped");
      const copy = jsonCopy(frame, `the ${frame.type} frame`);
      posted.push({ path, frame: copy });
      return onPost(path, copy);
    },
    isConnected: () => connected,
  };
  return { transport, gateway };
}
