/** Request and reply over a subscription of its own. */
import { type DeadlineOptions, linkSignals, raceSignal } from "../core/abort.js";
import { ConnectionError } from "../core/errors.js";
import { randomHex } from "../core/ids.js";
import type { Bus, BusMessage, Subscription } from "./bus.js";

const NO_RESPONDERS = 503;

/** Options of {@link requestOver}. */
export interface RequestLimits extends Pick<DeadlineOptions, "timeoutMs" | "clock" | "signal"> {
  /** Whether a message is the response; further ones are waited for. Default: the first one is. */
  readonly accepts?: ((message: BusMessage) => boolean) | undefined;
}

/**
 * Publishes a request and resolves with its first response.
 *
 * @throws TimeoutError; ConnectionError, with the code `NO_RESPONDERS` if the server says that nobody listens; AbortError;
 * what the bus throws.
 */
export async function requestOver(
  bus: Bus,
  subject: string,
  data: Uint8Array,
  { accepts = () => true, ...limits }: RequestLimits,
): Promise<BusMessage> {
  const { signal, dispose } = linkSignals([limits.signal], { ...limits, what: `request on ${subject}` });
  const reply = `${bus.inboxPrefix ?? "_INBOX"}.${randomHex(16)}`;
  let opening: Promise<Subscription> | undefined;
  let off: (() => void) | undefined;
  const response = new Promise<BusMessage>((resolve, reject) => {
    opening = bus.subscribe(reply, (message) => {
      if (message.status === NO_RESPONDERS)
        reject(new ConnectionError(`nobody listens on ${subject}`, { code: "NO_RESPONDERS" }));
      else if (accepts(message)) resolve(message);
    });
    off = bus.onStatus((status) => {
      if (status !== "connected") reject(new ConnectionError("the connection was lost"));
    });
    const ask = async (): Promise<void> => {
      await opening;
      if (!signal.aborted) await bus.publish(subject, data, { reply });
    };
    ask().catch(reject);
  });
  try {
    return await raceSignal(response, signal);
  } finally {
    dispose();
    off?.();
    opening?.then((inbox) => inbox.unsubscribe()).catch(() => {}); // also one that opens late
  }
}
