import { describe, expect, it } from "vitest";
import { GatewayConflictError, GatewayValidationError } from "../../src/4runr/index.js";
import { bridgeParams, checkParams, lacksMockInput } from "../../src/4runr/params.js";
import { req } from "../requirements/index.ts";
import { failure, mail, ok, search, setUp } from "./scripted.ts";

const open = {
  status: 502,
  body: { error: "External API request failed", details: "Circuit breaker is OPEN for 30000ms" },
};
const limited = { status: 429, body: { error: "Rate limit exceeded", retry_after: 7 } };
const refused = Object.assign(new TypeError("fetch failed"), {
  cause: { code: "ECONNREFUSED", syscall: "connect" },
});

describe("parameters", () => {
  it.each([
    ["serpapi", "search", { q: "a" }, { q: "a", query: "a" }],
    ["serpapi", "search", { query: "a" }, { q: "a", query: "a" }],
    ["serpapi", "search", { q: "a", query: "b" }, { q: "a", query: "b" }],
    ["gmail_send", "send", mail, { ...mail, text: mail.body }],
    [
      "openai",
      "chat",
      {
        messages: [
          { role: "user", content: "one" },
          { role: "assistant", content: "x" },
          { role: "user", content: "two" },
        ],
      },
      { model: "gpt-4o-mini" },
    ],
    ["openai", "chat", { messages: [{ role: "system", content: "s" }], model: "m" }, { model: "m" }],
    ["openai", "complete", { prompt: "p" }, { prompt: "p", model: "gpt-4o-mini" }],
    ["http_fetch", "get", { url: "https://example.com" }, { url: "https://example.com" }],
  ] as const)(req("fourRunr.bridge", "%s:%s of %j"), async (tool, action, params, sent) => {
    const { gw, proxied } = setUp();
    const before = structuredClone(params);
    await gw.proxy(tool as string, action, params);
    expect(proxied()[0]!.body!.params).toMatchObject(sent);
    expect(params).toEqual(before);
  });

  it.each([
    ["serpapi", "search", { num: 1 }],
    ["serpapi", "search", { q: "a", query: "b" }],
    ["gmail_send", "send", { to: "x" }],
    ["other", "chat", { q: "a" }],
  ] as const)(
    "of %s:%s stay the same object where there is nothing to bridge: %j",
    (tool, action, params) => {
      expect(bridgeParams(tool, action, params, { defaultModel: "m", mockInput: true })).toBe(params);
    },
  );

  it.each(["bridgeParams", "intentInParams"])("%s that throws fails the call", async (name) => {
    const own = new Error("no rule");
    const rule = () => {
      throw own;
    };
    const { gw, proxied } = setUp([{}], { [name]: rule, defaultIntent: "i" });
    const error = await failure(gw.proxy("serpapi", "search", { q: "a" }, { correlationId: "c-1" }));
    expect(error).toBeInstanceOf(GatewayValidationError);
    expect(error).toMatchObject({ cause: own, correlationId: "c-1", sent: false });
    expect(proxied()).toEqual([]);
  });

  it("the bridge can be turned off, and the default model too", async () => {
    const { gw, proxied } = setUp([{}], { bridgeParams: false, checkParams: false });
    await gw.proxy("serpapi", "search", { q: "a" });
    expect(proxied()[0]!.body!.params).toEqual({ q: "a" });
    const plain = setUp([{}], { defaultModel: "" });
    await plain.gw.proxy("openai", "complete", { prompt: "p" });
    expect(plain.proxied()[0]!.body!.params).toEqual({ prompt: "p" });
  });

  it.each([
    ["serpapi", "search", {}, "query: Required"],
    ["serpapi", "search", { q: "x".repeat(501) }, "query: String must contain at most 500 character(s)"],
    ["serpapi", "search", { q: "x", num: 101 }, "num: Number must be less than or equal to 100"],
    ["http_fetch", "get", { url: "not a url" }, "url: Invalid url"],
    ["gmail_send", "send", { ...mail, to: ["a@b.co"] }, "to: Expected string, received array"],
    ["gmail_send", "send", { ...mail, to: "nobody" }, "to: Invalid email"],
    ["openai", "chat", { messages: [] }, "messages: Array must contain at least 1 element(s)"],
  ] as const)(req("fourRunr.params", "%s:%s of %j spends nothing"), async (tool, action, params, issue) => {
    const { gw, asked } = setUp();
    const error = await failure(gw.proxy(tool as string, action, params));
    expect(error).toBeInstanceOf(GatewayValidationError);
    expect(error.details).toEqual([issue]);
    expect(asked).toEqual([]);
  });

  it.each<[object, unknown, string]>([
    [{ type: "string", minLength: 2 }, "a", "String must contain at least 2 character(s)"],
    [{ type: "string", maxLength: 2 }, "abc", "String must contain at most 2 character(s)"],
    [{ type: "array", minItems: 1 }, [], "Array must contain at least 1 element(s)"],
    [{ type: "array", maxItems: 1 }, [1, 2], "Array must contain at most 1 element(s)"],
    [{ type: "number", minimum: 1 }, 0, "Number must be greater than or equal to 1"],
    [{ type: "number", maximum: 1 }, 2, "Number must be less than or equal to 1"],
    [{ type: "number", exclusiveMinimum: 0 }, 0, "Number must be greater than 0"],
    [{ type: "number" }, Infinity, "Number must be finite"],
    [{ type: "integer" }, "1", "Expected integer, received string"],
    [{ type: "integer" }, 1.5, "Expected integer, received float"],
    [{ type: "string" }, 1.5, "Expected string, received number"],
    [{ enum: ["a", "b"] }, "c", "Invalid enum value. Expected 'a' | 'b', received 'c'"],
    [{ enum: ["a", "b"] }, 1, "Expected 'a' | 'b', received number"],
    [{ type: "string", format: "uri" }, "x", "Invalid url"],
    [{ type: "string", format: "email" }, "x", "Invalid email"],
    [{ type: "string", pattern: "^a" }, "x", "Invalid"],
  ])("that do not match %j are refused in the words of the gateway: %j", (schema, value, words) => {
    const params = { type: "object", properties: { list: { type: "array", items: schema } } };
    expect(checkParams({ params }, { list: [value] })).toEqual([`list.0: ${words}`]);
  });

  it.each<[string, string, unknown, boolean]>([
    ["openai", "chat", "Cannot read properties of undefined (reading 'slice')", true],
    ["openai", "complete", "Cannot read properties of undefined (reading 'slice')", false],
    ["serpapi", "chat", "Cannot read properties of undefined (reading 'slice')", false],
    ["openai", "chat", "TypeError: Cannot read properties of undefined", false],
    ["openai", "chat", undefined, false],
  ])("of %s:%s lack the input of mock mode if the gateway says %j: %s", (tool, action, said, lacks) => {
    expect(lacksMockInput(tool, action, said)).toBe(lacks);
  });

  const user = (content?: unknown) => ({ role: "user", content });
  it.each<[string, unknown, string | undefined]>([
    [
      "the last words of the user",
      [user("one"), { role: "assistant", content: "x" }, user("two"), null, { role: "system", content: "s" }],
      "two",
    ],
    ["nothing without a user", [{ role: "system", content: "s" }], undefined],
    ["nothing where they are no text", [user([{ type: "text" }])], undefined],
    ["nothing without messages", undefined, undefined],
  ])("of a chat in mock mode get as input %s", (_, messages, input) => {
    const sent = (mockInput: boolean) => bridgeParams("openai", "chat", { messages }, { mockInput });
    expect(sent(true)).toEqual({ messages, ...(input !== undefined && { input }) });
    expect(sent(false)).toEqual({ messages });
    expect(bridgeParams("openai", "chat", { messages, input: "own" }, { mockInput: true }).input).toBe("own");
    expect(bridgeParams("openai", "complete", { messages }, { mockInput: true })).toEqual({ messages });
  });

  it(req("fourRunr.intent", "stands in params, body and header"), async () => {
    const { gw, proxied } = setUp([{}], {
      defaultIntent: "lead_discovery",
      intentInParams: (tool) => tool !== "openai",
    });
    await gw.proxy("serpapi", "search", search);
    expect(proxied()[0]).toMatchObject({
      headers: { "x-agent-intent": "lead_discovery" },
      body: { intent: "lead_discovery", params: { intent: "lead_discovery" } },
    });
    gw.setIntent("other");
    await gw.proxy("openai", "complete", { prompt: "p" });
    expect(proxied()[1]!.body!.intent).toBe("other");
    expect(proxied()[1]!.body!.params).not.toHaveProperty("intent");
    await gw.proxy("serpapi", "search", { ...search, intent: "own" });
    expect(proxied()[2]!.body!.params).toMatchObject({ intent: "own" });
    gw.setIntent(undefined);
    await gw.proxy("serpapi", "search", search);
    expect(proxied()[3]!.body).not.toHaveProperty("intent");
  });
});

it("the compiler knows the tools, and lets others pass", async () => {
  const { gw } = setUp([{ body: ok({ results: [{ title: "t", url: "u" }] }) }]);
  const found = await gw.proxy("serpapi", "search", { q: "x" });
  const title: string | undefined = found.results?.[0]?.title;
  const unknown: unknown = await gw.proxy("new_tool", "do", { any: 1 });
  expect([title, unknown]).toEqual(["t", { results: [{ title: "t", url: "u" }] }]);
  // @ts-expect-error num is a number
  await failure(gw.proxy("serpapi", "search", { q: "x", num: "10" }));
  // @ts-expect-error to is required
  await failure(gw.proxy("gmail_send", "send", { subject: "s", body: "b" }));
  // @ts-expect-error a result of a tool that is not known is unknown
  unknown.results;
});

describe("idempotency keys", () => {
  const keyed = { ...mail, idempotency_key: "k-1" };

  it(req("fourRunr.idempotency.once", "two calls with one key, at once and later, are one"), async () => {
    const { gw, proxied } = setUp([{ body: ok({ id: "m-1" }) }, { body: ok({ id: "m-2" }) }]);
    const both = await Promise.all([
      gw.proxy("gmail_send", "send", keyed),
      gw.proxy("gmail_send", "send", keyed),
    ]);
    expect([...both, await gw.proxy("gmail_send", "send", keyed)]).toEqual(Array(3).fill({ id: "m-1" }));
    expect(proxied()).toHaveLength(1);
    expect(proxied()[0]!.headers["idempotency-key"]).toBe("k-1");
    await gw.proxy("gmail_send", "send", mail);
    expect(proxied().pop()!.headers).not.toHaveProperty("idempotency-key");
    expect(await gw.proxy("gmail_send", "send", mail, { idempotencyKey: "k-2" })).toEqual({ id: "m-2" });
  });

  it("one key for two different calls is a conflict", async () => {
    const { gw } = setUp();
    await gw.proxy("gmail_send", "send", keyed);
    const other = { ...keyed, subject: "Another" };
    expect(await failure(gw.proxy("gmail_send", "send", other))).toBeInstanceOf(GatewayConflictError);
  });

  it("a call that may have been carried out is not made again; one that was not, is", async () => {
    const { gw, clock, proxied } = setUp([{ hangs: true }, {}]);
    const first = await clock.until(failure(gw.proxy("gmail_send", "send", keyed)));
    const { name, message, code } = first;
    const again = await failure(gw.proxy("gmail_send", "send", { ...keyed }));
    expect(again).toMatchObject({ name, message, code, attempts: 1 });
    expect(again.correlationId).not.toBe(first.correlationId);
    expect(proxied()).toHaveLength(1);
    for (const reply of [
      limited,
      open,
      { throws: refused },
      { status: 403, body: { error: "Policy denied" } },
    ]) {
      const again = setUp([reply, {}], { retry: false });
      await failure(again.gw.proxy("gmail_send", "send", keyed));
      expect(await again.gw.proxy("gmail_send", "send", keyed)).toEqual({ x: 1 });
    }
  });
});
