import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { UpstreamError } from "../../src/core/errors.ts";
import { mask } from "../../src/core/mask.ts";
import { reveal, Secret } from "../../src/core/secret.ts";
import { req } from "../requirements/index.ts";

describe("mask", () => {
  it("masks by name at any depth and leaves the rest", () => {
    const value = {
      headers: { Authorization: "Bearer abc", "x-api-key": "k", accept: "json" },
      agents: [{ id: "a1", agentPrivateKeyPem: "MIG" }],
      usage: { tokens_used: 12, tokens: 3, maxTokens: 9 },
      secret: false,
      password: null,
      credentials: { user: "u", pass: "p" },
    };
    expect(mask(value)).toEqual({
      headers: { Authorization: "[secret]", "x-api-key": "[secret]", accept: "json" },
      agents: [{ id: "a1", agentPrivateKeyPem: "[secret]" }],
      usage: { tokens_used: 12, tokens: 3, maxTokens: 9 },
      secret: false,
      password: null,
      credentials: "[secret]",
    });
    expect(value.headers.Authorization).toBe("Bearer abc");
  });

  it("looks into maps, sets, headers, pairs and name-value objects", () => {
    expect(
      mask(
        new Map<unknown, unknown>([
          ["token", "t"],
          ["n", 1],
          [2, "two"],
        ]),
      ),
    ).toEqual({
      token: "[secret]",
      n: 1,
      2: "two",
    });
    expect(mask(new Set(["Bearer abc", 1]))).toEqual(["Bearer [secret]", 1]);
    expect(mask(new Headers({ cookie: "a=b", accept: "x" }))).toEqual({ accept: "x", cookie: "[secret]" });
    expect(
      mask([
        ["x-api-key", "k"],
        ["accept", "x"],
      ]),
    ).toEqual([
      ["x-api-key", "[secret]"],
      ["accept", "x"],
    ]);
    expect(
      mask([
        { name: "API_KEY", value: "k" },
        { value: "k", key: "token" },
        { name: "A", value: "v" },
      ]),
    ).toEqual([
      { name: "API_KEY", value: "[secret]" },
      { value: "[secret]", key: "token" },
      { name: "A", value: "v" },
    ]);
  });

  it("shows bytes by their length only", () => {
    expect(
      mask({
        a: new Uint8Array(32),
        b: Buffer.from("abc"),
        c: new ArrayBuffer(4),
        d: new DataView(new ArrayBuffer(5)),
      }),
    ).toEqual({ a: "[32 bytes]", b: "[3 bytes]", c: "[4 bytes]", d: "[5 bytes]" });
  });

  it("turns other values into plain data", () => {
    const named = function work(): void {};
    expect(
      mask({
        date: new Date(0),
        bad: new Date(Number.NaN),
        url: new URL("https://u:p@h/x?token=t"),
        regexp: /a/g,
        big: 10n,
        named,
        symbol: Symbol("s"),
        none: undefined,
        nan: Number.NaN,
      }),
    ).toEqual({
      date: "1970-01-01T00:00:00.000Z",
      bad: "[invalid date]",
      url: "https://[secret]@h/x?token=[secret]",
      regexp: "/a/g",
      big: "10",
      named: "[function work]",
      symbol: "Symbol(s)",
      none: undefined,
      nan: Number.NaN,
    });
    expect(mask("Bearer abc")).toBe("Bearer [secret]");
    expect(mask(7)).toBe(7);
  });

  it("shows errors with cause and own fields, masked, without the peer's answer", () => {
    const cause = Object.assign(new TypeError("no Bearer abc"), { apiKey: "k" });
    const error = new UpstreamError("failed", {
      status: 502,
      cause,
      details: { token: "t" },
      body: "raw answer",
    });
    const shown = mask({ error }) as { error: Record<string, unknown> };
    expect(shown.error).toMatchObject({
      name: "UpstreamError",
      message: "failed",
      code: "UPSTREAM",
      status: 502,
      retryable: true,
      details: { token: "[secret]" },
      cause: { name: "TypeError", message: "no Bearer [secret]", apiKey: "[secret]" },
    });
    expect(shown.error.stack).toContain("mask.test.ts");
    expect(JSON.stringify(shown)).not.toContain("raw answer");
    const both = mask(new AggregateError([new Error("token=abc")], "all"));
    expect(both).toMatchObject({ message: "all", errors: [{ message: "token=[secret]" }] });
  });

  it("asks an object for its own JSON form, and masks that", () => {
    expect(mask({ a: new Secret("s"), b: { toJSON: () => ({ token: "t", n: 1 }) } })).toEqual({
      a: "[secret]",
      b: { token: "[secret]", n: 1 },
    });
  });

  it("survives cycles, getters that throw, hostile objects and endless JSON forms", () => {
    const loop: Record<string, unknown> = { n: 1 };
    loop.self = loop;
    loop.list = [loop];
    expect(mask(loop)).toEqual({ n: 1, self: "[circular]", list: ["[circular]"] });
    const shared = { n: 1 };
    expect(mask([shared, shared])).toEqual([{ n: 1 }, { n: 1 }]);
    const thrower = Object.defineProperty({ ok: 1 }, "bad", {
      enumerable: true,
      get() {
        throw new Error("getter");
      },
    });
    expect(mask(thrower)).toEqual({ ok: 1, bad: "[unreadable]" });
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(mask({ proxy })).toEqual({ proxy: "[unreadable]" });
    const endless = { toJSON: (): unknown => ({ ...endless }) };
    expect(mask(endless)).toBe("[deep]");
  });

  it.each<[unknown, unknown]>([
    [[["token", "t", 1]], [["token", "t", 1]]],
    [[["token"]], [["token"]]],
    [[[1, "t"]], [[1, "t"]]],
    [
      ["token", "t"],
      ["token", "t"],
    ],
    [
      { name: "token", n: 1 },
      { name: "token", n: 1 },
    ],
    [
      { name: 5, value: "v" },
      { name: 5, value: "v" },
    ],
    [
      { name: "token", key: 5, value: "v" },
      { name: "token", key: 5, value: "[secret]" },
    ],
    [{ value: "v" }, { value: "v" }],
    [
      { title: "token", value: "v" },
      { title: "token", value: "v" },
    ],
    [
      { toJSON: 5, n: 1 },
      { toJSON: 5, n: 1 },
    ],
    [new Map([[{ n: 1 }, 1]]), { "[object Object]": 1 }],
    [new Map([["Basic dXNlcjpwYXNz", 1]]), { "Basic [secret]": 1 }],
    [[["Bearer abc token", "t"]], [["Bearer [secret] token", "[secret]"]]],
  ])("shows %o as %j", (value, shown) => {
    expect(mask(value)).toStrictEqual(shown);
  });

  it("shows that fields cannot be read", () => {
    const keyless = new Proxy({}, { ownKeys: () => [1] as unknown as string[] });
    expect(mask(keyless)).toEqual({ fields: "[unreadable]" });
    expect(mask([Object.create(Date.prototype)])).toEqual(["[unreadable]"]);
  });

  it("shows of an error the members that it has, in their order", () => {
    const error = Object.assign(new Error("x"), { code: 5 });
    expect(Object.keys(mask(error) as object)).toEqual(["name", "message", "stack", "code"]);
    const several = new AggregateError([], "x", { cause: 1 });
    expect(Object.keys(mask(several) as object)).toEqual(["name", "message", "stack", "cause", "errors"]);
  });

  it("works where the platform has no Headers", () => {
    vi.stubGlobal("Headers", undefined);
    const shown = mask({ n: 1 });
    vi.unstubAllGlobals();
    expect(shown).toEqual({ n: 1 });
  });

  it("cuts names and texts at the length that is given, and says how long they are", () => {
    expect(mask({ "ab cd": "ab cd", b: "abcd" }, { text: 4 })).toEqual({
      "ab c… (5 characters)": "ab c… (5 characters)",
      b: "abcd",
    });
    expect(mask([["long token", "t"]], { text: 4 })).toEqual([["long… (10 characters)", "[secret]"]]);
    expect(mask([/abcd/, new URL("a:bcdef")], { text: 4 })).toEqual([
      "/abc… (6 characters)",
      "a:bc… (7 characters)",
    ]);
  });

  it("finds a secret that begins before the cut, however long it is up to a limit", () => {
    const pem = (length: number) =>
      `-----BEGIN PRIVATE KEY-----${"A".repeat(length)}-----END PRIVATE KEY-----`;
    expect(mask(`a ${pem(16_000)} b`, { text: 10 })).toBe("a [secret]… (16056 characters)");
  });

  it("keeps a field named __proto__ a field", () => {
    const shown = mask(JSON.parse('{"__proto__":{"token":"t"}}')) as object;
    expect(Object.getPrototypeOf(shown)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(shown, "__proto__")?.value).toEqual({ token: "[secret]" });
  });

  it("stops at its bounds of depth, number and length", () => {
    expect(mask({ a: { b: { c: 1 } } }, { depth: 2 })).toEqual({ a: { b: "[deep]" } });
    const wide = mask(Array.from({ length: 10_000 }, (_, n) => n)) as unknown[];
    expect(wide).toHaveLength(1_001);
    expect(mask(Array.from({ length: 1_000 }, (_, n) => n))).toHaveLength(1_000);
    expect(wide.at(-1)).toBe("[more]");
    const object = mask(Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${n}`, n])), {
      entries: 10,
    });
    expect(object).toMatchObject({ k0: 0, "…": "[more]" });
    expect(mask([[1], [2]], { entries: 2 })).toEqual([[1], "[more]"]);
    const long = mask("x".repeat(20_000)) as string;
    expect(long).toBe(`${"x".repeat(8_192)}… (20000 characters)`);
  });

  it("does not leave the first half of a secret that lies across the cut", () => {
    const text = `${"x ".repeat(10)}token=${"S3cret".repeat(50)}`;
    expect(mask(text, { text: 60 })).not.toContain("S3cret");
  });

  it(req("core.mask.fields", "never shows a planted secret, wherever it is planted"), () => {
    const planted = "pl4nted-s3cret-v4lue";
    const name = fc.constantFrom(
      "token",
      "apiKey",
      "X-Api-Key",
      "client_secret",
      "agentPrivateKeyPem",
      "Cookie",
      "db.password",
    );
    const holder: fc.Arbitrary<unknown> = fc
      .tuple(name, fc.constantFrom("object", "map", "headers", "pair", "named", "error", "text", "nested"))
      .map(([key, kind]) => {
        if (kind === "map") return new Map([[key, planted]]);
        if (kind === "headers") return new Headers({ [key]: planted });
        if (kind === "pair") return [[key, planted]];
        if (kind === "named") return { name: key, value: planted };
        if (kind === "error") return Object.assign(new Error(`Bearer ${planted}`), { [key]: planted });
        if (kind === "text") return `call failed: https://u:${planted}@host/?${key}=${planted}`;
        if (kind === "nested") return { [key]: { deep: [planted] } };
        return { [key]: planted };
      });
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        holder,
        fc.array(tie("node"), { maxLength: 4 }),
        fc.dictionary(fc.string({ maxLength: 8 }), tie("node"), { maxKeys: 4 }),
        fc.anything({ maxDepth: 2 }),
      ),
    })).node;
    fc.assert(
      fc.property(tree, holder, (value, extra) => {
        const shown = mask({ value, extra }, { entries: 10_000, depth: 20 });
        expect(inspect(shown, { depth: 30, maxArrayLength: null })).not.toContain(planted);
      }),
      { numRuns: 400 },
    );
  });

  it("always gives data that can be written as JSON", () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withMap: true, withSet: true, withDate: true, withTypedArray: true }),
        (value) => {
          expect(() => JSON.stringify(mask(value))).not.toThrow();
        },
      ),
    );
  });
});

describe("Secret", () => {
  const secret = new Secret("hunter2");

  it("shows nothing however it is printed", () => {
    const shown = [
      String(secret),
      `${secret}`,
      `${secret as unknown as string}x`,
      JSON.stringify({ secret }),
      inspect({ deep: { secret } }, { depth: 9, showHidden: true }),
      inspect(new Error("x", { cause: secret })),
      Object.keys(secret).join(),
      JSON.stringify(mask({ other: secret })),
    ];
    for (const text of shown) expect(text).not.toContain("hunter2");
    expect(JSON.stringify({ secret })).toBe('{"secret":"[secret]"}');
    expect(shown.slice(0, 3)).toEqual(["[secret]", "[secret]", "[secret]x"]);
    expect([inspect(secret), secret.toString(), secret.toJSON()]).toEqual([
      "[secret]",
      "[secret]",
      "[secret]",
    ]);
  });

  it("gives its value when asked, and reveal() takes both forms", () => {
    expect(secret.reveal()).toBe("hunter2");
    expect(reveal(secret)).toBe("hunter2");
    expect(reveal("plain")).toBe("plain");
    expect(new Secret(new Uint8Array([1])).reveal()).toEqual(new Uint8Array([1]));
  });
});
