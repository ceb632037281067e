import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { masked, maskText } from "../../src/core/mask-text.ts";
import { req } from "../requirements/index.ts";

const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlLWJ5dGVz";
const seed = `SU${"A".repeat(56)}`;
const pem = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();

const block = "-----BEGIN PRIVATE KEY-----x-----END PRIVATE KEY-----";

describe("maskText", () => {
  it.each<readonly [string, string]>([
    ["Authorization: Bearer abc.def", "Authorization: [secret]"],
    ["sent Bearer abc.def-1 to it", "sent Bearer [secret] to it"],
    ["bearer token-1", "bearer [secret]"],
    ["Basic dXNlcjpwYXNz", "Basic [secret]"],
    [`got ${jwt}.`, "got [secret]"],
    [`(${jwt})`, "([secret])"],
    [`seed ${seed}`, "seed [secret]"],
    ["nats://user:pass@host:4222", "nats://[secret]@host:4222"],
    ["redis://:p@ss@host/0", "redis://[secret]@host/0"],
    ["https://a/b?x=1&access_token=abc&y=2", "https://a/b?x=1&access_token=[secret]&y=2"],
    ["https://a/b?key=abc", "https://a/b?key=[secret]"],
    ["url: https://a/b?token=abc", "url: https://a/b?token=[secret]"],
    ["NATS_PASSWORD=hunter2 NATS_URL=x", "NATS_PASSWORD=[secret] NATS_URL=x"],
    ['{"api_key":"abc","n":1}', '{"api_key":"[secret]","n":1}'],
    ['{"password" : "a\\"b"}', '{"password" : "[secret]"}'],
    ['{"password":1234}', '{"password":[secret]'],
    ['"{\\"secret\\":\\"abc\\"}"', '"{\\"secret\\":\\"[secret]\\"}"'],
    ["{'password': 'abc'}", "{'password': '[secret]'}"],
    ['{"password":"cut of', '{"password":"[secret]"'],
    ["x-api-key: abc", "x-api-key: [secret]"],
    ['token: "abc"', 'token: "[secret]"'],
    ["token: 'abc'", "token: '[secret]'"],
    ['token: \\"abc\\"', 'token: \\"[secret]\\"'],
    ["set-cookie: a=b; Path=/; Secure\r\nx: y", "set-cookie: [secret]\r\nx: y"],
    ["client_secret=abc&grant_type=x", "client_secret=[secret]&grant_type=x"],
    ["a -----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK----- b", "a [secret] b"],
    ["a -----BEGIN A1 B C PRIVATE KEY-----x-----END A1 B C PRIVATE KEY----- b", "a [secret] b"],
    [`${block}mid${block}`, "[secret]mid[secret]"],
    ["eyJaaaaa.b.c.d.e", "[secret]"],
    ["eyJaaaaa.b.c.d.e.f", "[secret].f"],
    ["eyJaaaaa..c", "[secret]"],
    ...["SA", "SC", "SN", "SO", "SU", "SX"].map(
      (prefix) => [`${prefix}${"Z7".repeat(28)}`, "[secret]"] as const,
    ),
    ["Bearer\tabc==", "Bearer [secret]"],
    ["(Bearer  a.b~c+d/e-f_1=)", "(Bearer [secret])"],
    ["Bearer token.abc", "Bearer [secret]"],
    ["Bearer authx", "Bearer [secret]"],
    ["BASIC dXNlcjpwYXNz", "BASIC [secret]"],
    ["a+1.b-c://u:p@h", "a+1.b-c://[secret]@h"],
    ["HTTP://u@h", "HTTP://[secret]@h"],
    [`${"a".repeat(21)}://u:p@h`, `${"a".repeat(21)}://[secret]@h`],
    ["Proxy-Authorization: Negotiate abc def", "Proxy-Authorization: [secret]"],
    ["x: y\n \tCookie:a=b; c=d\nz: e", "x: y\n \tCookie: [secret]\nz: e"],
    ["token = 'a b' c", "token = '[secret]' c"],
    ["token = 'a b", "token = '[secret]'"],
    ["token='a\nb'", "token='[secret]'\nb'"],
    ["token=nullx true", "token=[secret] true"],
    ["password=12; n=1", "password=[secret] n=1"],
    ["api_key: abc", "api_key: [secret]"],
    ["tokens=12abc tokens=x12", "tokens=[secret] tokens=[secret]"],
    ["api_key \n = abc", "api_key \n = [secret]"],
    ["https://a/b?CODE=1&key=2", "https://a/b?CODE=[secret]&key=[secret]"],
    ['{"token":"a\\\\","n":1}', '{"token":"[secret]","n":1}'],
    ['{\\"token\\":\\"a\\nb\\",\\"n\\":1}', '{\\"token\\":\\"[secret]\\",\\"n\\":1}'],
    ["a=1 token=x b=2 token=y c", "a=1 token=[secret] b=2 token=[secret] c"],
  ])("masks %j", (text, expected) => {
    expect(maskText(text)).toBe(expected);
  });

  it.each([
    "",
    "token",
    "bearer token is missing",
    'Bearer realm="x", error="invalid_token"',
    "Basic functionality works",
    "basic authentication",
    "Basic !",
    "token: missing",
    "password: must be a string",
    'invalid "token_type": "Bearer"',
    '{"tokens":12,"maxTokens":5,"secret":true,"cookie":false,"password":null,"proof":{"n":1},"tokens":[1]}',
    "signature=MEUCIQ",
    "key=value",
    "code=42",
    "https://a.example/path?x=1#key",
    "eyJust a word",
    "eyJaaaaa.b",
    "eyJaaaa.b.c",
    "xeyJaaaaa.b.c",
    "-eyJaaaaa.b.c",
    `A${seed}`,
    `${seed}A`,
    `SB${"A".repeat(56)}`,
    "xBearer abcdef",
    "x-Bearer abcdef",
    'Bearer scope="a"',
    "Bearer authentication fails",
    "Bearer authorization fails",
    "bearer auth, bearer tokens",
    "BASIC QUJD",
    "1ab://u@h",
    `${"a".repeat(22)}://u:p@h`,
    "http://h/a@b",
    "http://h?a@b",
    "http://h#a@b",
    "http://h a@b",
    "http://h\"a@b'",
    "http://<h>@b",
    "Cookie:",
    "token:abc",
    "token=null",
    "token={1}",
    "tokens=12, tokens=-1.5)}];",
    "key=1&x=2",
    "code: 1",
    "-----BEGIN A B C D PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEYS-----",
    "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----",
  ])("leaves %j as it is", (text) => {
    expect(maskText(text)).toBe(text);
  });

  it("masks a private key in PEM form, whole, cut off, or with escaped line ends", () => {
    const body = pem.split("\n")[1]!;
    for (const text of [pem, pem.slice(0, 120), JSON.stringify({ text: pem }), `a ${pem} b ${pem} c`]) {
      expect(text).toContain(body);
      expect(maskText(text)).not.toContain(body);
    }
    expect(maskText(`a ${pem.trim()} b`)).toBe(`a ${masked} b`);
  });

  it(req("core.mask.text", "never leaves a secret in any of the shapes it knows"), () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9_-]{12,40}$/).map((text) => `Zq7${text}`);
    const shape = fc.constantFrom<(secret: string) => string>(
      (s) => `Bearer ${s}`,
      (s) => `https://user:${s}@host/path`,
      (s) => `nats://${s}@host`,
      (s) => `?token=${s}&x=1`,
      (s) => `API_KEY=${s}`,
      (s) => JSON.stringify({ a: 1, clientSecret: s, b: 2 }),
      (s) => JSON.stringify(JSON.stringify({ password: s })),
      (s) => `-----BEGIN EC PRIVATE KEY-----\n${s}\n-----END EC PRIVATE KEY-----`,
      (s) => `eyJhbGciOiJub25lIn0.${s}.${s}`,
      (s) => `X-Agent-Proof: ${s}`,
    );
    const around = fc.constantFrom("", " ", "\n", "before ", " url: ", "(", '"', "a=1 ");
    fc.assert(
      fc.property(secret, shape, around, around, (text, shaped, before, after) => {
        expect(maskText(`${before}${shaped(text)} ${after}`)).not.toContain(text);
      }),
      { numRuns: 500 },
    );
  });

  it("changes nothing when it is applied again", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (text) => {
        const once = maskText(`${text} token=abc Bearer xyz1 ${text}`);
        expect(maskText(once)).toBe(once);
      }),
    );
  });

  it("reads hostile text in linear steps", () => {
    const hostile = [
      "a".repeat(200_000),
      "a=".repeat(100_000),
      "key=".repeat(50_000),
      "token:".repeat(40_000),
      "tokens=1 ".repeat(20_000),
      "eyJaaaaa.".repeat(20_000),
      "-----BEGIN PRIVATE KEY-----".repeat(7_000),
      "token=\\".repeat(20_000),
      'token="'.repeat(20_000),
      "x://".repeat(50_000),
      "Bearer ".repeat(30_000),
      "\n ".repeat(50_000),
      "-".repeat(200_000),
    ];
    // Quadratic reading of any of these takes minutes and runs into the test's own time limit.
    for (const text of hostile) expect(maskText(text).length).toBeLessThanOrEqual(2 * text.length);
  });
});
