/** Tools that a caller brings along: typed, checked, retried by their entries, and answered by `mock://`. */
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  GatewayClient,
  GatewayUpstreamError,
  GatewayValidationError,
  type ToolTable,
} from "../../src/4runr/index.js";
import { sampleOf } from "../../src/4runr/sample.js";
import { failure, ok, setUp } from "./scripted.ts";

interface Actions {
  jira: {
    createIssue: { params: { project: string; points?: number | null }; result: { key: string } };
    getIssue: { params: { key: string }; result: { key: string; labels: string[] } };
  };
  serpapi: { search: { params: { term: string }; result: { hits: number } } };
}

const text = { type: "string" };
const tools: ToolTable<Actions> = {
  tools: {
    jira: {
      createIssue: {
        idempotent: false,
        params: {
          type: "object",
          required: ["project"],
          properties: { project: text, points: { type: ["integer", "null"] } },
          additionalProperties: false,
        },
        result: { type: "object", properties: { key: text } },
      },
      getIssue: {
        idempotent: true,
        params: {
          type: "object",
          required: ["key"],
          properties: { key: { ...text, pattern: "^[A-Z]+-\\d+$" } },
        },
        result: { type: "object", properties: { key: text, labels: { type: "array", items: text } } },
      },
    },
    serpapi: {
      search: {
        idempotent: true,
        params: { type: "object", required: ["term"], properties: { term: text } },
        result: { type: "object", properties: { hits: { type: "integer", minimum: 3 } } },
      },
    },
  },
};
const mock = () => new GatewayClient({ baseUrl: "mock://local", agentId: "a", logger: false, tools });

describe("types", () => {
  it("of own tools are checked beside those of the gateway", () => {
    const calls = (gw: GatewayClient<Actions>) => {
      expectTypeOf(
        gw.proxy("jira", "createIssue", { project: "X" }).then((r) => r.key),
      ).resolves.toBeString();
      expectTypeOf(gw.proxy("serpapi", "search", { term: "x" }).then((r) => r.hits)).resolves.toBeNumber();
      expectTypeOf(gw.proxy("http_fetch", "head", { url: "u" }).then((r) => r.status)).resolves.toBeNumber();
      expectTypeOf(gw.proxy("other", "thing", { any: 1 })).resolves.toBeUnknown();
      // @ts-expect-error a member of the wrong type
      void gw.proxy("jira", "createIssue", { project: 1 });
      // @ts-expect-error a member that is missing
      void gw.proxy("jira", "getIssue", {});
      // @ts-expect-error the gateway's own parameters, which the own entry replaces
      void gw.proxy("serpapi", "search", { query: "x" });
    };
    expectTypeOf(calls).parameter(0).toEqualTypeOf<ReturnType<typeof mock>>();
    expectTypeOf(new GatewayClient({ baseUrl: "mock://local", agentId: "a" })).toEqualTypeOf<GatewayClient>();
  });
});

describe("a call of an own tool", () => {
  it("with the name of one of the gateway's is sent as it is", async () => {
    const { idempotent, result } = tools.tools.serpapi!.search!;
    const own = { idempotent, result, params: { type: "object" } };
    const { gw, proxied } = setUp([{}], { tools: { tools: { serpapi: { search: own } } } });
    await gw.proxy("serpapi" as string, "search", { q: "x" });
    expect(proxied()[0]!.body!.params).toEqual({ q: "x" });
  });

  it("is checked before it is sent", async () => {
    const { gw, proxied } = setUp([], { tools });
    for (const [params, issue] of [
      [{}, "project: Required"],
      [{ project: "X", points: 1.5 }, "points: Expected integer | null, received float"],
      [{ project: "X", ponits: 1 }, ": Unrecognized key(s) in object: 'ponits'"],
    ] as const) {
      const error = await gw
        .proxy("jira" as string, "createIssue", params)
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(GatewayValidationError);
      expect(error).toMatchObject({ details: [issue] });
    }
    expect(proxied()).toEqual([]);
  });

  it("is sent as it is: not bridged, and with the intent only where the schema takes it", async () => {
    const { gw, proxied } = setUp([{}, {}, {}], { tools, defaultIntent: "plan" });
    await gw.proxy("jira" as string, "createIssue", { project: "X", points: null });
    await gw.proxy("jira" as string, "getIssue", { key: "X-1" });
    await gw.proxy("serpapi" as string, "search", { term: "t" });
    expect(proxied().map(({ body }) => body!.params)).toEqual([
      { project: "X", points: null },
      { key: "X-1", intent: "plan" },
      { term: "t", intent: "plan" },
    ]);
  });

  it("is retried if its entry calls it idempotent, and not if not", async () => {
    const broken = { status: 502, body: { error: "External API request failed", details: "reset" } };
    const again = setUp([broken, { body: ok({ key: "X-1" }) }], { tools });
    const call = again.gw.proxy("jira" as string, "getIssue", { key: "X-1" });
    expect(await again.clock.until(call)).toEqual({ key: "X-1" });
    expect(again.proxied()).toHaveLength(2);
    const once = setUp([broken], { tools });
    expect(
      await once.clock.until(failure(once.gw.proxy("jira" as string, "createIssue", { project: "X" }))),
    ).toBeInstanceOf(GatewayUpstreamError);
    expect(once.proxied()).toHaveLength(1);
  });
});

describe("mock://", () => {
  it("answers with a value of the type of the result", async () => {
    await using gw = mock();
    expect(await gw.proxy("jira", "createIssue", { project: "X" })).toEqual({ key: "mock" });
    expect(await gw.proxy("jira", "getIssue", { key: "X-1" })).toEqual({ key: "mock", labels: ["mock"] });
    expect(await gw.proxy("serpapi", "search", { term: "x" })).toEqual({ hits: 3 });
    expect(await gw.proxy("http_fetch", "head", { url: "https://a.test" })).toMatchObject({ status: 200 });
  });

  it("refuses what the gateway would, also when the client does not check", async () => {
    await using gw = new GatewayClient({
      baseUrl: "mock://l",
      agentId: "a",
      logger: false,
      tools,
      checkParams: false,
    });
    for (const [tool, action, params, details] of [
      ["jira", "getIssue", { key: "none" }, ["key: Invalid"]],
      ["jira", "closeIssue", {}, ["No validator found for jira:closeIssue"]],
      ["jira", "constructor", {}, ["No validator found for jira:constructor"]],
    ] as const) {
      expect(await failure(gw.proxy(tool as string, action, params))).toMatchObject({ status: 400, details });
    }
  });
});

it.each([
  [{ examples: ["e"], enum: ["x"] }, "e"],
  [{ enum: ["x", "y"] }, "x"],
  [{ const: 0 }, 0],
  [{ type: ["null", "string"] }, null],
  [{ type: "string", format: "date-time" }, "2026-01-01T00:00:00.000Z"],
  [{ type: "string", minLength: 6 }, "mock--"],
  [{ type: "integer", exclusiveMinimum: 0.5 }, 2],
  [{ type: "number", maximum: -1 }, -1],
  [{ type: "array", items: { type: "boolean" }, minItems: 2 }, [false, false]],
  [{ oneOf: [{ type: "boolean" }, { type: "null" }] }, false],
  [
    { allOf: [{ properties: { a: text } }, { properties: { b: text } }], type: "object" },
    { a: "mock", b: "mock" },
  ],
  [{}, {}],
])("the sample of %j is %j", (schema, value) => {
  expect(sampleOf(schema)).toEqual(value);
});
