import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { emitKeys, readKeys } from "../../src/generate/openapi/keys.ts";
import { readModels } from "../../src/generate/openapi/models.ts";
import { type OpenApi, readOpenApi } from "../../src/generate/openapi/openapi.ts";
import { RuleBook } from "../../src/generate/rules.ts";
import { req } from "../requirements/index.ts";
import { makeProject, type Project, shop } from "./project.ts";

let project: Project;
beforeEach(() => {
  project = makeProject();
});
afterEach(() => project.remove());

/** The document with one more component schema, or one replaced. */
function withSchemas(schemas: Record<string, unknown>) {
  project.editShop((document) => {
    for (const [name, schema] of Object.entries(schemas)) {
      document.setIn(["components", "schemas", name], document.createNode(schema));
    }
  });
  return readOpenApi(project.root, shop.openapi);
}

const keysOf = (api: OpenApi) => emitKeys(api, readKeys(api, new RuleBook("house")), (module) => module);
const modelsOf = (api: OpenApi, openEnums: boolean) =>
  readModels(api, { ...shop, client: "ShopClient", openEnums }).declarations.join("\n");

const text = { type: "string" };
const object = (properties: Record<string, unknown>) => ({ type: "object", properties });
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

describe("key map", () => {
  it.each([
    [
      "a free-form object",
      object({ some_data: { type: "object" } }),
      "Odd.some_data is free-form: say x-opaque: true",
    ],
    ["a member of any type", object({ some_data: {} }), "Odd.some_data is free-form: say x-opaque: true"],
    [
      "a list of anything",
      object({ some_data: { type: "array" } }),
      "Odd.some_data is a list of anything: say x-opaque: true",
    ],
    [
      "a map that does not say whose its keys are",
      object({ by_id: { type: "object", additionalProperties: ref("Item") } }),
      "Odd.by_id is a map: say x-data-keys: true (or x-opaque: true)",
    ],
    [
      "two keys that become one",
      object({ some_id: text, someId: text }),
      "someId and some_id are both someId in camelCase",
    ],
    [
      "variants of which one is user data",
      { oneOf: [object({ data: ref("Item") }), object({ data: { x: 1, "x-opaque": true } })] },
      "the variants of Odd.data conflict: object and opaque",
    ],
    [
      "variants of which one is a list",
      { oneOf: [ref("Item"), { type: "array", items: ref("Item") }] },
      "the variants of Odd conflict: object and list",
    ],
    [
      "further members that need conversion",
      { ...object({ some_id: text }), additionalProperties: ref("Item") },
      "Odd has members of its own and further ones that need conversion",
    ],
    [
      "a recursive value that is no object",
      { anyOf: [text, { type: "array", items: ref("Odd") }] },
      "Odd is recursive and not an object: say x-opaque: true",
    ],
  ])("refuses %s", (_, schema, message) => {
    const api = withSchemas({ Odd: schema });
    expect(() => keysOf(api)).toThrow(message);
    expect(() => keysOf(api)).toThrow(/specs\/shop\/openapi\.yaml:\d+:\d+: /);
  });

  it(
    req("specs.gen.merge", "merges the variants of a union, nested ones included, and the parts of an allOf"),
    () => {
      const api = withSchemas({
        Union: {
          oneOf: [
            object({ my_data: object({ one_key: text }) }),
            object({ my_data: object({ two_key: text }), list_of: text }),
          ],
        },
        Whole: {
          allOf: [
            ref("Item"),
            object({ next_one: ref("Whole") }),
            object({ in_line: object({ so_deep: text }) }),
          ],
        },
      });
      const keys = keysOf(api);
      expect(keys).toContain('Union: { my_data: "Union.my_data", list_of: null },');
      expect(keys).toContain('"Union.my_data": { one_key: null, two_key: null },');
      expect(keys).toContain('next_one: "Whole",');
      expect(keys).toContain('"Whole.in_line": { so_deep: null },');
    },
  );

  it("follows aliases, lists of lists and maps of lists, and leaves out what needs no conversion", () => {
    const api = withSchemas({
      Alias: ref("Item"),
      Grid: { type: "array", items: { type: "array", items: ref("Alias") } },
      Holder: object({
        grid: ref("Grid"),
        groups: {
          type: "object",
          "x-data-keys": true,
          additionalProperties: { type: "array", items: ref("Item") },
        },
        plain: object({ x: text }),
        numbers: { type: "array", items: { type: "number" } },
      }),
    });
    const keys = keysOf(api);
    expect(keys).toContain(
      'Holder: { grid: { list: { list: "Alias" } }, groups: { map: { list: "Item" } } },',
    );
    expect(keys).toContain("Alias: { item_id: null");
  });
});

describe("models", () => {
  it("write unions, literals, open enums of what is read, closed ones of what is only sent", () => {
    project.editShop((document) => {
      document.setIn(["components", "schemas", "Order", "allOf", 0], document.createNode(ref("Item")));
    });
    const api = withSchemas({
      Mixed: object({
        fixed: { const: 3 },
        some: { type: ["string", "integer", "null"] },
        pairs: { type: "array", items: { oneOf: [text, { type: "null" }] } },
        "with-dash": { type: "boolean" },
      }),
    });
    const models = modelsOf(api, true);
    expect(models).toContain('  shipBy?: "air_mail" | "road";\n');
    expect(models).toContain('  orderState: "open_order" | "shipped" | (string & {});\n');
    expect(models).toContain(
      'export interface Mixed {\n  fixed?: 3;\n  some?: string | number | null;\n  pairs?: (string | null)[];\n  "with-dash"?: boolean;\n}\n',
    );
    expect(modelsOf(api, false)).toContain('  orderState: "open_order" | "shipped";\n');
  });

  it("refuse names that are no types or are there twice", () => {
    expect(() => modelsOf(withSchemas({ "-.-": object({}) }), true)).toThrow("cannot be the name of a type");
    expect(() => modelsOf(withSchemas({ "New.Order": object({}) }), true)).toThrow(
      /there are two types called NewOrder: .*\n.*the other type called NewOrder/,
    );
  });

  it("give what stands inside an operation another name than a component has", () => {
    const api = withSchemas({ ListOrdersQuery: object({}) });
    expect(readModels(api, { ...shop, client: "ShopClient" }).operations.get("listOrders")?.query).toBe(
      "ListOrdersQueryInline",
    );
  });
});
