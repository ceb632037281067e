import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { checkSpecs } from "../../src/generate/check/check.ts";
import { findBreaks } from "../../src/generate/check/own-breaks.ts";
import type { OpenApiSpec } from "../../src/generate/config.ts";
import { groupFindings, SpecError } from "../../src/generate/finding.ts";
import { readOpenApi } from "../../src/generate/openapi/openapi.ts";
import { generate } from "../../src/generate/run.ts";

const cache = join(import.meta.dirname, "..", "..", ".cache");
let root: string;
beforeEach(() => {
  mkdirSync(cache, { recursive: true });
  root = mkdtempSync(join(cache, "test-public-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const ok = (schema?: object) => ({
  200: { description: "ok", ...(schema && { content: { "application/json": { schema } } }) },
});
const text = { type: "string" };
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

function document(paths: object, schemas: object = {}, more: object = {}): string {
  const info = { title: "API", version: "1" };
  const data = { openapi: "3.1.0", info, paths, components: { schemas }, ...more };
  return stringify(data, { aliasDuplicateObjects: false });
}

/** Generates one document by the public rules; the texts of all files. */
async function run(source: string, spec: Partial<OpenApiSpec> = {}) {
  writeFileSync(join(root, "api.yaml"), source);
  const config = { specs: { api: { openapi: "api.yaml", out: "gen", ...spec } } };
  const { warnings } = await generate({ root, config });
  const files = readdirSync(join(root, "gen")).map(
    (name) => [name.replace(/\.ts$/, ""), readFileSync(join(root, "gen", name), "utf8")] as const,
  );
  return { files: Object.fromEntries(files), warnings: warnings.map(({ message }) => message) };
}

/** The findings of a run that fails. */
async function refusal(source: string, spec: Partial<OpenApiSpec> = {}) {
  const error = await run(source, spec).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SpecError);
  expect(readdirSync(root)).toEqual(["api.yaml"]);
  return (error as SpecError).message;
}

describe("operation ids", () => {
  it("become identifiers, and follow from method and path where there are none", async () => {
    const { files } = await run(
      document({
        "/pets/{id}/toys": {
          get: { responses: ok() },
          post: { operationId: "pets/add-toy", responses: ok() },
        },
      }),
    );
    expect(files.client).toMatch(/ getPetsByIdToys\(/);
    expect(files.client).toMatch(/ petsAddToy\(/);
    expect(files.types).toContain("  petsAddToy: {");
  });

  it("that are the same are a finding with both places, which a rename settles", async () => {
    const source = document({
      "/a": { get: { operationId: "same", responses: ok() } },
      "/b": { get: { operationId: "same", responses: ok() } },
    });
    expect(await refusal(source)).toMatch(
      /api\.yaml:\d+:\d+: operationId same is used twice: rename .*\napi\.yaml:\d+:\d+: GET \/a has the same name same/,
    );
    const { files } = await run(source, { rename: { operations: { "GET /b": "other" } } });
    expect(files.client).toMatch(/ same\([\s\S]* other\(/);
  });

  it("in the config that there are not are named, as are tags and schemas", async () => {
    const source = document({ "/a": { get: { operationId: "a", responses: ok() } } });
    const message = await refusal(source, {
      rename: { operations: { gone: "x" }, schemas: { Gone: "X" } },
      include: { operations: ["a", "lost"], tags: ["none"] },
    });
    expect(message).toContain("rename.operations of the config names gone");
    expect(message).toContain("include.operations of the config names lost");
    expect(message).toContain("include.tags of the config names none");
    expect(message).toContain("rename.schemas of the config names Gone");
  });
});

describe("a document of others", () => {
  it("may be OpenAPI 3.0, with foreign extensions, without marks", async () => {
    const source = document(
      { "/a": { put: { operationId: "a", "x-internal": { any: 1 }, responses: ok(ref("A")) } } },
      { A: { type: "object", nullable: true, properties: { b: { type: "string", nullable: true } } } },
    ).replace("3.1.0", "3.0.3");
    const { files, warnings } = await run(source);
    expect(warnings).toEqual([]);
    expect(files.operations).toContain("idempotent: true");
    expect(files.types).toContain("b?: string | null;");
  });

  it("is not of Swagger 2", async () => {
    expect(await refusal("swagger: '2.0'\n")).toBe(
      "api.yaml:1:1: expected OpenAPI 3.0 or 3.1, found no member `openapi`",
    );
  });

  it("may merge keys and have more than a hundred aliases", async () => {
    const members = Array.from({ length: 150 }, (_, index) => `        m${index}: *text\n`).join("");
    const { files } = await run(
      `openapi: 3.1.0
info: { title: API, version: "1" }
x-text: &text { type: string }
paths: {}
components:
  schemas:
    Base: &base { type: object, properties: { id: { type: string } } }
    Merged: { <<: *base, description: A merged one. }
    Many:
      type: object
      properties:
${members}`,
    );
    expect(files.types).toMatch(/Merged: \{\s+id\?: string;/);
    expect(files.types).toContain("m149?: string;");
  });

  it("may refer into paths, to names with spaces and to discriminators by name", async () => {
    const at = "#/paths/~1a/get/responses/200/content/application~1json/schema";
    const { files } = await run(
      document(
        {
          "/a": {
            get: { operationId: "a", responses: ok({ type: "object", properties: { self: { $ref: at } } }) },
          },
          "/b": {
            get: { operationId: "b", responses: ok({ $ref: "#/components/schemas/rate%20estimate" }) },
          },
          "/c": { get: { operationId: "c", responses: ok(ref("Pet")) } },
        },
        {
          "rate estimate": { type: "object", properties: { sum: { type: "number" } } },
          Pet: {
            oneOf: [ref("Cat")],
            discriminator: { propertyName: "kind", mapping: { cat: "Cat", gone: "Dog" } },
          },
          Cat: { type: "object", required: ["kind"], properties: { kind: text } },
        },
      ),
    );
    expect(files.client).toContain("ResponsePromise<RateEstimate,");
    expect(files.models).toContain('export type RateEstimate = components["schemas"]["rate estimate"];');
    expect(files.client).toMatch(/ a\(options\?: CallOptions\): ResponsePromise<A[A-Za-z0-9]*,/);
  });

  it("may refer to files that are not there, in examples and extensions", async () => {
    const media = { schema: text, examples: { one: { $ref: "./missing.json" } } };
    const responses = {
      200: { description: "ok", content: { "application/json": media }, "x-more": { $ref: "./no.json" } },
    };
    await run(document({ "/a": { get: { operationId: "a", responses } } }));
  });

  it("must not refer to schemas that are not there or in other files", async () => {
    const get = { operationId: "a", responses: ok({ oneOf: [ref("Gone"), { $ref: "other.yaml#/A" }] }) };
    const message = await refusal(document({ "/a": { get } }));
    expect(message).toMatch(/^api\.yaml:\d+:\d+: #\/components\/schemas\/Gone does not exist$/m);
    expect(message).toMatch(/^api\.yaml:\d+:\d+: other\.yaml#\/A is outside of the document: bundle it/m);
  });

  it("may have only webhooks: types, and no method", async () => {
    const body = { content: { "application/json": { schema: ref("Event") } } };
    const webhooks = { done: { post: { operationId: "done", requestBody: body, responses: ok() } } };
    const { files } = await run(
      document({}, { Event: { type: "object", properties: { id: text } } }, { webhooks }),
    );
    expect(files.models).toContain("export type Event");
    expect(files.types).toContain("export interface webhooks");
    expect(files.client).not.toContain("doneOp");
  });

  it("may have no schemas at all", async () => {
    const { files } = await run(document({ "/a": { delete: { operationId: "a", responses: ok() } } }), {
      camelCase: true,
    });
    expect(files.models).toContain("export {};");
  });
});

describe("schema names", () => {
  it("become types, reserved words too, and a clash is a finding that a rename settles", async () => {
    // biome-ignore lint/suspicious/noThenProperty: a schema may be called so
    const schemas = { delete: { type: "object" }, "a-b": text, then: text };
    const { files } = await run(document({}, schemas));
    expect(files.models).toMatch(/export type Delete =[\s\S]*export type AB =[\s\S]*export type then =/);
    rmSync(join(root, "gen"), { recursive: true });
    const clash = document({}, { "a-b": text, AB: text });
    expect(await refusal(clash)).toMatch(
      /api\.yaml:\d+:\d+: there are two types called AB: rename .*\napi\.yaml:\d+:\d+: the other type called AB/,
    );
    const renamed = await run(clash, { rename: { schemas: { "a-b": "Dashed" } } });
    expect(renamed.files.models).toContain("export type Dashed =");
  });
});

describe("camelCase by the public rules", () => {
  it("leaves free-form data alone, converts the values of maps, and keeps what conflicts as it is", async () => {
    const { files } = await run(
      document(
        { "/a": { get: { operationId: "a", responses: ok(ref("Odd")) } } },
        {
          Odd: {
            type: "object",
            properties: {
              free_form: { type: "object" },
              by_id: { type: "object", additionalProperties: ref("Row") },
              either_way: { anyOf: [ref("Row"), { type: "array", items: ref("Row") }] },
            },
          },
          Row: { type: "object", properties: { row_id: text } },
          Twins: { type: "object", properties: { a_b: text, aB: text } },
        },
      ),
      { camelCase: true, proof: true },
    );
    expect(files.models).toContain("freeForm?: Record<string, unknown>;");
    expect(files.models).toContain("byId?: Record<string, Row>;");
    expect(files.models).toContain(
      'eitherWay?: components["schemas"]["Row"] | components["schemas"]["Row"][];',
    );
    expect(files.models).toMatch(/Twins = \{\s+a_b\?: string;\s+aB\?: string;/);
    expect(files.keys).toContain('by_id: { map: "Row" }');
    expect(files.keys).not.toContain("either_way: {");
  });
});

it("imports the types of the document into models that keep the keys of the protocol", async () => {
  const Many = { "x-opaque": true, type: "array", items: { anyOf: [ref("Row"), text] } };
  const Row = { type: "object", properties: { row_id: text } };
  const { files } = await run(document({}, { Many, Row }), { camelCase: true });
  expect(files.models).toContain('type Many = (components["schemas"]["Row"] | string)[];');
  expect(files.models).toContain('import type { components } from "./types.js";');
});

describe("schemas that others do not write", () => {
  it("are cut where they refer to themselves with nothing in between, with a warning", async () => {
    const list = (items: object) => ({ type: "array", items });
    const schemas = {
      Loop: { allOf: [ref("Loop"), { type: "object", properties: { a: text } }] },
      Twice: ref("Once"),
      Once: ref("Twice"),
      Lists: list(ref("Lists")),
      Tree: { type: "object", properties: { kids: list(ref("Tree")) } },
    };
    const source = document({}, schemas);
    for (const camelCase of [false, true]) {
      const { files, warnings } = await run(source, { camelCase });
      expect(warnings).toEqual([
        "the schema refers to itself and to nothing else: any value is taken here",
        "the schema refers to itself and to nothing else: any value is taken here",
        "a list of itself: `types.ts` has `unknown` for its items",
      ]);
      expect(files.types).toMatch(
        /Lists: unknown\[\];\s+Tree: \{\s+kids\?: components\["schemas"\]\["Tree"\]\[\];/,
      );
    }
  });

  it("may have a member called `__proto__` that is a reference", async () => {
    const Node = { type: "object", properties: { a: text, ["__proto__"]: ref("Node") } };
    const source = JSON.stringify({
      openapi: "3.1.0",
      info: { title: "API", version: "1" },
      components: { schemas: { Node } },
    });
    const { files } = await run(source);
    expect(files.types).toMatch(/Node: \{\s+a\?: string;\s+__proto__\?: components\["schemas"\]\["Node"\];/);
  });

  describe.each(["__proto__", "toString", "constructor"])("called %s", (name) => {
    const api = (more: object) => {
      const schemas = {
        [name]: { type: "object", properties: { a: text, ...more } },
        Other: ref(name),
      };
      return JSON.stringify({
        openapi: "3.1.0",
        info: { title: "A", version: "1" },
        components: { schemas },
      });
    };

    it("are types like any other", async () => {
      const { files } = await run(api({}));
      const body = String.raw`\{\s+a\?: string;\s+\};\s+Other: components\["schemas"\]`;
      expect(files.types).toMatch(new RegExp(String.raw`${name}: ${body}\["${name}"\];`));
    });

    it("are refused for what is wrong in them", async () => {
      const refused = refusal(api({ b: { type: "array", prefixItems: {} } }), { camelCase: true });
      expect(await refused).toContain("Expected type `SchemaList` (array) but got `object`");
    });
  });

  it("are refused at the place of a name that is no text", async () => {
    const parameters = [{ name: { toString: null }, in: "query", schema: text }];
    const wrong = document({ "/a": { get: { parameters, responses: ok() } } });
    expect(await refusal(wrong)).toMatch(/^api\.yaml:9:\d+: Expected type `string` but got `object`/);
    const [check] = await checkSpecs({
      root,
      config: { specs: { api: { openapi: "api.yaml", out: "gen" } } },
    });
    expect(check?.failure).toMatch(/^api\.yaml:9:\d+: Expected type `string`/);
  });

  it("are refused where they are so wrong that the linter fails", async () => {
    const Odd = { oneOf: [text], discriminator: { propertyName: "kind", mapping: { a: { b: 1 } } } };
    const strict = { rules: { structure: "error" } as const };
    expect(await refusal(document({}, { Odd }), strict)).toMatch(
      /^api\.yaml:1:1: Redocly cannot read the document: \S/,
    );
  });

  it("may have members with percent signs, also where a linter finds something below them", async () => {
    const wrong = document({}, { Rate: { type: "object", properties: { "50%": "text" } } });
    const strict = { rules: { structure: "error" } as const };
    expect(await refusal(wrong, strict)).toMatch(/^api\.yaml:11:\d+: Expected type `Schema`/);
    const { files } = await run(document({}, { Rate: { type: "object", properties: { "50%": text } } }));
    expect(files.types).toContain('"50%"?: string;');
  });

  it("may be booleans, and a reference to what is not a schema takes any value", async () => {
    const holder = {
      type: "object",
      properties: { a_b: ref("Any"), no: ref("None"), odd: { $ref: "#/info/title" } },
    };
    const source = document({}, { Any: true, None: false, Holder: holder });
    const { files, warnings } = await run(source, { camelCase: true, schemas: true });
    expect(warnings).toEqual(["#/info/title is not a schema: any value is taken"]);
    expect(files.models).toMatch(/type Any = unknown;[\s\S]*aB\?: Any;[\s\S]*odd\?: unknown;/);
    expect(files.schemas).toContain("Readonly<Record<SchemaName, object | boolean>>");
  });

  it("keep null and further members in their models", async () => {
    const open = { type: "object", properties: { a_b: text }, additionalProperties: { type: "integer" } };
    const schemas = { Gone: { type: ["object", "null"], properties: { a_b: text } }, Open: open };
    const { files } = await run(document({}, schemas), { camelCase: true });
    expect(files.models).toMatch(/type Gone = \{\s+aB\?: string;\s+\} \| null;/);
    expect(files.models).toMatch(/interface Open \{\s+aB\?: string;\s+\[member: string\]: unknown;/);
  });

  it("have names of every script", async () => {
    const paths = {
      "/a": { get: { operationId: "読む 本", responses: ok() }, put: { operationId: "--", responses: ok() } },
    };
    const { files } = await run(document(paths, { 日本: text, "größe-x": text }));
    expect(files.models).toMatch(/type 日本 =[\s\S]*type GrößeX =/);
    expect(files.client).toMatch(/ 読む本\([\s\S]* putA\(/);
  });
});

it("keeps the names of a query of which two would be one in camelCase", async () => {
  const parameters = ["user_id", "userId"].map((name) => ({ name, in: "query", schema: text }));
  const source = document({ "/a": { get: { operationId: "a", parameters, responses: ok() } } });
  const { files } = await run(source, { camelCase: true });
  expect(files.models).toMatch(/AQuery \{\s+user_id\?: string;\s+userId\?: string;/);
  expect(files.operations).not.toContain("AQuery");
});

describe("a part of a document", () => {
  it("is what the config includes, with the schemas that it needs", async () => {
    const { files } = await run(
      document(
        {
          "/a": { get: { operationId: "a", tags: ["one"], responses: ok(ref("A")) } },
          "/b": { get: { operationId: "b", tags: ["two"], responses: ok(ref("B")) } },
          "/c": { get: { operationId: "c", responses: ok(ref("C")) } },
        },
        { A: { type: "object", properties: { d: ref("D") } }, B: text, C: text, D: text },
      ),
      { include: { tags: ["one"], operations: ["c"] } },
    );
    expect(Object.keys(files)).toEqual(["client", "index", "models", "operations", "types"]);
    expect(files.models).toMatch(/type A =[\s\S]*type C =[\s\S]*type D =/);
    expect(`${files.models}${files.client}`).not.toMatch(/type B |bOp/);
  });
});

describe("functions", () => {
  it("take the pipeline first, and have names that a variable can have", async () => {
    const { files } = await run(
      document({ "/a/{client}": { delete: { operationId: "delete", responses: ok() } } }).replace(
        "responses:",
        "parameters: [{ name: client, in: path, required: true, schema: { type: string } }]\n      responses:",
      ),
      { style: "functions", client: "Shop" },
    );
    expect(files.client).toContain(
      "export function shop(options: HttpClientOptions | HttpClient): HttpClient {",
    );
    expect(files.client).toContain("export function delete_(");
    expect(files.client).toContain("client.send(deleteOp, [client_], options)");
    expect(files.client).not.toContain("rawClient");
  });
});

describe("check", () => {
  const source = document(
    { "/a": { get: { operationId: "a", responses: ok(ref("A")) } } },
    { A: { type: "object", properties: { kept: text, gone: text } } },
  );
  const config = { specs: { api: { openapi: "api.yaml", out: "gen" } } };

  it("finds exactly the member that is gone, and changes neither document", () => {
    writeFileSync(join(root, "old.yaml"), source);
    writeFileSync(join(root, "new.yaml"), source.replace(/ +gone:\n +type: string\n/, ""));
    const [before, after] = [readOpenApi(root, "old.yaml"), readOpenApi(root, "new.yaml")];
    for (let time = 0; time < 2; time++) {
      expect(findBreaks(before, after).map(({ message }) => message)).toEqual([
        "removed response field gone",
      ]);
      expect(findBreaks(before, before)).toEqual([]);
    }
  });

  it("warns about the structure of a document of others, and joins equal findings", async () => {
    writeFileSync(
      join(root, "api.yaml"),
      source.replaceAll("type: string", "type: string\n          odd: 1"),
    );
    const [lint] = await checkSpecs({ root, config });
    const groups = groupFindings(lint!.findings);
    expect(groups).toMatchObject([
      { severity: "warning", count: 2, message: expect.stringContaining("`odd`") },
    ]);
  });

  it("names the rule that a config switches on", async () => {
    writeFileSync(join(root, "api.yaml"), source);
    const strict = {
      specs: { api: { ...config.specs.api, rules: { "x-idempotent-required": "error" } as const } },
    };
    const [lint] = await checkSpecs({ root, config: strict });
    expect(lint!.findings).toMatchObject([{ rule: "x-idempotent-required", severity: "error" }]);
  });

  it("holds recorded traffic against the document", async () => {
    writeFileSync(join(root, "api.yaml"), source);
    const line = (body: object) =>
      `${JSON.stringify({ request: { method: "GET", url: "https://x.test/a" }, response: { status: 200, headers: { "content-type": "application/json" }, body } })}\n`;
    writeFileSync(join(root, "traffic.ndjson"), line({ kept: "a" }) + line({ kept: 1 }));
    const recorded = { specs: { api: { ...config.specs.api, recordings: "*.ndjson" } } };
    const results = await checkSpecs({ root, config: recorded });
    expect(results.at(-1)!.findings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^recording api\/traffic\.ndjson\/2: .*\/kept must be string$/),
    ]);
  });
});

describe("a parameter with `content: application/json`", () => {
  const filter = { type: "object", properties: { max_age: { type: "integer" } }, required: ["max_age"] };
  const source = document({
    "/a/{where}": {
      get: {
        operationId: "find",
        parameters: [
          { name: "filter_by", in: "query", content: { "application/json": { schema: filter } } },
          { name: "where", in: "path", required: true, content: { "application/json": { schema: filter } } },
        ],
        responses: ok(),
      },
    },
  });

  it("has the type of its schema in a query, and is text in a path", async () => {
    const { files } = await run(source);
    expect(files.models).toMatch(/interface FindQuery \{\s+filter_by\?: \{\s+max_age: number;/);
    expect(files.operations).toContain('jsonQuery: ["filter_by"]');
    expect(files.client).toContain("find(where: string, options?");
  });

  it("is converted with camelCase", async () => {
    const { files } = await run(source, { camelCase: true, proof: true });
    expect(files.models).toMatch(/filterBy\?: \{\s+maxAge: number;/);
    expect(files.keys).toContain('"FindQuery.filter_by": { max_age: null }');
  });
});

describe("`prefixItems`", () => {
  const point = { type: "object", properties: { x_pos: { type: "number" } }, required: ["x_pos"] };
  const number = { type: "number" };
  const source = document(
    {},
    {
      Pair: { type: "array", prefixItems: [number, text] },
      Closed: { type: "array", prefixItems: [number, point], items: false },
      Open: { type: "array", prefixItems: [text], items: point },
    },
  );

  it("is a tuple with camelCase, whose objects are converted", async () => {
    const { files } = await run(source, { camelCase: true, proof: true });
    expect(files.models).toContain("export type Pair = [number, string];");
    expect(files.models).toMatch(/type Closed = \[number, \{\s+xPos: number;\s+\}\];/);
    expect(files.models).toMatch(/type Open = \[string, \.\.\.\{\s+xPos: number;\s+\}\[\]\];/);
    expect(files.keys).toContain("x_pos");
  });
});

describe("a document that keeps no form of OpenAPI", () => {
  it.each<[what: string, schemas: object, where: RegExp]>([
    ["null where a list belongs", { A: { anyOf: null } }, /api\.yaml:\d+:\d+: Expected type .*struct/],
    [
      "a number for a list of names",
      { A: { required: 0, properties: { a: text } } },
      /api\.yaml:\d+:\d+: .*struct/,
    ],
  ])("is refused at the place of it: %s", async (_, schemas, where) => {
    const paths = { "/a": { get: { responses: ok(ref("A")) } } };
    expect(await refusal(document(paths, schemas), { camelCase: true })).toMatch(where);
  });
});

describe("a union of objects that refer back to it", () => {
  const source = document(
    { "/pet": { get: { operationId: "getPet", responses: ok(ref("Pet")) } } },
    {
      Cat: { type: "object", properties: { best_friend: ref("Pet"), lives_left: text } },
      Dog: {
        allOf: [
          ref("Base"),
          { type: "object", properties: { parents_of: { type: "array", items: ref("Pet") } } },
        ],
      },
      Base: { type: "object", properties: { pet_id: text, any_cat: ref("Cat") } },
      Pet: { oneOf: [ref("Cat"), ref("Dog")] },
    },
  );

  it("has the members of all of them in the key map", async () => {
    const { files } = await run(source, { camelCase: true, proof: true });
    const row = /Pet: \{([^}]*\}?[^}]*)\}/.exec(files.keys!)![1];
    for (const key of ["best_friend", "lives_left", "pet_id", "any_cat", "parents_of"])
      expect(row).toContain(key);
    expect(files.models).toContain("export type Pet = Cat | Dog;");
  });
});

it("a title cannot end a comment of the generated code", async () => {
  const { files } = await run(
    document(
      { "/a": { get: { operationId: "a", responses: ok() } } },
      {},
      { info: { title: "A */ x\ny", version: "1" } },
    ),
  );
  expect(files.client).toContain("/** Every operation of A * / x y, as a method. */");
});

it("the schema of a stream of events is that of each event, unless it is text", async () => {
  const stream = (schema: object) => ({
    200: { description: "s", content: { "text/event-stream": { schema } } },
  });
  const { files } = await run(
    document(
      {
        "/a": { get: { operationId: "a", responses: stream(ref("Tick")) } },
        "/b": { get: { operationId: "b", responses: stream(text) } },
      },
      { Tick: { type: "object", properties: { n: { type: "integer" } } } },
    ),
  );
  expect(files.client).toContain("a(options?: CallOptions): AsyncIterable<Tick>");
  expect(files.client).toContain("b(options?: CallOptions): AsyncIterable<unknown>");
});
