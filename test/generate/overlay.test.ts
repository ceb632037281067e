import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { editable } from "../../src/generate/editable.ts";
import { applyOverlay } from "../../src/generate/overlay.ts";

const document = () =>
  parse(`
openapi: 3.1.0
tags: [{ name: internal }, { name: public }]
paths:
  /bills:
    parameters: [{ name: tenant, in: header }]
    get:
      tags: [public]
      operationId: listBills
      parameters: [{ name: page, in: query }, { name: filter, in: query }, { name: filter, in: header }]
    post: { tags: [internal], operationId: addBill }
  /admin/{id}:
    get: { tags: [internal], operationId: getAdmin }
components:
  schemas:
    Bill: { type: object, required: [id], properties: { id: { type: string }, note: { x-internal: true } } }
`) as { paths: Record<string, Record<string, unknown>>; [key: string]: unknown };

/** The document after these actions, and what was wrong with them. */
function apply(...actions: object[]) {
  const data = document();
  const problems = applyOverlay(data, { overlay: "1.0.0", info: { title: "t", version: "1" }, actions });
  return { data, problems };
}

describe("the target of an action", () => {
  it.each([
    ["$", 1],
    ["$.paths['/bills'].get", 1],
    ['$.paths["/admin/{id}"]', 1],
    ["$.paths.*", 2],
    ["$.paths.*.get", 2],
    ["$.paths['/bills']['get','post']", 2],
    ["$.paths.*[?@.tags]", 3],
    ["$.paths.*.*.parameters[?@.name == 'filter']", 2],
    ["$.paths.*.*.parameters[?(@.name=='filter' && @.in=='query')]", 1],
    ["$.paths.*.get.parameters[?@.name != 'page']", 2],
    ["$..[?@.operationId=='getAdmin']", 1],
    ["$..[?(@.tags && @.tags[?(@ == 'internal')])]", 2],
    ["$.components.schemas[?@.type=='object']", 1],
    ["$..[?@['x-internal'] == true]", 1],
  ])("%s selects %i", (target, count) => {
    const { data, problems } = apply({ target, update: { "x-hit": true } });
    expect(problems).toEqual([]);
    expect(JSON.stringify(data).match(/"x-hit"/g)).toHaveLength(count);
  });

  it.each([
    ["$.paths['/gone']", "matches nothing"],
    ["$.paths[", "not a JSONPath expression"],
    ["paths.*", "not a JSONPath expression"],
    ["$.paths[?(@.a =~ /x/)]", "not a JSONPath expression"],
    ["$.paths['/bills'].get.operationId", "selects a string (at paths//bills/get/operationId)"],
  ])("%s is a finding", (target, message) => {
    const { data, problems } = apply({ target, update: { a: 1 } });
    expect(problems).toEqual([
      { path: ["actions", 0, expect.any(String)], message: expect.stringContaining(message) },
    ]);
    expect(data).toEqual(document());
  });

  it("is found below 50 levels", () => {
    let nested: object = { mark: true };
    for (let depth = 0; depth < 120; depth++) nested = { items: nested };
    const data = { schema: nested };
    const actions = [{ target: "$..[?@.mark]", update: { found: true } }];
    expect(applyOverlay(data, { overlay: "1.0.0", actions })).toEqual([]);
    expect(JSON.stringify(data)).toContain('{"mark":true,"found":true}');
  });
});

describe("update", () => {
  it("merges objects member by member, appends to lists and replaces the rest", () => {
    const update = {
      required: ["note"],
      type: ["object", "null"],
      properties: { id: { format: "uuid" }, total: { type: "integer" } },
    };
    const { data, problems } = apply({ target: "$.components.schemas.Bill", update });
    expect(problems).toEqual([]);
    expect(data.components).toEqual({
      schemas: {
        Bill: {
          type: ["object", "null"],
          required: ["id", "note"],
          properties: {
            id: { type: "string", format: "uuid" },
            note: { "x-internal": true },
            total: { type: "integer" },
          },
        },
      },
    });
  });

  it("appends one item to a list that is the target", () => {
    const { data } = apply({ target: "$.tags", update: { name: "new" } });
    expect(data.tags).toEqual([{ name: "internal" }, { name: "public" }, { name: "new" }]);
  });

  it("gives each place a value of its own", () => {
    const { data } = apply(
      { target: "$.paths.*.get", update: { responses: { 200: {} } } },
      { target: "$.paths['/bills'].get.responses['200']", update: { description: "ok" } },
    );
    expect(data.paths["/admin/{id}"]!.get).toMatchObject({ responses: { 200: {} } });
    expect(JSON.stringify(data).match(/"description"/g)).toHaveLength(1);
  });

  it("changes one use of an alias and leaves the others", () => {
    const { data } = editable(parse("a: &x { b: 1 }\nc: *x"));
    applyOverlay(data, { overlay: "1.0.0", actions: [{ target: "$.c", update: { b: 2 } }] });
    expect(data).toEqual({ a: { b: 1 }, c: { b: 2 } });
  });

  it("adds `__proto__` as a member", () => {
    const overlay: unknown = JSON.parse(
      '{"overlay":"1.0.0","actions":[{"target":"$.a","update":{"__proto__":{"b":1}}}]}',
    );
    const data = { a: {} };
    applyOverlay(data, overlay);
    expect(JSON.stringify(data)).toBe('{"a":{"__proto__":{"b":1}}}');
    expect(({} as Record<string, unknown>).b).toBeUndefined();
  });

  it("of an object with something else is a finding", () => {
    expect(apply({ target: "$.paths", update: "text" }).problems).toEqual([
      { path: ["actions", 0, "update"], message: expect.stringContaining("update must be an object") },
    ]);
  });
});

describe("remove", () => {
  it("takes several items out of one list", () => {
    const { data } = apply({ target: "$.paths['/bills'].get.parameters[?@.in=='query']", remove: true });
    expect(data.paths["/bills"]!.get).toMatchObject({ parameters: [{ name: "filter", in: "header" }] });
  });

  it("takes members and text out, and wins over update", () => {
    const { data, problems } = apply(
      { target: "$.paths.*[?@.tags[?@ == 'internal']]", remove: true, update: { a: 1 } },
      { target: "$.paths['/bills'].get.operationId", remove: true },
    );
    expect(problems).toEqual([]);
    expect(data.paths["/admin/{id}"]).toEqual({});
    expect(Object.keys(data.paths["/bills"]!)).toEqual(["parameters", "get"]);
    expect(data.paths["/bills"]!.get).not.toHaveProperty("operationId");
  });

  it("takes a parent and its children out together", () => {
    const { data, problems } = apply({ target: "$.components..*", remove: true });
    expect(problems).toEqual([]);
    expect(data.components).toEqual({});
  });

  it("of the document is a finding", () => {
    const { data, problems } = apply({ target: "$", remove: true });
    expect(problems).toHaveLength(1);
    expect(data).toEqual(document());
  });
});

describe("an overlay of the wrong form", () => {
  const info = { title: "t", version: "1" };
  it.each<[string, unknown, (string | number)[]]>([
    ["nothing", null, []],
    ["a list", [], []],
    ["another document", { openapi: "3.1.0" }, ["overlay"]],
    ["another version", { overlay: "2.0.0", info, actions: [] }, ["overlay"]],
    ["no actions", { overlay: "1.0.0", info }, ["actions"]],
    ["an empty list", { overlay: "1.0.0", info, actions: [] }, ["actions"]],
    ["an action that is text", { overlay: "1.0.0", actions: ["$"] }, ["actions", 0]],
    ["no target", { overlay: "1.0.0", actions: [{ update: {} }] }, ["actions", 0, "target"]],
    ["no update", { overlay: "1.0.0", actions: [{ target: "$" }] }, ["actions", 0]],
    [
      "a typing error",
      { overlay: "1.0.0", actions: [{ target: "$", upadte: {} }] },
      ["actions", 0, "upadte"],
    ],
    [
      "remove: yes",
      { overlay: "1.0.0", actions: [{ target: "$.a", remove: "yes" }] },
      ["actions", 0, "remove"],
    ],
  ])("%s is a finding at its place", (_, overlay, path) => {
    expect(applyOverlay({ a: 1 }, overlay)).toMatchObject([{ path, message: expect.any(String) }]);
  });

  it("does not keep the good actions from being applied", () => {
    const { data, problems } = apply({ target: "$.gone", remove: true }, { target: "$.tags", remove: true });
    expect(problems).toHaveLength(1);
    expect(data).not.toHaveProperty("tags");
  });
});
