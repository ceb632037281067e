/**
 * The parts of a NATS connection this package uses. Connections of `nats` 2.x and of `@nats-io/transport-node` 3.x
 * both have them.
 */

/** A message as either client delivers it. A status message of JetStream has a header code and no data. */
export interface NatsMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply?: string;
  readonly headers?: { readonly code: number; readonly description: string };
}

/** A subscription of either client. */
export interface NatsSubscription {
  readonly closed: Promise<unknown>;
  unsubscribe(): void;
  drain(): Promise<void>;
  isClosed(): boolean;
}

/** What the server refused. Version 2 attaches it to the event, version 3 to the error. */
export interface NatsPermission {
  readonly operation: string;
  readonly subject: string;
  readonly queue?: string | undefined;
}

/** One event of a connection. Version 2 has `data`, version 3 has `error`. */
export interface NatsStatus {
  readonly type: string;
  readonly data?: unknown;
  readonly error?: Error;
  readonly permissionContext?: NatsPermission;
}

/** A connection of either client. */
export interface NatsConnection {
  readonly info?: { readonly max_payload: number } | undefined;
  /** Inboxes start with the prefix the connection was made with. */
  readonly options?: { readonly inboxPrefix?: string };
  publish(subject: string, payload?: Uint8Array, options?: { reply?: string }): void;
  subscribe(
    subject: string,
    options?: { queue?: string; callback?: (error: Error | null, message: NatsMessage) => void },
  ): NatsSubscription;
  request(
    subject: string,
    payload?: Uint8Array,
    options?: { timeout: number; headers?: object | undefined },
  ): Promise<NatsMessage>;
  flush(): Promise<void>;
  drain(): Promise<void>;
  close(): Promise<void>;
  /** Resolves when the connection is closed for good, with the error that closed it. */
  closed(): Promise<unknown>;
  isClosed(): boolean;
  status(): AsyncIterable<NatsStatus>;
}
