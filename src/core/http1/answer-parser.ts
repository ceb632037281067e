/** Reads answers from the bytes of one connection, however they are cut. */
import { type AnswerHead, parseHead, refused } from "./answer-head.js";

/** Who is told what was read. */
export interface AnswerListener {
  onHead(head: AnswerHead): void;
  /** A piece of the body, in memory that is used again after the call. */
  onBody(bytes: Uint8Array): void;
  onEnd(head: AnswerHead): void;
}

/** Most characters of a head, and of the line before a chunk. */
const maxHead = 65_536;
const maxLine = 4_096;

type State = "idle" | "head" | "bytes" | "chunk-line" | "chunk" | "chunk-end" | "trailer" | "until-close";

/** One parser per connection; {@link AnswerParser.begin} before each answer. */
export class AnswerParser {
  #listener: AnswerListener | undefined;
  #method = "GET";
  #state: State = "idle";
  #text = "";
  #left = 0;
  #head: AnswerHead | undefined;
  /** Heads often come again to the letter, so the last one is kept. */
  #last: { readonly text: string; readonly method: string; readonly head: AnswerHead } | undefined;

  /** The next bytes are the answer to a request of this method. */
  begin(method: string, listener: AnswerListener): void {
    this.#method = method;
    this.#listener = listener;
    this.#state = "head";
  }

  /** True between answers. */
  get idle(): boolean {
    return this.#state === "idle";
  }

  /** True when nothing of the awaited answer has come. */
  get untouched(): boolean {
    return this.#state === "head" && this.#text === "";
  }

  /** Takes bytes. Throws a `ConnectionError` when they are no answer; then the connection is of no use any more. */
  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      switch (this.#state) {
        case "idle":
          throw refused("bytes that nobody asked for");
        case "until-close":
          this.#listener?.onBody(bytes.subarray(at));
          return;
        case "bytes":
        case "chunk": {
          const end = Math.min(at + this.#left, bytes.length);
          this.#left -= end - at;
          this.#listener?.onBody(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
          at = end;
          if (this.#left > 0) return;
          if (this.#state === "bytes") this.#finish();
          else this.#state = "chunk-end";
          break;
        }
        case "head":
          at = this.#readText(bytes, at, "\r\n\r\n", maxHead);
          break;
        default:
          at = this.#readText(bytes, at, "\r\n", maxLine);
      }
    }
  }

  /** The connection was closed in order. True when that was the end of an answer. */
  close(): boolean {
    if (this.#state !== "until-close") return false;
    this.#finish();
    return true;
  }

  /** Collects text up to `mark`, deals with it, and returns where it ended. */
  #readText(bytes: Buffer, at: number, mark: string, limit: number): number {
    const before = this.#text.length;
    // No more than may be kept, plus the mark.
    const text =
      this.#text + bytes.toString("latin1", at, Math.min(bytes.length, at + limit + mark.length - before));
    const found = text.indexOf(mark, Math.max(0, before - mark.length + 1));
    if (found < 0) {
      if (text.length >= limit) throw refused("it has no end");
      this.#text = text;
      return bytes.length;
    }
    this.#text = "";
    this.#onText(text.slice(0, found));
    return at + found + mark.length - before;
  }

  #onText(text: string): void {
    switch (this.#state) {
      case "head":
        return this.#onHead(text);
      case "chunk-line": {
        const size = /^([\da-fA-F]{1,12})[ \t]*(?:;[^\r\n]*)?$/.exec(text)?.[1];
        if (size === undefined) throw refused("a chunk of no known size");
        this.#left = Number.parseInt(size, 16);
        this.#state = this.#left === 0 ? "trailer" : "chunk";
        return;
      }
      case "chunk-end":
        if (text !== "") throw refused("a chunk that is longer than its size");
        this.#state = "chunk-line";
        return;
      default:
        // Trailers say nothing that anybody here asks for.
        if (text === "") this.#finish();
    }
  }

  #onHead(text: string): void {
    const known = this.#last;
    const method = this.#method;
    const head = known?.text === text && known.method === method ? known.head : parseHead(text, method);
    if (head.status === 101) throw refused("a switch of protocols");
    if (head.status < 200) return;
    if (known?.head !== head) this.#last = { text, method, head };
    this.#head = head;
    const { bodyEnd } = head;
    this.#state = bodyEnd === "chunked" ? "chunk-line" : bodyEnd === "close" ? "until-close" : "bytes";
    this.#left = typeof bodyEnd === "number" ? bodyEnd : 0;
    this.#listener?.onHead(head);
    if (bodyEnd === 0) this.#finish();
  }

  #finish(): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#state = "idle";
    listener?.onEnd(this.#head!);
  }
}
