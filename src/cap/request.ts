/** Request and reply over a subscription of its own. */
import { type DeadlineOptions, raceSignal, withDeadline } from "../core/abort.js";
import { ConnectionError } from "../core/errors.js";
import { randomHex } from "../core/ids.js";
import { onAbort } from "../core/on-abort.js";
import type { Bus, BusMessage } from "./bus.js";

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
export function requestOver(
  bus: Bus,
  subject: string,
  data: Uint8Array,
  { accepts = () => true, ...limits }: RequestLimits,
): Promise<BusMessage> {
  return withDeadline({ ...limits, what: `request on ${subject}` }, async (signal) => {
    let resolve!: (message: BusMessage) => void;
    let reject!: (error: Error) => void;
    const response = new Promise<BusMessage>((...settle) => {
      [resolve, reject] = settle;
    });
    response.catch(() => {}); // it may fail before anybody waits
    const reply = `${bus.inboxPrefix ?? "_INBOX"}.${randomHex(16)}`;
    const inbox = await bus.subscribe(reply, (message) => {
      if (message.status === NO_RESPONDERS)
        reject(new ConnectionError(`nobody listens on ${subject}`, { code: "NO_RESPONDERS" }));
      else if (accepts(message)) resolve(message);
    });
    const off = bus.onStatus((status) => {
      if (status !== "connected") reject(new ConnectionError("the connection was lost"));
    });
    const end = (): void => {
      off();
      inbox.unsubscribe();
    };
    const offAbort = onAbort(signal, end); // before the caller hears of it
    try {
      await bus.publish(subject, data, { reply });
      return await raceSignal(response, signal);
    } finally {
      offAbort();
      end();
    }
  });
}
