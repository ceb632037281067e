/** One request and its answer: the time it may take, its end by a signal, and the second try on a fresh connection. */
import { abortError } from "../abort-error.js";
import type { Clock } from "../clock.js";
import { ConnectionError, TimeoutError } from "../errors.js";
import type { KeepAliveAnswer, KeepAliveRequest } from "../keep-alive-fetch.js";
import { onAbort } from "../on-abort.js";
import type { AnswerHead } from "./answer-head.js";
import type { AnswerSink, Connection } from "./connection.js";
import type { Pool } from "./pool.js";

/** The body of an answer: kept until somebody reads it or throws it away. */
class Body {
  #waiting: Uint8Array<ArrayBuffer>[] | undefined = [];
  #onChunk: ((chunk: Uint8Array<ArrayBuffer>) => void) | undefined;
  #settle: { resolve(): void; reject(error: unknown): void } | undefined;
  #end: { readonly error?: unknown } | undefined;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  push(bytes: Uint8Array): void {
    // A copy: the memory is used again.
    if (this.#onChunk !== undefined) this.#give(new Uint8Array(bytes));
    else this.#waiting?.push(new Uint8Array(bytes));
  }

  /** True when somebody reads it or throws it away. */
  get wanted(): boolean {
    return this.#waiting === undefined;
  }

  end(error?: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = error === undefined ? {} : { error };
    if (error === undefined) this.#settle?.resolve();
    else this.#settle?.reject(error);
  }

  read(onChunk: (chunk: Uint8Array<ArrayBuffer>) => void): Promise<void> {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#onChunk = onChunk;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      for (const bytes of waiting) this.#give(bytes);
      if (this.#end === undefined) this.#connection.resume();
      else if (this.#end.error === undefined) resolve();
      else reject(this.#end.error);
    });
  }

  discard(): void {
    this.#waiting = undefined;
    if (this.#end === undefined) this.#connection.resume();
  }

  #give(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#end?.error !== undefined) return;
    try {
      this.#onChunk?.(bytes);
    } catch (error) {
      const complete = this.#end !== undefined;
      this.#end = { error };
      this.#settle?.reject(error);
      if (!complete) this.#connection.destroy();
    }
  }
}

/** Makes a request. `onDone` is called when the answer is complete or lost. */
export function exchange(
  pool: Pool,
  head: string,
  path: string,
  given: KeepAliveRequest,
  clock: Clock,
  onDone?: () => void,
): Promise<KeepAliveAnswer> {
  const { method, body, signal, headTimeoutMs = Infinity, retryStale = false } = given;
  return new Promise((resolve, reject) => {
    let connection: Connection | undefined;
    let answer: Body | undefined;
    let retried = !retryStale;
    let done = false;
    const stopTimer = (): void => {
      if (timer !== undefined) clock.clearTimeout(timer);
      timer = undefined;
    };
    /** What nobody wants must not hold its connection for long. */
    const limitRest = (): void => {
      if (done || headTimeoutMs === Infinity || timer !== undefined) return;
      timer = clock.setTimeout(() => connection?.destroy(), headTimeoutMs);
    };
    const finish = (error?: Error): void => {
      if (done) return;
      done = true;
      stopTimer();
      off?.();
      if (answer !== undefined) answer.end(error);
      else if (error !== undefined) reject(error);
      onDone?.();
    };
    const cut = (error: Error): void => {
      leave();
      finish(error);
      connection?.destroy();
    };
    const sink: AnswerSink = {
      onHead(found) {
        stopTimer();
        answer = new Body(connection!);
        resolve(answerOf(found, answer, limitRest));
      },
      onBody: (bytes) => answer?.push(bytes),
      wantsMore: () => answer?.wanted ?? true,
      onEnd: () => finish(),
      onError(error, untouched) {
        // The server closed it while it lay idle, which is no answer.
        if (untouched && connection?.used && !retried && !done) {
          retried = true;
          pool.dropFree();
          leave = pool.take(start);
        } else finish(error);
      },
    };
    const start = (taken: Connection | undefined): void => {
      connection = taken;
      if (taken === undefined) return finish(new ConnectionError("the client was closed"));
      taken.send(method, head, body, sink);
    };
    let timer =
      headTimeoutMs === Infinity
        ? undefined
        : clock.setTimeout(() => {
            cut(new TimeoutError(`${method} ${path} took longer than ${headTimeoutMs} ms`));
          }, headTimeoutMs);
    const off = signal && onAbort(signal, () => cut(abortError(signal)));
    let leave = pool.take((taken) => start(taken));
  });
}

function answerOf(head: AnswerHead, body: Body, onDiscard: () => void): KeepAliveAnswer {
  return {
    status: head.status,
    statusText: head.statusText,
    headers: head.headers,
    read: (onChunk) => body.read(onChunk),
    discard() {
      body.discard();
      onDiscard();
    },
  };
}
