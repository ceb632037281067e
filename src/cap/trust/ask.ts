/** One request of a worker trust handshake over a bus. */
import { type DeadlineOptions, raceSignal, withDeadline } from "../../core/abort.js";
import { ConnectionError } from "../../core/errors.js";
import { randomHex } from "../../core/ids.js";
import type { Bus, BusMessage, BusStatus } from "../bus.js";

const BRACE = 0x7b;
const NO_RESPONDERS = 503;

/**
 * Publishes a request and resolves with the first response of a scheduler. A stream that keeps the subject responds with
 * a JSON acknowledgement, usually first; the clients' own request would take that for the response.
 *
 * @throws TimeoutError; ConnectionError, with the code `NO_RESPONDERS` if the server says that nobody listens; what the
 * bus throws.
 */
export function askScheduler(
  bus: Bus,
  subject: string,
  bytes: Uint8Array,
  options: Pick<DeadlineOptions, "timeoutMs" | "clock" | "signal">,
): Promise<Uint8Array> {
  return withDeadline({ ...options, what: `request on ${subject}` }, async (signal) => {
    const reply = `${bus.inboxPrefix ?? "_INBOX"}.${randomHex(16)}`;
    const response = new FirstResponse(subject);
    const inbox = await bus.subscribe(reply, response.onMessage);
    const off = bus.onStatus(response.onStatus);
    try {
      await bus.publish(subject, bytes, { reply });
      return await raceSignal(response.data, signal);
    } finally {
      off();
      inbox.unsubscribe();
    }
  });
}

class FirstResponse {
  readonly data: Promise<Uint8Array>;
  #resolve!: (data: Uint8Array) => void;
  #reject!: (error: Error) => void;

  constructor(readonly subject: string) {
    this.data = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.data.catch(() => {}); // it may fail before anybody waits
  }

  readonly onMessage = ({ data, status }: BusMessage): void => {
    if (status === NO_RESPONDERS)
      this.#reject(new ConnectionError(`nobody listens on ${this.subject}`, { code: "NO_RESPONDERS" }));
    else if (data.length > 0 && data[0] !== BRACE) this.#resolve(data);
  };

  readonly onStatus = (status: BusStatus): void => {
    if (status !== "connected") this.#reject(new ConnectionError("the connection was lost"));
  };
}
