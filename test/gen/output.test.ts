import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { fromWire, type KeyMap, toWire } from "../../src/core/keys.ts";
import { generate } from "../../src/generate/run.ts";
import { HttpClient, type HttpOperation, ResponsePromise } from "../../src/http/index.ts";
import { req } from "../requirements/index.ts";
import { makeProject, type Project, shopOnly, shop as shopSpec } from "./project.ts";

/** What the tests use of the generated modules; their types are the subject of `types.test.ts`. */
interface Shop {
  readonly keyMap: KeyMap;
  readonly operationTable: Record<string, HttpOperation>;
  readonly operationSchemas: Record<
    string,
    { request?: string; responses: Record<string, string>; events?: string }
  >;
  readonly toolActions: Record<string, Record<string, { params: string; result: string }>>;
  readonly membersSince: unknown;
  readonly schemaDocument: object;
  schemaRef(name: string): string;
  readonly ShopClient: new (
    options: object,
  ) => Record<"listOrders" | "placeOrder" | "watchOrder" | "close", (...given: unknown[]) => unknown> & {
    readonly baseUrl: string;
  };
}

let project: Project;
let shop: Shop;

beforeAll(async () => {
  project = makeProject();
  await generate({ root: project.root, config: shopOnly });
  shop = (await import(project.path("gen/shop/index.ts"))) as Shop;
});
afterAll(() => project.remove());

describe("generated tables", () => {
  it(req("specs.gen.operations", "name method, path and retry rule of every operation"), () => {
    const errors = ["4XX"];
    const responses = { "4XX": "Problem" };
    expect(shop.operationTable).toEqual({
      listOrders: {
        id: "listOrders",
        method: "GET",
        path: "/orders",
        idempotent: true,
        expects: "object",
        errors,
        shapes: { query: "ListOrdersQuery", responses: { "200": "listOrders.200", ...responses } },
      },
      placeOrder: {
        id: "placeOrder",
        method: "POST",
        path: "/orders",
        idempotent: false,
        retry: "never",
        body: "json",
        expects: "object",
        errors,
        shapes: { request: "NewOrder", responses: { "201": "Order", ...responses } },
      },
      watchOrder: {
        id: "watchOrder",
        method: "GET",
        path: "/orders/{order_id}/events",
        idempotent: true,
        result: "events",
        errors,
        shapes: { responses, events: "OrderEvent" },
      },
      callTool: {
        id: "callTool",
        method: "POST",
        path: "/tools",
        idempotent: false,
        body: "json",
        errors,
        shapes: { request: "callTool.request", responses },
      },
    });
  });

  it(
    req("specs.gen.operations", "hold some of them in tables of their own, where the config says so"),
    async () => {
      const other = makeProject();
      try {
        const withGroup = (ids: readonly string[]) => ({
          specs: { shop: { ...shopSpec, operationGroups: { clerk: ids } } },
        });
        await generate({ root: other.root, config: withGroup(["placeOrder", "callTool"]) });
        const { clerk, operationTable } = (await import(other.path("gen/shop/index.ts"))) as Shop & {
          readonly clerk: Record<string, unknown>;
        };
        expect(operationTable).toEqual(shop.operationTable);
        const { placeOrder, callTool } = operationTable;
        expect(clerk).toEqual({ placeOrder, callTool });
        await expect(generate({ root: other.root, config: withGroup(["sellOrder"]) })).rejects.toThrow(
          "has no operation sellOrder",
        );
      } finally {
        other.remove();
      }
    },
  );

  it(req("specs.gen.tools", "name the retry rule and the schemas of every tool action"), () => {
    expect(shop.toolActions).toEqual({
      "stock-lookup": {
        count: {
          idempotent: true,
          params: "agentwire:shop#/inline/stock-lookup.count/params",
          result: "agentwire:shop#/components/schemas/StockCount",
        },
      },
      mail: {
        send: {
          idempotent: false,
          retry: "never",
          params: "agentwire:shop#/inline/mail.send/params",
          result: "agentwire:shop#/inline/mail.send/result",
        },
      },
    });
  });

  it("name the members of later protocol versions", () => {
    expect(shop.membersSince).toEqual({ StockCount: { last_seen: "1.1.0" } });
  });
});

describe("generated schemas", () => {
  it(req("specs.gen.schemas", "judge component, body, event and tool parameters as the types say"), () => {
    const ajv = new Ajv2020({ strict: false });
    ajv.addSchema(shop.schemaDocument);
    const fits = (address: string | undefined, value: unknown) => ajv.getSchema(address!)!(value);
    const { placeOrder, watchOrder, callTool, listOrders } = shop.operationSchemas;
    const item = { item_id: "i" };
    expect(fits(shop.schemaRef("Item"), item)).toBe(true);
    expect(fits(shop.schemaRef("Item"), {})).toBe(false);
    expect(fits(placeOrder?.request, { item_list: [item] })).toBe(true);
    expect(fits(placeOrder?.request, { item_list: [] })).toBe(false);
    expect(fits(watchOrder?.events, { type: "shipped", tracking_no: "1" })).toBe(true);
    expect(fits(watchOrder?.events, { type: "lost" })).toBe(false);
    expect(fits(callTool?.request, { tool_name: "mail", params: {} })).toBe(true);
    expect(fits(callTool?.request, { params: {} })).toBe(false);
    expect(fits(listOrders?.responses["200"], { order_list: [] })).toBe(true);
    expect(fits(listOrders?.responses["200"], { order_list: [{}] })).toBe(false);
    expect(fits(shop.toolActions["stock-lookup"]?.count?.params, { item_id: "" })).toBe(false);
  });

  it("carry no descriptions and no extensions, but every member", () => {
    const text = JSON.stringify(shop.schemaDocument);
    expect(text).not.toMatch(/"description"|"x-|"deprecated"/);
    expect(text).toContain('"old_code"');
  });
});

describe("generated key map", () => {
  const wire = {
    item_list: [{ item_id: "i", unit_price: null }],
    free_notes: { keep_this: 1 },
    custom_data: { keep_that: 2 },
    order_id: "o",
    order_state: "open_order",
    ship_to: { zip_code: "1" },
    stock_by_site: { site_one: { left_over: 3 } },
    counts_by_day: { day_one: 4 },
    replaced_by: { item_list: [], order_id: "p", order_state: "shipped", ship_to: null },
    paid_with: { bank_account: "b" },
  };
  const model = {
    itemList: [{ itemId: "i", unitPrice: null }],
    freeNotes: { keep_this: 1 },
    customData: { keep_that: 2 },
    orderId: "o",
    orderState: "open_order",
    shipTo: { zipCode: "1" },
    stockBySite: { site_one: { leftOver: 3 } },
    countsByDay: { day_one: 4 },
    replacedBy: { itemList: [], orderId: "p", orderState: "shipped", shipTo: null },
    paidWith: { bankAccount: "b" },
  };

  it(req("specs.gen.keys", "converts merged, nested, mapped and recursive members, and no user data"), () => {
    expect(fromWire(wire, "Order", shop.keyMap)).toEqual(model);
    expect(toWire(model, "Order", shop.keyMap)).toEqual(wire);
    expect(fromWire({ ...wire, paid_with: { card_no: "c" } }, "Order", shop.keyMap)).toMatchObject({
      paidWith: { cardNo: "c" },
    });
    expect(fromWire({ ...wire, paid_with: "cash_in_hand" }, "Order", shop.keyMap)).toMatchObject({
      paidWith: "cash_in_hand",
    });
  });

  it("knows the parts of each operation", () => {
    const shapesOf = (id: string) => shop.operationTable[id]?.shapes;
    const [listOrders, callTool, watchOrder] = ["listOrders", "callTool", "watchOrder"].map(shapesOf);
    expect(toWire({ customerId: "c", pageSize: 5 }, listOrders?.query, shop.keyMap)).toEqual({
      customer_id: "c",
      page_size: 5,
    });
    expect(
      fromWire({ order_list: [{ order_id: "o" }] }, listOrders?.responses?.["200"], shop.keyMap),
    ).toEqual({
      orderList: [{ orderId: "o" }],
    });
    expect(toWire({ toolName: "t", params: { someKey: 1 } }, callTool?.request, shop.keyMap)).toEqual({
      tool_name: "t",
      params: { someKey: 1 },
    });
    expect(fromWire({ type: "delayed", new_date: "d" }, watchOrder?.events, shop.keyMap)).toEqual({
      type: "delayed",
      newDate: "d",
    });
  });
});

describe("generated client", () => {
  it(req("specs.gen.client", "hands operation, path, options and body to its pipeline"), () => {
    const pipeline = new HttpClient({ baseUrl: "https://shop.test" });
    const of = vi.spyOn(HttpClient, "of").mockReturnValue(pipeline);
    const info = () => ({ status: 200, headers: new Headers(), requestId: undefined, attempts: 1 });
    const sent = new ResponsePromise<unknown, unknown>(Promise.resolve({ ok: true, data: 1, info }));
    const opened = (async function* () {})();
    const send = vi.spyOn(pipeline, "send").mockReturnValue(sent);
    const events = vi.spyOn(pipeline, "events").mockReturnValue(opened);
    const close = vi.spyOn(pipeline, "close").mockResolvedValue();
    try {
      const given = { baseUrl: "https://shop.test" };
      const client = new shop.ShopClient(given);
      const { listOrders, placeOrder, watchOrder } = shop.operationTable;
      expect(of.mock.calls).toEqual([[given, { server: "Shop", keyMap: shop.keyMap }]]);
      expect(client.baseUrl).toBe(pipeline.baseUrl);
      const query = { query: { customerId: "c d" } };
      expect(client.listOrders(query)).toBe(sent);
      expect(client.placeOrder({ itemList: [] }, { timeoutMs: 5 })).toBe(sent);
      expect(client.watchOrder("o/1")).toBe(opened);
      client.close();
      expect(send.mock.calls).toEqual([
        [listOrders, [], query],
        [placeOrder, [], { timeoutMs: 5 }, { itemList: [] }],
      ]);
      expect(events.mock.calls).toEqual([[watchOrder, ["o/1"], undefined]]);
      expect(close).toHaveBeenCalledTimes(1);
    } finally {
      vi.restoreAllMocks();
    }
  });
});
