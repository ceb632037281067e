/** Server-sent events, from bytes to messages, with a bound on the size of one. */
import { ProtocolError } from "../core/errors.js";

/** One event of a stream. */
export interface ServerSentEvent {
  /** Its `data` lines, joined with LF. */
  readonly data: string;
  /** Its `event` line, unless that is empty. */
  readonly event?: string | undefined;
  /** Its `id` line; an empty one forgets earlier ids. */
  readonly id?: string | undefined;
}

/** Options of {@link SseDecoder}. */
export interface SseDecoderOptions {
  /** Called with every event that has data, in order. */
  readonly onEvent: (event: ServerSentEvent) => void;
  /** The largest event, in bytes. A larger one makes {@link SseDecoder.push} throw. Default: 8 MiB. */
  readonly maxEventBytes?: number | undefined;
  /**
   * Called with the beginning of the data of an event that is too large, 64 Ki characters at most. If it returns
   * true, the rest of the event is skipped, up to 128 MiB.
   */
  readonly onTooLarge?: ((start: string) => boolean) | undefined;
  /** The id that the stream is opened with. Default: none. */
  readonly lastEventId?: string | undefined;
}

const START_CHARACTERS = 65_536;
/** Characters of an event that are skipped at most: one that never ends would keep the stream from being of use. */
const MAX_SKIPPED = 134_217_728;

/**
 * Decodes one event stream (WHATWG HTML, section 9.2): UTF-8 across chunks, a byte order mark, LF, CRLF and CR,
 * also split over chunks. Comments and unfinished events are dropped.
 */
export class SseDecoder {
  readonly #options: SseDecoderOptions;
  readonly #text = new TextDecoder();
  readonly #maxEventBytes: number;
  #afterCr = false;
  /** The line that has not ended yet. */
  #pieces: string[] = [];
  #pendingLength = 0;
  #data: string[] = [];
  #dataLength = 0;
  #event: string | undefined;
  #id: string | undefined;
  #lastEventId: string;
  #retryMs: number | undefined;
  /** How much of an event that is too large was skipped; undefined outside such an event. */
  #skipped: number | undefined;

  constructor(options: SseDecoderOptions) {
    this.#options = options;
    this.#maxEventBytes = options.maxEventBytes ?? 8_388_608;
    this.#lastEventId = options.lastEventId ?? "";
  }

  /** What `Last-Event-ID` says when the stream is opened again; see {@link lastEventIdHeader}. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /** The wait before the stream is opened again that the server asks for, in milliseconds, if it does. */
  get retryMs(): number | undefined {
    return this.#retryMs;
  }

  /** Takes the next bytes. Throws a `ProtocolError` (code `EVENT_TOO_LARGE`) once; push no more after it. */
  push(chunk: Uint8Array): void {
    const text = this.#withLf(this.#text.decode(chunk, { stream: true }));
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      this.#pieces.push(text.slice(start, end));
      const line = this.#pieces.length === 1 ? this.#pieces[0]! : this.#pieces.join("");
      this.#pieces = [];
      this.#pendingLength = 0;
      this.#line(line);
      start = end + 1;
    }
    if (start === text.length) return;
    this.#pieces.push(start === 0 ? text : text.slice(start));
    this.#pendingLength += text.length - start;
    this.#checkSize();
  }

  /** With LF alone. A CR ends its line at once: a stream may end or rest there. */
  #withLf(text: string): string {
    if (text === "") return "";
    const rest = this.#afterCr && text.startsWith("\n") ? text.slice(1) : text;
    this.#afterCr = text.endsWith("\r");
    return rest.includes("\r") ? rest.replace(/\r\n?/g, "\n") : rest;
  }

  #line(line: string): void {
    if (line === "") return this.#dispatch();
    if (this.#skipped !== undefined) return this.#skip(line.length);
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") {
      this.#data.push(value);
      this.#dataLength += value.length + 1;
      this.#checkSize();
    } else if (field === "event") this.#event = value || undefined;
    else if (field === "id") this.#id = value.includes("\0") ? this.#id : value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) this.#retryMs = Number(value);
  }

  #dispatch(): void {
    const [data, event, id, skipped] = [this.#data, this.#event, this.#id, this.#skipped];
    this.#data = [];
    this.#dataLength = 0;
    this.#event = undefined;
    this.#id = undefined;
    this.#skipped = undefined;
    if (id !== undefined) this.#lastEventId = id;
    if (data.length === 0 || skipped !== undefined) return;
    this.#options.onEvent({ data: data.length === 1 ? data[0]! : data.join("\n"), event, id });
  }

  /** Characters never outnumber bytes. */
  #checkSize(): void {
    if (this.#skipped !== undefined) return this.#skip(0);
    if (this.#dataLength + this.#pendingLength <= this.#maxEventBytes) return;
    const start = [...this.#data, this.#pieces.join("").replace(/^data: ?/, "")].join("\n");
    if (this.#options.onTooLarge?.(start.slice(0, START_CHARACTERS)) !== true) throw this.#tooLarge();
    this.#skipped = this.#dataLength;
    this.#data = [];
    this.#skip(0);
  }

  /** Of the line that has not ended yet it is only kept that it is not empty. */
  #skip(length: number): void {
    this.#skipped = (this.#skipped ?? 0) + length + this.#pendingLength;
    if (this.#pieces.length > 0) this.#pieces = ["x"];
    this.#pendingLength = 0;
    if (this.#skipped > MAX_SKIPPED) throw this.#tooLarge();
  }

  #tooLarge(): ProtocolError {
    const message = `an event of the stream takes more than ${this.#maxEventBytes} bytes (maxEventBytes)`;
    return new ProtocolError(message, { code: "EVENT_TOO_LARGE" });
  }
}

/**
 * An event id as the value of `Last-Event-ID`: in UTF-8, as browsers send it. Undefined for an empty id and for one
 * that no server would take in a header: with control characters, or longer than 1,024 characters.
 */
export function lastEventIdHeader(id: string): string | undefined {
  if (id.length > 1_024) return undefined;
  const value = String.fromCharCode(...new TextEncoder().encode(id));
  return value === "" || /[^\t\x20-\x7e\x80-\xff]/.test(value) ? undefined : value;
}
