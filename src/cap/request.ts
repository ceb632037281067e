/** Request and reply over a subscription of its own. */
import { type DeadlineOptions, withDeadline } from "../core/abort.js";
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
  const reply = `${bus.inboxPrefix ?? "_INBOX"}.${randomHex(16)}`;
  let opening: Promise<Subscription> | undefined;
  let off: (() => void) | undefined;
  const ask = (signal: AbortSignal): Promise<BusMessage> =>
    new Promise((resolve, reject) => {
      off = bus.onStatus((status) => {
        if (status !== "connected") reject(new ConnectionError("the connection was lost"));
      });
      opening = bus.subscribe(reply, (message) => {
        if (message.status === NO_RESPONDERS)
          reject(new ConnectionError(`nobody listens on ${subject}`, { code: "NO_RESPONDERS" }));
        else if (accepts(message)) resolve(message);
      });
      const publish = async (): Promise<void> => {
        if (!signal.aborted) await bus.publish(subject, data, { reply });
      };
      opening.then(publish).catch(reject);
    });
  try {
    return await withDeadline({ ...limits, what: `request on ${subject}` }, ask);
  } finally {
    off?.();
    opening?.then((inbox) => inbox.unsubscribe()).catch(() => {}); // also one that opens late
  }
}
