/** List operations whose pages follow one another. */
import type { HttpOperation, Paging } from "./operation.js";
import { ResponsePromise, type Settled } from "./response-promise.js";

/** Reads the page that a query stands for. */
type ReadPage<T> = (query: object) => Promise<Settled<T>>;

/** The first page, and with `for await` the items of all pages. Ends with the first page that is empty or the last. */
export class PagePromise<T, Item, E = Record<string, unknown>>
  extends ResponsePromise<T, E>
  implements AsyncIterable<Item>
{
  readonly #paging: Paging;
  readonly #query: Readonly<Record<string, unknown>>;
  readonly #read: ReadPage<T>;

  constructor({ paging = { parameter: "offset" } }: HttpOperation, query: object, read: ReadPage<T>) {
    super(read(query));
    this.#paging = paging;
    this.#query = { ...query };
    this.#read = read;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    const { items: member, parameter, next: nextMember, counts = "offset" } = this.#paging;
    let page: T = await this;
    let position = Number(this.#query[parameter] ?? (counts === "page" ? 1 : 0));
    for (;;) {
      const found: unknown = member === undefined ? page : (page as Record<string, unknown>)[member];
      const list: readonly Item[] = Array.isArray(found) ? found : [];
      yield* list;
      const cursor = nextMember === undefined ? undefined : (page as Record<string, unknown>)[nextMember];
      const isLast =
        nextMember === undefined
          ? list.length === 0
          : cursor === undefined || cursor === null || cursor === "";
      if (isLast) return;
      position += counts === "page" ? 1 : list.length;
      page = await new ResponsePromise<T>(this.#read({ ...this.#query, [parameter]: cursor ?? position }));
    }
  }
}
