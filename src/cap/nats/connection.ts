/**
 * What is needed of a NATS connection. Connections of `nats` 2.x and of `@nats-io/transport-node` 3.x both
 * have it, so either may be handed in.
 */

/** A message as either client hands it over. */
export interface NatsMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply?: string;
}

/** A subscription of either client. */
export interface NatsSubscription {
  readonly closed: Promise<unknown>;
  unsubscribe(): void;
  drain(): Promise<void>;
  isClosed(): boolean;
}

/** One event of a connection. Version 2 has `data`, version 3 has `error`. */
export interface NatsStatus {
  readonly type: string;
  readonly data?: unknown;
  readonly error?: Error;
  readonly permissionContext?: { readonly operation: string; readonly subject: string };
}

/** A connection of either client. */
export interface NatsConnection {
  readonly info?: { readonly max_payload: number } | undefined;
  publish(subject: string, payload?: Uint8Array, options?: { reply?: string }): void;
  subscribe(
    subject: string,
    options?: { queue?: string; callback?: (error: Error | null, message: NatsMessage) => void },
  ): NatsSubscription;
  request(subject: string, payload?: Uint8Array, options?: { timeout: number }): Promise<NatsMessage>;
  flush(): Promise<void>;
  drain(): Promise<void>;
  close(): Promise<void>;
  /** Resolves when the connection is closed for good, with the error that did it. */
  closed(): Promise<unknown>;
  isClosed(): boolean;
  status(): AsyncIterable<NatsStatus>;
}
