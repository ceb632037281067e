/** What a call of a generated client returns: a promise of the data that also gives access to the response. */

/** Facts about the response that a call ended with. */
export interface ResponseInfo {
  readonly status: number;
  readonly headers: Headers;
  /** The id under which the peer logged the call, if it sent one. */
  readonly requestId: string | undefined;
  /** Requests this call made, retries included. */
  readonly attempts: number;
}

/** The data of a call together with the facts about its response. */
export interface WithResponse<T> extends ResponseInfo {
  readonly data: T;
}

type StatusOf<Key> = Key extends number ? Key : number;

/**
 * How a call ended, by status: `ok` with the data, or one of the errors that the spec describes, with its body.
 * `E` maps statuses (or `default`, `"4XX"`) to the types of their bodies.
 */
export type Outcome<T, E> =
  | ({ readonly ok: true; readonly data: T } & ResponseInfo)
  | {
      [Key in keyof E]: { readonly ok: false; readonly status: StatusOf<Key>; readonly error: E[Key] } & Omit<
        ResponseInfo,
        "status"
      >;
    }[keyof E];

/** A call that has ended: with data, or with an error and, if a response was the reason, the body it had. */
export type Settled<T> =
  | { readonly ok: true; readonly data: T; readonly info: () => ResponseInfo }
  | {
      readonly ok: false;
      readonly error: unknown;
      /** Set if the spec describes this response: its converted body. */
      readonly described?: { readonly body: unknown; readonly info: () => ResponseInfo };
    };

/** As `Promise` has it: the handler may name the class of error that it expects. */
type Rejected<B> = { handle(error: unknown): B | PromiseLike<B> }["handle"];

/**
 * The result of a call. The request starts at once; the promise rejects only for those who wait for the data, so
 * that `withResponse()` and `outcome()` alone never leave an unhandled rejection behind.
 */
export class ResponsePromise<T, E = Record<string, unknown>> extends Promise<T> {
  readonly #settled: Promise<Settled<T>>;

  /** `settled` must not reject. */
  constructor(settled: Promise<Settled<T>>) {
    super(() => {});
    this.#settled = settled;
  }

  /** The promise of a call that a runtime makes of several. */
  static of<T>(work: Promise<WithResponse<T>>): ResponsePromise<T> {
    return new ResponsePromise<T>(
      work.then(
        (response) => ({ ok: true, data: response.data, info: () => response }),
        (error: unknown) => ({ ok: false, error }),
      ),
    );
  }

  /** Promises derived by `then`, `catch` and `finally` are plain ones. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  // biome-ignore lint/suspicious/noThenProperty: this is a promise
  override then<A = T, B = never>(
    onData?: ((data: T) => A | PromiseLike<A>) | null,
    onError?: Rejected<B> | null,
  ): Promise<A | B> {
    return this.#settled.then(dataOf).then(onData, onError);
  }

  /** The data with status, headers, request id and attempts. Rejects as the promise itself does. */
  async withResponse(): Promise<WithResponse<T>> {
    const settled = await this.#settled;
    if (!settled.ok) throw settled.error;
    return { ...settled.info(), data: settled.data };
  }

  /**
   * The data, or the error response with the body the spec describes for its status. Rejects for everything else:
   * no connection, an abort, a timeout, a response that the spec does not describe.
   */
  async outcome(): Promise<Outcome<T, E>> {
    const settled = await this.#settled;
    if (settled.ok) return { ...settled.info(), ok: true, data: settled.data };
    if (settled.described === undefined) throw settled.error;
    const { body, info } = settled.described;
    return { ok: false, ...info(), error: body } as Outcome<T, E>;
  }

  /** The same call with other data. What `change` throws is the error of the call. */
  map<U>(change: (data: T) => U): ResponsePromise<U, E> {
    return new ResponsePromise<U, E>(
      this.#settled.then((settled) => {
        if (!settled.ok) return settled;
        try {
          return { ...settled, data: change(settled.data) };
        } catch (error) {
          return { ok: false, error };
        }
      }),
    );
  }
}

function dataOf<T>(settled: Settled<T>): T {
  if (settled.ok) return settled.data;
  throw settled.error;
}
