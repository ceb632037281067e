import { cpSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Document } from "yaml";
import { checkBreaking } from "../../src/generate/check/breaking.ts";
import { breakKey } from "../../src/generate/check/breaks.ts";
import { findBreaks } from "../../src/generate/check/own-breaks.ts";
import { formatFinding } from "../../src/generate/finding.ts";
import { readOpenApi } from "../../src/generate/openapi/openapi.ts";
import { req } from "../requirements/index.ts";
import { makeProject, type Project, shop } from "./project.ts";

const baseline = "specs/shop/baseline.yaml";
let project: Project;
beforeEach(() => {
  project = makeProject();
  cpSync(project.path(shop.openapi), project.path(baseline));
});
afterEach(() => project.remove());

/** The breaks after a change of the shop document, as acceptances name them. */
function breaksOf(change: (document: Document) => void): string[] {
  project.editShop(change);
  return findBreaks(readOpenApi(project.root, baseline), readOpenApi(project.root, shop.openapi)).map(
    breakKey,
  );
}

const schemas = ["components", "schemas"];
const order = [...schemas, "Order", "allOf", 1];
const orders = ["paths", "/orders"];
const answer = [...orders, "get", "responses", "200", "content", "application/json", "schema"];

describe("breaking changes", () => {
  it("are none without a change, and for additions", () => {
    expect(
      breaksOf((document) => {
        document.setIn([...order, "properties", "new_member"], { type: "string" });
        document.setIn([...schemas, "Item", "properties", "item_id", "description"], "Another text.");
        document.setIn([...schemas, "NewOrder", "properties", "coupon"], { type: "string" });
        document.setIn([...orders, "get", "x-idempotent"], false);
      }),
    ).toEqual([]);
  });

  it.each<[string, (document: Document) => void, string[]]>([
    ["a removed operation", (d) => d.deleteIn([...orders, "get"]), ["remove paths//orders/get"]],
    ["a removed path", (d) => d.deleteIn(["paths", "/tools"]), ["remove paths//tools/post"]],
    [
      "a renamed operation",
      (d) => d.setIn([...orders, "get", "operationId"], "findOrders"),
      ["replace paths//orders/get/operationId"],
    ],
    [
      "a removed optional response field",
      (d) => d.deleteIn([...order, "properties", "ship_to"]),
      ["remove components/schemas/Order/allOf/1/properties/ship_to"],
    ],
    [
      "a removed field of an event",
      (d) => d.deleteIn([...schemas, "StockCount", "properties", "last_seen"]),
      ["remove components/schemas/StockCount/properties/last_seen"],
    ],
    [
      "a response field that is no longer required",
      (d) => d.setIn([...order, "required"], ["order_id"]),
      ["remove components/schemas/Order/allOf/1/required/order_state"],
    ],
    [
      "a removed enum value",
      (d) => d.setIn([...order, "properties", "order_state", "enum"], ["shipped"]),
      ["remove components/schemas/Order/allOf/1/properties/order_state/enum/open_order"],
    ],
    [
      "a new required request field",
      (d) => d.setIn([...schemas, "NewOrder", "required"], ["item_list", "gift_wrap"]),
      ["add components/schemas/NewOrder/required/gift_wrap"],
    ],
    [
      "a new pattern in a request",
      (d) => d.setIn([...schemas, "Item", "properties", "item_id", "pattern"], "^a"),
      ["add components/schemas/Item/properties/item_id/pattern"],
    ],
    [
      "a narrower type in a request",
      (d) => d.setIn([...schemas, "Item", "properties", "unit_price", "type"], "integer"),
      ["replace components/schemas/Item/properties/unit_price/type"],
    ],
    [
      "another type in a response",
      (d) => d.setIn([...schemas, "StockCount", "properties", "left_over", "type"], "string"),
      ["replace components/schemas/StockCount/properties/left_over/type"],
    ],
    [
      "a tighter limit in a request",
      (d) => d.setIn([...schemas, "Item", "properties", "item_id", "minLength"], 3),
      ["replace components/schemas/Item/properties/item_id/minLength"],
    ],
    [
      "a request that was closed",
      (d) => d.setIn([...schemas, "NewOrder", "additionalProperties"], false),
      ["replace components/schemas/NewOrder/additionalProperties"],
    ],
    [
      "a removed variant",
      (d) => d.deleteIn([...schemas, "OrderEvent", "oneOf", 1]),
      ["remove components/schemas/OrderEvent/oneOf/1"],
    ],
    [
      "a removed schema",
      (d) => {
        d.deleteIn([...schemas, "OrderEvent", "oneOf", 1]);
        d.deleteIn([...schemas, "DelayedEvent"]);
      },
      ["remove components/schemas/DelayedEvent", "remove components/schemas/OrderEvent/oneOf/1"],
    ],
    [
      "a removed inline response field, once",
      (d) => {
        d.deleteIn([...answer, "properties", "order_list"]);
        d.deleteIn([...answer, "required"]);
      },
      ["remove paths//orders/get/responses/200/content/application/json/schema/properties/order_list"],
    ],
    [
      "a query parameter that became required",
      (d) => d.setIn([...orders, "get", "parameters", 1, "required"], true),
      ["replace paths//orders/get/parameters/page_size"],
    ],
    [
      "a removed tool action",
      (d) => d.deleteIn(["paths", "/tools", "post", "x-tool-actions", "mail"]),
      ["remove paths//tools/post/x-tool-actions/mail/send"],
    ],
    [
      "a new required tool parameter",
      (d) =>
        d.setIn(
          ["paths", "/tools", "post", "x-tool-actions", "mail", "send", "params", "required"],
          ["to", "from"],
        ),
      ["add paths//tools/post/x-tool-actions/mail/send/params/required/from"],
    ],
    [
      "a removed answer",
      (d) => d.deleteIn([...orders, "post", "responses", "201"]),
      ["remove paths//orders/post/responses/201"],
    ],
  ])("include %s", (_, change, keys) => {
    expect(breaksOf(change).sort()).toEqual(keys.sort());
  });

  it(
    req("specs.breaking.own", "include an optional response field, and leave the documents as they are"),
    () => {
      project.editShop((document) => document.deleteIn([...order, "properties", "ship_to"]));
      const [before, after] = [readOpenApi(project.root, baseline), readOpenApi(project.root, shop.openapi)];
      const texts = [before, after].map(({ source }) => JSON.stringify(source.data));
      for (let time = 0; time < 2; time++) {
        expect(findBreaks(before, after).map(({ message }) => message)).toEqual([
          "removed response field ship_to",
        ]);
        expect([before, after].map(({ source }) => JSON.stringify(source.data))).toEqual(texts);
      }
    },
  );
});

describe("the comparison with the baseline", () => {
  const check = () =>
    checkBreaking(project.root, "shop", shop, readOpenApi(project.root, shop.openapi)).findings.map(
      formatFinding,
    );
  const accepted = "specs/shop/accepted-breaks.yaml";
  const key = "components/schemas/Order/allOf/1/properties/ship_to";

  it(req("specs.breaking.named", "fails on a removed response field and names spec, place and field"), () => {
    project.editShop((document) => document.deleteIn([...order, "properties", "ship_to"]));
    expect(check()).toEqual([
      expect.stringMatching(
        /^specs\/shop\/openapi\.yaml:\d+:\d+: breaking: removed response field ship_to \(remove components\/schemas\/Order\/allOf\/1\/properties\/ship_to\)$/,
      ),
    ]);
  });

  it(req("specs.breaking.accepted", "lets a break pass that is accepted with a reason, and no other"), () => {
    project.editShop((document) => document.deleteIn([...order, "properties", "ship_to"]));
    project.write(accepted, `- { path: ${key}, action: remove, reason: The server never sent it. }\n`);
    expect(check()).toEqual([]);
    project.write(accepted, `- { path: ${key}, action: remove, reason: "" }\n`);
    expect(check()).toEqual([`${accepted}:1:3: remove ${key} has no reason`]);
  });

  it("fails on an acceptance that is not a break any more", () => {
    project.write(accepted, `# Known.\n- { path: ${key}, action: remove, reason: Once. }\n`);
    expect(check()).toEqual([
      `${accepted}:2:3: stale: remove ${key} is no longer a break; remove this entry`,
    ]);
  });
});
