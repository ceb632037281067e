/** List operations whose pages follow one another. */
import { describe, expect, it } from "vitest";
import { AbortError, NotFoundError, UpstreamError } from "../../src/core/errors.js";
import { type HttpOperation, PagePromise } from "../../src/http/index.js";
import { all, client, failure, json, read, serve, transports } from "./server.ts";

const list: HttpOperation = { ...read, id: "list", path: "/things" };
const total = 7;

/** Serves the numbers 0 to 6, three a page. */
const pagesOf = (answer: (query: URLSearchParams) => unknown) =>
  serve(({ url }, response) => json(response, 200, answer(new URL(url, "http://h").searchParams)));

const slice = (from: number) => [0, 1, 2, 3, 4, 5, 6].slice(from, from + 3);

describe.each(transports)("pages over %s", (_, how) => {
  it("by offset end with an empty one", async () => {
    const { baseUrl, seen } = await pagesOf((query) => slice(Number(query.get("offset"))));
    const call = client(baseUrl, how).pages<number[], number>(list, [], { query: { limit: 3 } });
    expect(await all(call)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(seen.map(({ url }) => url)).toEqual([
      "/things?limit=3",
      "/things?limit=3&offset=3",
      "/things?limit=3&offset=6",
      "/things?limit=3&offset=7",
    ]);
  });

  it("by offset begin where the query says", async () => {
    const { baseUrl, seen } = await pagesOf((query) => ({ items: slice(Number(query.get("skip"))) }));
    const operation: HttpOperation = { ...list, paging: { parameter: "skip", items: "items" } };
    const call = client(baseUrl, how).pages<unknown, number>(operation, [], { query: { skip: 4 } });
    expect(await all(call)).toEqual([4, 5, 6]);
    expect(seen.map(({ url }) => url)).toEqual(["/things?skip=4", "/things?skip=7"]);
  });

  it.each([{}, { items: "items" }])("by number count from 1, or from the one given: %j", async (within) => {
    const { baseUrl, seen } = await pagesOf((query) => {
      const page = slice((Number(query.get("page") ?? 1) - 1) * 3);
      return "items" in within ? { items: page } : page;
    });
    const operation: HttpOperation = { ...list, paging: { parameter: "page", counts: "page", ...within } };
    const http = client(baseUrl, how);
    expect(await all(http.pages<number[], number>(operation, []))).toHaveLength(total);
    expect(await all(http.pages<number[], number>(operation, [], { query: { page: 3 } }))).toEqual([6]);
    expect(seen.map(({ url }) => url)).toEqual([
      "/things",
      "/things?page=2",
      "/things?page=3",
      "/things?page=4",
      "/things?page=3",
      "/things?page=4",
    ]);
  });

  it.each([undefined, null, ""])(
    "by cursor end with the cursor %j, and go on past an empty page",
    async (last) => {
      const pages = [
        { found: [0, 1], after: "a/b" },
        { found: [], after: "c" },
        { found: [2], after: last },
      ];
      const { baseUrl, seen } = await pagesOf(
        (query) => pages[[null, "a/b", "c"].indexOf(query.get("cursor"))],
      );
      const paging = { parameter: "cursor", items: "found", next: "after" };
      const call = client(baseUrl, how).pages<unknown, number>({ ...list, paging }, [], { query: { q: 1 } });
      expect(await all(call)).toEqual([0, 1, 2]);
      expect(seen.map(({ url }) => url)).toEqual([
        "/things?q=1",
        "/things?q=1&cursor=a%2Fb",
        "/things?q=1&cursor=c",
      ]);
    },
  );

  it("have the keys of TypeScript, in items and in the query", async () => {
    const keyMap = {
      Query: { page_token: null },
      Page: { next_token: null, all_items: { list: "Item" } },
      Item: { made_by: null },
    };
    const shapes = { query: "Query", responses: { 200: "Page" } };
    const paging = { parameter: "pageToken", items: "allItems", next: "nextToken" };
    const { baseUrl, seen } = await pagesOf((query) =>
      query.has("page_token")
        ? { all_items: [{ made_by: 2 }] }
        : { all_items: [{ made_by: 1 }], next_token: "n" },
    );
    const call = client(baseUrl, { ...how, keyMap }).pages<unknown, unknown>({ ...list, shapes, paging }, []);
    expect(await all(call)).toEqual([{ madeBy: 1 }, { madeBy: 2 }]);
    expect(seen.map(({ url }) => url)).toEqual(["/things", "/things?page_token=n"]);
  });

  it("are asked for only while somebody reads", async () => {
    const { baseUrl, seen } = await pagesOf((query) => slice(Number(query.get("offset"))));
    const found: number[] = [];
    for await (const item of client(baseUrl, how).pages<number[], number>(list, [])) {
      found.push(item);
      if (item === 4) break;
    }
    expect(found).toEqual([0, 1, 2, 3, 4]);
    expect(seen).toHaveLength(2);
  });

  it("give the first one to whoever waits for the promise", async () => {
    const { baseUrl, seen } = await pagesOf((query) => slice(Number(query.get("offset"))));
    const call = client(baseUrl, how).pages<number[], number>(list, []);
    expect(call).toBeInstanceOf(PagePromise);
    expect(await call).toEqual([0, 1, 2]);
    expect(await call.withResponse()).toMatchObject({ data: [0, 1, 2], status: 200, attempts: 1 });
    expect(await call.map((page) => page.length)).toBe(3);
    expect(seen).toHaveLength(1);
    expect(await all(call)).toHaveLength(total);
    // The first page was there already.
    expect(seen).toHaveLength(4);
  });

  it("throw the error of a page from the iteration, after the items before it", async () => {
    const { baseUrl, seen } = await serve((_, response, n) =>
      n === 0 ? json(response, 200, slice(0)) : json(response, 404, {}),
    );
    const found: number[] = [];
    const reading = (async () => {
      for await (const item of client(baseUrl, how).pages<number[], number>(list, [])) found.push(item);
    })();
    expect(await failure(reading)).toBeInstanceOf(NotFoundError);
    expect(found).toEqual([0, 1, 2]);
    expect(seen).toHaveLength(2);
  });

  it("are retried one by one, and end with the caller's signal", async () => {
    const controller = new AbortController();
    const { baseUrl } = await serve((_, response, n) =>
      n % 2 === 0 ? json(response, 503, {}) : json(response, 200, [n]),
    );
    const http = client(baseUrl, how);
    const found: number[] = [];
    const reading = (async () => {
      for await (const item of http.pages<number[], number>(list, [], { signal: controller.signal })) {
        found.push(item);
        if (found.length === 3) controller.abort();
      }
    })();
    expect(await failure(reading)).toBeInstanceOf(AbortError);
    expect(found).toEqual([1, 3, 5]);
    const first = http.pages(list, [], { retry: false });
    expect(await failure(all(first))).toBeInstanceOf(UpstreamError);
  });
});
