/** List operations whose pages follow one another. */
import { ResponsePromise } from "./response-promise.js";

/** The first page, and with `for await` the items of all pages. */
export class PagePromise<T, Item, E = unknown> extends ResponsePromise<T, E> implements AsyncIterable<Item> {
  [Symbol.asyncIterator](): AsyncIterator<Item> {
    throw new Error("not built yet");
  }
}
