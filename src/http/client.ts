/** Stub of the pipeline while it is being built: signatures only. */
import type { HttpOperation } from "./operation.js";
import type { HttpClientOptions, SendOptions } from "./options.js";
import type { PagePromise } from "./pages.js";
import type { ResponsePromise } from "./response-promise.js";

/** What a generated client knows by itself; options of the user win. */
export type ClientDefaults = Pick<HttpClientOptions, "server" | "keyMap">;

/** The pipeline under a generated client. */
export class HttpClient {
  /** Without a trailing slash. */
  readonly baseUrl: string = "";
  constructor(_options: HttpClientOptions) {}
  /** `given` itself if it is a pipeline already (several clients then share it), else a new one. */
  static of(_given: HttpClientOptions | HttpClient, _defaults: ClientDefaults): HttpClient {
    throw new Error("not built yet");
  }
  /** Makes a call and returns its data: JSON (converted to camelCase), text, bytes or nothing, as the operation says. */
  send<T, E = unknown>(
    _operation: HttpOperation,
    _path: readonly (string | number)[],
    _options?: SendOptions,
    _body?: unknown,
  ): ResponsePromise<T, E> {
    throw new Error("not built yet");
  }
  /** The same for an operation with paging: iterating over the result asks for page after page. */
  pages<T, Item, E = unknown>(
    _operation: HttpOperation,
    _path: readonly (string | number)[],
    _options?: SendOptions,
    _body?: unknown,
  ): PagePromise<T, Item, E> {
    throw new Error("not built yet");
  }
  /** Opens an event stream and returns the data of its events, parsed as JSON and converted. */
  events<Event>(
    _operation: HttpOperation,
    _path: readonly (string | number)[],
    _options?: SendOptions,
    _body?: unknown,
  ): AsyncIterable<Event> {
    throw new Error("not built yet");
  }
  /** Ends calls in flight with a ClosedError and refuses later ones. */
  async close(): Promise<void> {}
}
