import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeGen } from "../../scripts/gen/run.ts";
import { fromWire, type KeyMap, type Shape, toWire } from "../../src/core/keys.ts";
import { req } from "../requirements/index.ts";
import { makeProject, type Project, shopOnly, shop as shopSpec } from "./project.ts";

interface Answer {
  readonly data?: unknown;
  readonly error?: unknown;
  readonly response: Response;
}

/** What the tests use of the generated modules; their types are the subject of `types.test.ts`. */
interface Shop {
  readonly keyMap: KeyMap;
  readonly operationShapes: Record<
    string,
    { query?: Shape; request?: Shape; responses: Record<string, Shape>; events?: Shape }
  >;
  readonly operationTable: Record<string, unknown>;
  readonly operationSchemas: Record<
    string,
    { request?: string; responses: Record<string, string>; events?: string }
  >;
  readonly toolActions: Record<string, Record<string, { params: string; result: string }>>;
  readonly membersSince: unknown;
  readonly schemaDocument: object;
  schemaRef(name: string): string;
  createShopClient(options: {
    baseUrl: string;
    fetch: typeof fetch;
  }): Record<"GET" | "POST", (path: string, init: unknown) => Promise<Answer>>;
}

let project: Project;
let shop: Shop;

beforeAll(async () => {
  project = makeProject();
  await writeGen({ root: project.root, config: shopOnly });
  shop = (await import(project.path("gen/shop/index.ts"))) as Shop;
});
afterAll(() => project.remove());

describe("generated tables", () => {
  it(req("specs.gen.operations", "name method, path and retry rule of every operation"), () => {
    expect(shop.operationTable).toEqual({
      listOrders: { method: "get", path: "/orders", idempotent: true },
      placeOrder: { method: "post", path: "/orders", idempotent: false, retry: "never" },
      watchOrder: { method: "get", path: "/orders/{order_id}/events", idempotent: true },
      callTool: { method: "post", path: "/tools", idempotent: false },
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
        await writeGen({ root: other.root, config: withGroup(["placeOrder", "callTool"]) });
        const { clerk, operationTable } = (await import(other.path("gen/shop/index.ts"))) as Shop & {
          readonly clerk: Record<string, unknown>;
        };
        expect(operationTable).toEqual(shop.operationTable);
        const { placeOrder, callTool } = operationTable;
        expect(clerk).toEqual({ placeOrder, callTool });
        await expect(writeGen({ root: other.root, config: withGroup(["sellOrder"]) })).rejects.toThrow(
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
    const { listOrders, callTool, watchOrder } = shop.operationShapes;
    expect(toWire({ customerId: "c", pageSize: 5 }, listOrders?.query, shop.keyMap)).toEqual({
      customer_id: "c",
      page_size: 5,
    });
    expect(fromWire({ order_list: [{ order_id: "o" }] }, listOrders?.responses["200"], shop.keyMap)).toEqual({
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
  it(req("specs.gen.client", "sends what the operation says and follows no redirect"), async () => {
    const seen: Request[] = [];
    const client = shop.createShopClient({
      baseUrl: "https://shop.test/prefix",
      fetch: async (input) => {
        seen.push(input as Request);
        return Response.json({ order_list: [] });
      },
    });
    const { data } = await client.GET("/orders", { params: { query: { customer_id: "c d" } } });
    const placed = await client.POST("/orders", { body: { item_list: [] } });
    expect(data).toEqual({ order_list: [] });
    expect(placed.response.status).toBe(200);
    expect(seen.map(({ method, url, redirect }) => ({ method, url, redirect }))).toEqual([
      { method: "GET", url: "https://shop.test/prefix/orders?customer_id=c%20d", redirect: "manual" },
      { method: "POST", url: "https://shop.test/prefix/orders", redirect: "manual" },
    ]);
    expect(await seen[1]!.json()).toEqual({ item_list: [] });
  });
});
