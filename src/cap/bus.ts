/**
 * What CAP needs of a message bus. Shipped: in memory ({@link MemoryBus}) and NATS (`agentwire/cap/nats`);
 * everything above this interface is the same on any other.
 */

import { type DeadlineOptions, withDeadline } from "../core/abort.js";
import { type AgentwireError, ClosedError, ValidationError } from "../core/errors.js";
import type { OptionRule } from "../core/options.js";
import { type RetryRun, retry } from "../core/retry.js";

/** A message received from the bus. */
export interface BusMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Where an answer would go. Never answer one on a job: with JetStream it is the publisher's own inbox. */
  readonly reply?: string | undefined;
  /** Status of a message that the server itself has sent. 503: nobody listens on the subject of a request. */
  readonly status?: number | undefined;
}

/** An active subscription. */
export interface Subscription {
  readonly subject: string;
  readonly queue?: string | undefined;
  /** Why no messages can arrive at present: the bus is trying to subscribe again. Undefined while it serves. */
  readonly lost?: AgentwireError | undefined;
  /** Takes no further messages; resolves when those received so far were handed over. */
  drain(): Promise<void>;
  /** Takes no further messages and drops those not handed over yet. */
  unsubscribe(): void;
}

/** The state of a connection to a bus. */
export type BusStatus = "connected" | "reconnecting" | "draining" | "closed";

/** Options of {@link Bus.subscribe}. */
export interface SubscribeOptions {
  /** Of the subscribers in one queue group each message reaches only one. Default: every subscriber gets it. */
  readonly queue?: string | undefined;
}

/** A connection to a message bus with the subject rules of NATS. */
export interface Bus {
  /** True for a bus that never leaves the process: unsigned packets on it are not a reason for a warning. */
  readonly inProcess?: boolean;
  /**
   * True for a bus that copies the bytes of a message before anybody else sees them. It may then get bytes that lie in memory
   * with those of other messages, which is faster. Default: false, each message has memory of its own.
   */
  readonly copies?: boolean;
  /** First tokens of the subjects on which this connection may receive responses. Default: `_INBOX`. */
  readonly inboxPrefix?: string | undefined;
  /**
   * Hands a message to the bus. "ok" means published: not that anybody received it.
   *
   * @throws ClosedError; ConnectionLostError while there is no connection; PublishFailedError, not retryable
   * for a message that is too large; ValidationError `INVALID_SUBJECT`.
   */
  publish(subject: string, data: Uint8Array, options?: { readonly reply?: string }): void | Promise<void>;
  /**
   * Calls `onMessage` for every message on a subject (`*` stands for one token, `>` for the rest). Resolves
   * once the bus knows of the subscription.
   *
   * @throws ClosedError, SubscribeFailedError, or ValidationError `INVALID_SUBJECT`.
   */
  subscribe(
    subject: string,
    onMessage: (message: BusMessage) => void,
    options?: SubscribeOptions,
  ): Promise<Subscription>;
  /** Resolves when all that was published before has reached the bus. */
  flush(): Promise<void>;
  /** Ends all subscriptions after what they have received was handed over, then closes. */
  drain(): Promise<void>;
  /** Closes at once. */
  close(): Promise<void>;
  status(): BusStatus;
  /**
   * Reports every change of status until the returned function is called; also of an error that changes
   * nothing, such as a publish that the server did not allow. `error` is the reason, where there is one.
   */
  onStatus(listener: (status: BusStatus, error?: AgentwireError) => void): () => void;
}

/** What tells a bus from anything else, such as the bare connection of a NATS client. */
export const BUS = { has: ["publish", "subscribe", "onStatus"] } satisfies OptionRule;

/**
 * Throws unless a text is a subject: non-empty tokens between dots, no white space, and no wildcards unless
 * they are allowed.
 *
 * @throws ValidationError `INVALID_SUBJECT`.
 */
export function assertSubject(subject: string, options: { readonly wildcards?: boolean } = {}): void {
  const tokens = typeof subject === "string" ? subject.split(".") : [""];
  const good = tokens.every((token, i) => {
    if (token === "" || /[\s\0]/.test(token)) return false;
    if (token === "*") return options.wildcards === true;
    if (token === ">") return options.wildcards === true && i === tokens.length - 1;
    return true;
  });
  if (good) return;
  const but = options.wildcards ? "" : ", * or >";
  throw new ValidationError(
    `invalid subject: expected words between dots, without white space${but}, found ${JSON.stringify(subject)}`,
    { code: "INVALID_SUBJECT" },
  );
}

/** Whether a subject matches the subject of a subscription, which may have wildcards. */
export function subjectMatches(pattern: string, subject: string): boolean {
  if (pattern === subject) return true;
  const wanted = pattern.split(".");
  const given = subject.split(".");
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === ">") return given.length > i;
    if (i >= given.length || (wanted[i] !== "*" && wanted[i] !== given[i])) return false;
  }
  return wanted.length === given.length;
}

const POLICY = { attempts: Infinity, minDelayMs: 50, factor: 2, maxDelayMs: 1_000 };

/** Options of {@link retryWhileDown}. */
export interface DownOptions extends Pick<RetryRun, "clock" | "signal"> {
  /** All attempts and waits together, once the first attempt has failed. */
  readonly againMs: number;
  /** How long one attempt waits for the connection. Default: as long as is left. */
  readonly timeoutMs?: number | undefined;
  /** Whether an error may pass. Default: what is `retryable` may. */
  readonly mayPass?: ((error: unknown) => boolean) | undefined;
}

/** Calls until it succeeds. Throws an error that a retry cannot fix at once, and any other after `againMs`. */
export async function retryWhileDown<T>(
  bus: Bus,
  { againMs, timeoutMs, clock, signal, mayPass = isRetryable }: DownOptions,
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!mayPass(error) || againMs <= 0) throw error;
  }
  const attempt: Parameters<typeof retry<T>>[0] = async (given) => {
    await untilConnected(bus, { timeoutMs, clock, signal: given.signal });
    return call();
  };
  return retry(attempt, { policy: POLICY, totalTimeoutMs: againMs, clock, signal, shouldRetry: mayPass });
}

function isRetryable(error: unknown): boolean {
  return (error as { readonly retryable?: boolean }).retryable === true;
}

/** Resolves when a bus is connected. @throws ClosedError when it is closed instead; TimeoutError; AbortError. */
async function untilConnected(bus: Bus, options: DeadlineOptions): Promise<void> {
  let off: (() => void) | undefined;
  try {
    await withDeadline({ what: "waiting for the bus", ...options }, () => {
      return new Promise<void>((resolve, reject) => {
        const look = (status: BusStatus): void => {
          if (status === "connected") resolve();
          else if (status === "closed") reject(new ClosedError("the bus was closed"));
        };
        off = bus.onStatus(look);
        look(bus.status());
      });
    });
  } finally {
    off?.();
  }
}
