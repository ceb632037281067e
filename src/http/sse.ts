/** Server-sent events, from bytes to messages, with a bound on the size of one. */
import { createParser, type EventSourceMessage, type EventSourceParser } from "eventsource-parser";
import { ProtocolError } from "../core/errors.js";

/** Options of {@link SseDecoder}. */
export interface SseDecoderOptions {
  /** Called with every event that has data, in order. */
  readonly onEvent: (event: EventSourceMessage) => void;
  /** The largest event, in bytes. A larger one makes {@link SseDecoder.push} throw. Default: 8 MiB. */
  readonly maxEventBytes?: number | undefined;
}

/**
 * Decodes one event stream (WHATWG HTML, section 9.2): UTF-8 across chunks, a byte order mark, LF, CRLF and CR,
 * also split over chunks. Comments and unfinished events are dropped.
 */
export class SseDecoder {
  readonly #parser: EventSourceParser;
  readonly #text = new TextDecoder();
  readonly #maxEventBytes: number;
  #tooLarge = false;
  #afterCr = false;

  constructor(options: SseDecoderOptions) {
    this.#maxEventBytes = options.maxEventBytes ?? 8_388_608;
    this.#parser = createParser({
      onEvent: options.onEvent,
      onError: ({ type }) => {
        if (type === "max-buffer-size-exceeded") this.#tooLarge = true;
      },
      // Characters never outnumber bytes, so this many of them are at least as many bytes.
      maxBufferSize: this.#maxEventBytes,
    });
  }

  /** Takes the next bytes. Throws a `ProtocolError` (code `EVENT_TOO_LARGE`) once; push no more after it. */
  push(chunk: Uint8Array): void {
    const text = this.#lines(this.#text.decode(chunk, { stream: true }));
    if (text !== "") this.#parser.feed(text);
    if (this.#tooLarge) {
      throw new ProtocolError(`an event of the stream takes more than ${this.#maxEventBytes} bytes`, {
        code: "EVENT_TOO_LARGE",
      });
    }
  }

  /** With LF alone. The parser would wait for what follows a CR, and a stream may end or rest there. */
  #lines(text: string): string {
    if (text === "") return "";
    const rest = this.#afterCr && text.startsWith("\n") ? text.slice(1) : text;
    this.#afterCr = text.endsWith("\r");
    return rest.includes("\r") ? rest.replace(/\r\n?/g, "\n") : rest;
  }
}
