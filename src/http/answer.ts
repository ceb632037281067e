/** Responses that were read to their end, and those whose body is still on its way. */

/** A response that was read to its end. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The body as it came, after decompression. */
  readonly text: string;
  /** The body as JSON where it is JSON, undefined where there is none, else the text. */
  readonly body: unknown;
}

/** Headers as a transport has them. */
export type RawHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

const utf8 = new TextDecoder();

/** An answer whose parts are made when they are asked for: most calls need the body alone. */
export class Answer implements HttpAnswer {
  readonly status: number;
  readonly bytes: Uint8Array;
  /** The pieces of the body while they arrive, for a response that was asked for as a stream. */
  chunks: AsyncIterable<Uint8Array> | undefined;
  /** The answer as an error may show it, without the credentials of its call. */
  shown: (() => Answer) | undefined;
  /** Ends a stream that nobody is going to read. */
  discard: (() => void) | undefined;
  readonly #raw: RawHeaders;
  #headers: Headers | undefined;
  #text: string | undefined;
  #body: unknown;
  #parsed = false;

  constructor(status: number, headers: RawHeaders, content: Uint8Array | AsyncIterable<Uint8Array>) {
    this.status = status;
    this.#raw = headers;
    const isWhole = ArrayBuffer.isView(content);
    this.bytes = isWhole ? content : new Uint8Array(0);
    this.chunks = isWhole ? undefined : content;
  }

  get headers(): Headers {
    this.#headers ??= isHeaders(this.#raw) ? this.#raw : headersOf(this.#raw);
    return this.#headers;
  }

  get text(): string {
    this.#text ??= utf8.decode(this.bytes);
    return this.#text;
  }

  /** Whatever its content type says, a body is JSON if it can be read as such: servers get the header wrong. */
  get body(): unknown {
    if (this.#parsed) return this.#body;
    this.#parsed = true;
    if (this.text === "") return undefined;
    try {
      this.#body = JSON.parse(this.text);
    } catch {
      this.#body = this.text;
    }
    return this.#body;
  }
}

/** Told by its method, since a page may have been given the fetch of another realm. */
export function isHeaders(raw: RawHeaders | undefined): raw is Headers {
  return typeof raw?.get === "function" && Symbol.iterator in raw;
}

function headersOf(raw: Exclude<RawHeaders, Headers>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) {
    for (const one of typeof value === "string" ? [value] : (value ?? [])) headers.append(name, one);
  }
  return headers;
}

/** Facts for messages, such as "HTTP 200, text/html, 512 bytes". */
export function describeAnswer(answer: HttpAnswer): string {
  const { status, headers, text } = answer;
  const isUnread = answer instanceof Answer && answer.chunks !== undefined;
  const size = isUnread ? undefined : text === "" ? "no body" : `${text.length} characters`;
  return [`HTTP ${status}`, headers.get("content-type"), size].filter(Boolean).join(", ");
}
